import Logging
import Mesh
import Store

/// Every effective value of this node, checked, and where each came from.
struct Settings: Sendable {
    /// Where a value came from.
    enum Origin: Hashable, Sendable, CustomStringConvertible {
        case fallback
        case file(String, line: Int)
        case environment(String)
        case flag(String)

        var description: String {
            switch self {
            case .fallback: "default"
            case .file(let path, let line): "\(path):\(line)"
            case .environment(let name): "environment \(name)"
            case .flag(let name): "flag \(name)"
            }
        }
    }

    /// One line of `meshd config`.
    struct Entry: Sendable {
        let setting: Setting
        /// As it was given; dots for a secret.
        let text: String
        let origin: Origin
        let value: SettingValue
    }

    /// In the order of `Setting.all`.
    let entries: [Entry]
    /// What a person should know though it stops nothing, each a whole sentence.
    let warnings: [String]
    private let values: [String: SettingValue]

    init(entries: [Entry], warnings: [String]) {
        self.entries = entries
        self.warnings = warnings
        self.values = Dictionary(uniqueKeysWithValues: entries.map { ($0.setting.name, $0.value) })
    }

    var dataDirectory: String { text("data-dir") }
    var name: String { text("name") }
    var zone: String { text("zone") }
    /// The zone that somebody named; nil for the default, which a join token overrides.
    var givenZone: String? {
        entries.contains { $0.setting.name == "zone" && $0.origin != .fallback } ? zone : nil
    }
    var region: String { text("region") }
    var domains: [String] {
        guard case .list(let list) = values["domain"] else { preconditionFailure("domain is a list") }
        return list
    }
    var s3Listen: ListenAddress { address("s3-listen") }
    var adminListen: ListenAddress { address("admin-listen") }
    var meshListen: ListenAddress { address("mesh-listen") }
    /// Where others reach this node; nil when that is where it listens.
    var meshAdvertise: ListenAddress? {
        if case .address(let address) = values["mesh-advertise"] { address } else { nil }
    }
    /// The token of the mesh to join, if one was given.
    var join: Secret? {
        guard case .secret(let token) = values["join"], token.count > 0 else { return nil }
        return token
    }
    var seeds: [Seed] {
        guard case .seeds(let seeds) = values["seeds"] else { preconditionFailure("seeds are seeds") }
        return seeds
    }
    /// `balanced`, `fast` or `wan`.
    var meshProfile: String { text("mesh-profile") }
    /// It wants to hold nothing: beside two holders it is their witness.
    var isWitness: Bool { text("witness") == "on" }
    var lanDiscovery: Bool { text("lan-discovery") == "on" }
    var tls: CertificateFiles? { certificate("tls-certificate", "tls-key") }
    var adminTLS: CertificateFiles? { certificate("admin-tls-certificate", "admin-tls-key") }
    var logLevel: Logger.Level { Logger.Level(rawValue: text("log-level")) ?? .info }
    /// Nothing sets no limit.
    var nodesMax: Int? { limit("max-nodes") }
    var bucketsMax: Int? { limit("max-buckets") }
    var tenantsMax: Int? { limit("max-tenants") }
    private func limit(_ name: String) -> Int? { number(name) == 0 ? nil : Int(number(name)) }
    var events: EventBook.Limits {
        EventBook.Limits(bytesMax: Int(number("events-size")), ageMillisMax: number("events-age"))
    }
    var connectionsMax: Int { Int(number("connections-max")) }
    var adminConnectionsMax: Int { Int(number("admin-connections-max")) }
    var idleTimeoutMillis: UInt64 { number("idle-timeout") }
    var shutdownTimeoutMillis: UInt64 { number("shutdown-timeout") }

    var repair: RepairSettings {
        var repair = RepairSettings()
        repair.collectMicros = Int64(number("collect-interval")) * 1_000
        repair.collectAgeMillis = number("collect-age")
        return repair
    }

    var store: StoreSettings {
        var store = StoreSettings()
        store.inlineBytesMax = Int(number("inline-limit"))
        store.diskFreeBytesMin = number("disk-reserve")
        store.diskFreeBytesResume = number("disk-reserve") + number("disk-reserve") / 2
        if number("max-bytes") > 0 { store.logicalBytesMax = number("max-bytes") }
        store.segmentBytesMax = number("segment-size")
        store.readerThreads = Int(number("reader-threads"))
        store.queuedWritesMax = Int(number("write-queue"))
        store.scrubBytesPerSecond = number("scrub-rate")
        if case .share(let share) = values["compaction-share"] { store.compactionDeadShare = share }
        return store
    }

    private func text(_ name: String) -> String {
        guard case .text(let text) = values[name] else { preconditionFailure("\(name) is a text") }
        return text
    }

    private func number(_ name: String) -> UInt64 {
        guard case .number(let number) = values[name] else { preconditionFailure("\(name) is a number") }
        return number
    }

    private func address(_ name: String) -> ListenAddress {
        guard case .address(let address) = values[name] else { preconditionFailure("\(name) is an address") }
        return address
    }

    private func certificate(_ chain: String, _ key: String) -> CertificateFiles? {
        text(chain).isEmpty ? nil : CertificateFiles(chain: text(chain), key: text(key))
    }
}

/// Paths of a certificate chain and its private key, both PEM.
struct CertificateFiles: Hashable, Sendable {
    let chain: String
    let key: String
}
