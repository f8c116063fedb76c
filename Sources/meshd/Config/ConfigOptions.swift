import ArgumentParser
import Glibc

/// The settings as flags: one per row of `Setting.all`, which holds their meaning.
struct ConfigOptions: ParsableArguments {
    @Option(help: "Read settings from this TOML file.")
    var config: String?
    @Option(help: "The directory that holds everything this node keeps.")
    var dataDir: String?
    @Option(help: "This node's name.")
    var name: String?
    @Option(help: "The failure zone of this node.")
    var zone: String?
    @Option(help: ArgumentHelp("Where S3 clients connect.", valueName: "host:port"))
    var s3Listen: String?
    @Option(help: ArgumentHelp("Where the admin API, health and metrics are.", valueName: "host:port"))
    var adminListen: String?
    @Option(help: ArgumentHelp("Where other nodes connect.", valueName: "host:port"))
    var meshListen: String?
    @Option(
        help: ArgumentHelp("Where other nodes reach this one, when that is not mesh-listen.", valueName: "host:port")
    )
    var meshAdvertise: String?
    @Option(help: ArgumentHelp("Join the mesh that made this token, on the first start.", valueName: "token"))
    var join: String?
    @Option(help: "Other nodes to look for, separated by commas: HOST:PORT or srv:_meshd._udp.DOMAIN.")
    var seeds: String?
    @Option(help: "balanced, fast or wan.")
    var meshProfile: String?
    @Option(help: "on or off.")
    var lanDiscovery: String?
    @Option(help: "on or off: whether it joins as the witness of a pair, and keeps no objects.")
    var witness: String?
    @Option(help: "The region that S3 signatures must name.")
    var region: String?
    @Option(help: "Domains whose subdomains are bucket names, separated by commas.")
    var domain: String?
    @Option(help: "PEM certificate chain for the S3 port.")
    var tlsCertificate: String?
    @Option(help: "PEM private key for the S3 port.")
    var tlsKey: String?
    @Option(help: "PEM certificate chain for the admin port.")
    var adminTlsCertificate: String?
    @Option(help: "PEM private key for the admin port.")
    var adminTlsKey: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?
    @Option(help: "More nodes get no place in the mesh; 0 sets no limit.")
    var maxNodes: String?
    @Option(help: "More buckets are not made; 0 sets no limit.")
    var maxBuckets: String?
    @Option(help: "More tenants are not made; 0 sets no limit.")
    var maxTenants: String?
    @Option(help: "With so many bytes of objects the node takes no more; 0 sets no limit.")
    var maxBytes: String?
    @Option(help: "Space for the log of events.")
    var eventsSize: String?
    @Option(help: "Older events go.")
    var eventsAge: String?
    @Option(help: "S3 connections at once.")
    var connectionsMax: String?
    @Option(help: "Admin connections at once.")
    var adminConnectionsMax: String?
    @Option(help: "A connection that is silent this long is closed.")
    var idleTimeout: String?
    @Option(help: "Requests may go on this long after a stop was asked for.")
    var shutdownTimeout: String?
    @Option(help: "Below this much free space the node turns read-only.")
    var diskReserve: String?
    @Option(help: "Bytes per second of the background check; 0 switches it off.")
    var scrubRate: String?
    @Option(help: "Objects up to this size live in the index.")
    var inlineLimit: String?
    @Option(help: "A segment file is closed at this size.")
    var segmentSize: String?
    @Option(help: "Threads that read from the disk.")
    var readerThreads: String?
    @Option(help: "Writes that may wait for the disk.")
    var writeQueue: String?
    @Option(help: "Between two rounds in which traces of deleted objects are collected; 0 keeps them.")
    var collectInterval: String?
    @Option(help: "Younger traces of deleted objects stay.")
    var collectAge: String?
    @Option(help: "Segments with a larger share of dead bytes are rewritten.")
    var compactionShare: String?

    /// What was given, by the settings' names.
    var given: [(name: String, text: String)] {
        let all: [(String, String?)] = [
            ("data-dir", dataDir), ("name", name), ("zone", zone), ("s3-listen", s3Listen),
            ("admin-listen", adminListen), ("mesh-listen", meshListen), ("mesh-advertise", meshAdvertise),
            ("join", join), ("seeds", seeds), ("mesh-profile", meshProfile), ("lan-discovery", lanDiscovery),
            ("witness", witness), ("region", region), ("domain", domain), ("tls-certificate", tlsCertificate),
            ("tls-key", tlsKey), ("admin-tls-certificate", adminTlsCertificate),
            ("admin-tls-key", adminTlsKey), ("log-level", logLevel),
            ("max-nodes", maxNodes), ("max-buckets", maxBuckets), ("max-tenants", maxTenants), ("max-bytes", maxBytes),
            ("events-size", eventsSize), ("events-age", eventsAge), ("connections-max", connectionsMax),
            ("admin-connections-max", adminConnectionsMax), ("idle-timeout", idleTimeout),
            ("shutdown-timeout", shutdownTimeout), ("disk-reserve", diskReserve), ("scrub-rate", scrubRate),
            ("inline-limit", inlineLimit), ("segment-size", segmentSize), ("reader-threads", readerThreads),
            ("write-queue", writeQueue), ("collect-interval", collectInterval), ("collect-age", collectAge),
            ("compaction-share", compactionShare),
        ]
        return all.compactMap { name, text in text.map { (name, $0) } }
    }

    /// The effective settings of this process.
    func resolve() throws -> Settings {
        try SettingsSources.gather(flags: given, environment: processEnvironment(), configPath: config).resolve()
    }
}

/// The environment as name and value; entries that are not UTF-8 are repaired, not dropped.
func processEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    // `environ` is written only by setenv, which this program never calls.
    var entry = environ
    while let text = entry.pointee {
        let line = String(cString: text)
        if let equals = line.firstIndex(of: "=") {
            result[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        entry += 1
    }
    return result
}
