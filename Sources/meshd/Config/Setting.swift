import Mesh
import Store

/// One setting of a node: the row that flags, environment, file, documentation and checks are made from.
struct Setting: Sendable {
    /// The flag without its dashes and the TOML key; `MESHD_` and upper case make the environment variable.
    let name: String
    let kind: SettingKind
    let fallback: String
    /// What it does, in one sentence, and why the default is what it is where that is not plain.
    let purpose: String

    var flag: String { "--" + name }

    var variable: String { "MESHD_" + name.uppercased().replacing("-", with: "_") }

    /// Every setting there is. The order is that of `meshd config`.
    static let all: [Setting] = [
        Setting("data-dir", .path(isOptional: false), "data", "The directory that holds everything this node keeps."),
        Setting("name", .name, hostName, "This node's name in logs, metrics and the console; the host's by default."),
        Setting(
            "zone",
            .name,
            "default",
            "The failure zone of this node: a rack, a room, a site; by default what its join token said."
        ),
        Setting("s3-listen", .address, "127.0.0.1:9000", "Where S3 clients connect."),
        Setting("admin-listen", .address, "127.0.0.1:9001", "Where the admin API, health and metrics are."),
        Setting("mesh-listen", .address, "127.0.0.1:9002", "Where other nodes connect, by UDP and by TCP."),
        Setting(
            "mesh-advertise",
            .optionalAddress,
            "",
            "Where other nodes reach this one, when that is not mesh-listen: behind NAT, or when that is 0.0.0.0."
        ),
        Setting(
            "join",
            .token,
            "",
            "The token of the mesh to join; a node that belongs to a mesh already takes no other."
        ),
        Setting(
            "seeds",
            .seeds,
            "",
            "Other nodes of the mesh, to be looked for at start and while this node is alone."
        ),
        Setting(
            "mesh-profile",
            .choice(["balanced", "fast", "wan"]),
            "balanced",
            "How patient failure detection is: balanced outlives a pause of four seconds, fast does not, "
                + "wan is for links across the world."
        ),
        Setting(
            "lan-discovery",
            .choice(["on", "off"]),
            "on",
            "Whether this node, while it is alone, answers `meshd discover` on the networks that mesh-listen is on."
        ),
        Setting(
            "witness",
            .choice(["on", "off"]),
            "off",
            "Whether this node joins as the witness of a pair: it has a vote on everything and keeps no objects."
        ),
        Setting("region", .name, "us-east-1", "The region that S3 signatures must name."),
        Setting("domain", .names, "", "Domains whose subdomains are bucket names (virtual-host style)."),
        Setting("tls-certificate", .path(isOptional: true), "", "PEM chain for the S3 port; read again on SIGHUP."),
        Setting("tls-key", .path(isOptional: true), "", "PEM private key of tls-certificate."),
        Setting("admin-tls-certificate", .path(isOptional: true), "", "PEM chain for the admin port."),
        Setting("admin-tls-key", .path(isOptional: true), "", "PEM private key of admin-tls-certificate."),
        Setting(
            "log-level",
            .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            "info",
            "The least severe log lines that are written."
        ),
        Setting(
            "max-nodes",
            .count(0...4_096),
            "0",
            "More nodes get no place in the mesh; 0 sets no limit. Set the same on all nodes."
        ),
        Setting("max-buckets", .count(0...1_000_000), "0", "More buckets are not made; 0 sets no limit."),
        Setting("max-tenants", .count(0...100_000), "0", "More tenants are not made; 0 sets no limit."),
        Setting(
            "max-bytes",
            .bytes(0...(1 << 60)),
            "0B",
            "With so many bytes of objects on it this node takes no more of them; 0 sets no limit but the disk's."
        ),
        Setting(
            "events-size",
            .bytes((256 << 10)...(256 << 20)),
            SettingKind.text(ofBytes: UInt64(EventBook.Limits().bytesMax)),
            "Space for the log of events; the oldest go when it is full."
        ),
        Setting(
            "events-age",
            .millis(3_600_000...(3_650 * 86_400_000)),
            SettingKind.text(ofMillis: EventBook.Limits().ageMillisMax),
            "Older events go."
        ),
        Setting("connections-max", .count(1...1_000_000), "4096", "S3 connections at once; more wait in the backlog."),
        Setting("admin-connections-max", .count(1...65_536), "256", "Admin connections at once."),
        Setting(
            "idle-timeout",
            .millis(1_000...3_600_000),
            "75s",
            "A connection that is silent this long is closed; above the 60 s of most load balancers."
        ),
        Setting(
            "shutdown-timeout",
            .millis(0...3_600_000),
            "30s",
            "Requests may go on this long after a stop was asked for."
        ),
        Setting(
            "disk-reserve",
            .bytes(0...(1 << 50)),
            SettingKind.text(ofBytes: defaults.diskFreeBytesMin),
            "Below this much free space the node turns read-only, until half as much again is free."
        ),
        Setting(
            "scrub-rate",
            .bytes(0...(1 << 40)),
            SettingKind.text(ofBytes: defaults.scrubBytesPerSecond),
            "Bytes per second that the background check of all checksums reads; 0 switches it off."
        ),
        Setting(
            "inline-limit",
            .bytes(0...(64 << 10)),
            SettingKind.text(ofBytes: UInt64(defaults.inlineBytesMax)),
            "Objects up to this size live in the index: one write, one sync."
        ),
        Setting(
            "segment-size",
            .bytes((16 << 20)...(2 << 30)),
            SettingKind.text(ofBytes: defaults.segmentBytesMax),
            "A segment file is closed at this size."
        ),
        Setting("reader-threads", .count(1...256), "\(defaults.readerThreads)", "Threads that read from the disk."),
        Setting(
            "write-queue",
            .count(16...1_048_576),
            "\(defaults.queuedWritesMax)",
            "Writes that may wait for the disk; more are told to slow down."
        ),
        Setting(
            "collect-interval",
            .millis(0...(30 * 86_400_000)),
            "1h",
            "Between two rounds in which the traces of deleted objects are collected from all nodes; 0 keeps them."
        ),
        Setting(
            "collect-age",
            .millis(0...(30 * 86_400_000)),
            "10m",
            "Younger traces of deleted objects stay: longer than a request takes, and than clocks differ."
        ),
        Setting(
            "compaction-share",
            .share(0.05...0.95),
            "\(defaults.compactionDeadShare)",
            "Segments with a larger share of dead bytes are rewritten."
        ),
    ]

    static func named(_ name: String) -> Setting? { byName[name] }

    /// The known name that `name` was probably meant to be; nil when none is near.
    static func nearest(to name: String) -> String? {
        let distances = all.map { ($0.name, editDistance(name, $0.name)) }
        guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= max(2, name.count / 3) else { return nil }
        return best.0
    }

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    private static let defaults = StoreSettings()

    private init(_ name: String, _ kind: SettingKind, _ fallback: String, _ purpose: String) {
        self.name = name
        self.kind = kind
        self.fallback = fallback
        self.purpose = purpose
    }

    /// Levenshtein's distance: insertions, deletions and replacements between two names.
    private static func editDistance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8.prefix(64))
        let b = Array(b.utf8.prefix(64))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let replaced = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
            }
        }
        return row[b.count]
    }
}
