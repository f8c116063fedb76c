import FoundationEssentials

/// A run as values: what was promised, what was done, what came of it, and how to do it again. As JSON it is for
/// programs and for `chaos replay`, as a page for people.
struct Report: Codable, Sendable {
    /// Raised when what is there changes its meaning; what is added changes nothing.
    static let formatOfNow = 1
    static let pageName = "report.html"
    static let jsonName = "report.json"

    struct Kept: Codable, Sendable {
        let name: Promise
        let text: String
        let kept: Int
        let broken: Int
    }

    struct Fault: Codable, Sendable {
        let what: String
        /// nil: all nodes.
        let node: String?
        /// From the beginning of the run.
        let atMillis: Int
        /// nil: it was in force to the end.
        let millis: Int?
    }

    struct Phase: Codable, Sendable {
        let name: String
        let atMillis: Int
        let millis: Int
    }

    struct Slot: Codable, Sendable {
        let answered: Int
        let failed: Int
        let millisHalf: Double
        let millis99: Double
        let millisMax: Double
    }

    struct Timeline: Codable, Sendable {
        let secondsPerSlot: Double
        let slots: [Slot]
    }

    struct Request: Codable, Sendable {
        let client: Int
        let node: String
        let what: String
        let atMillis: Double
        let millis: Double
        let outcome: String
    }

    struct Anomaly: Codable, Sendable {
        let promise: Promise?
        let claim: String
        let atMillis: Int
        let faults: [String]
        let around: [String]
        let requests: [Request]
        let views: [NodeView]
    }

    struct Latency: Codable, Sendable {
        let count: UInt64
        let millisHalf: Double
        let millis90: Double
        let millis99: Double
        let millis999: Double
        let millisMax: Double

        init(_ histogram: Histogram) {
            count = histogram.count
            millisHalf = histogram.millis(0.5)
            millis90 = histogram.millis(0.9)
            millis99 = histogram.millis(0.99)
            millis999 = histogram.millis(0.999)
            millisMax = histogram.millis(1)
        }
    }

    struct Harness: Codable, Sendable {
        /// Of one core, by the harness itself, while the load ran.
        let corePercent: Double
        let requestsPerSecond: Double
        let cpuSeconds: Double
    }

    var format = formatOfNow
    /// As it was typed.
    let command: [String]
    let plan: String
    let seed: UInt64
    let settings: MeshTrial.Settings?
    let startedAt: String
    let seconds: Int
    let isClean: Bool
    let passed: Int
    let failed: Int
    let promises: [Kept]
    let phases: [Phase]
    let notes: [String]
    let faults: [Fault]
    let timeline: Timeline
    let calm: Latency
    let all: Latency
    let harness: Harness
    let counts: [String: Int]
    let anomalies: [Anomaly]
    let versions: Versions
    let machine: Machine

    /// What to type to have it again.
    var replay: String { settings?.command(seed: seed) ?? command.joined(separator: " ") }

    func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(fileURLWithPath: "\(folder)/\(Self.jsonName)"))
        try Data(ReportPage(self).html.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(Self.pageName)"))
    }
}
