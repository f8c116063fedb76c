import Mesh

/// The health of the mesh as one number from 0 to 1, and what takes it away.
///
/// Each finding multiplies it by a share below 1, so that one more never makes it better, none alone makes it nothing,
/// and the order does not matter. A pure function: the same facts, the same number.
struct HealthScore: Codable, Sendable, Equatable {
    /// What takes something away, the most first.
    struct Reason: Codable, Sendable, Equatable {
        var text: String
        /// What the score would gain without it.
        var costs: Double
        /// What to do about it; empty when it passes by itself.
        var advice: String
    }

    /// With less free than this a disk fills up before the next one is bought.
    private static let freeShareMin = 0.15

    var value: Double
    var reasons: [Reason]

    /// - Parameter disks: free and all bytes of each node that says so, by its name.
    init(_ health: ClusterHealth, disks: [(name: String, free: UInt64, all: UInt64)]) {
        var found = health.findings.map { ($0.message, $0.advice, Self.share(of: $0)) }
        let known = Set(health.findings.filter { $0.code == "disk-full" }.flatMap(\.nodes))
        for disk in disks where disk.all > 0 && !known.contains(disk.name) {
            let free = Double(min(disk.free, disk.all)) / Double(disk.all)
            guard free < Self.freeShareMin else { continue }
            let text = "the disk of \(disk.name) is full but for \(Int(free * 100)) %"
            found.append((text, "add a node or a larger disk, or delete what nobody needs", 0.85))
        }
        let product = found.reduce(1.0) { $0 * $1.2 }
        value = Self.rounded(product)
        reasons = found.map { Reason(text: $0.0, costs: Self.rounded(product / $0.2 - product), advice: $0.1) }
            .enumerated().sorted { ($1.element.costs, $0.offset) < ($0.element.costs, $1.offset) }.map(\.element)
    }

    /// What is left of the score with this finding.
    private static func share(of finding: ClusterHealth.Finding) -> Double {
        switch (finding.severity, finding.code) {
        case (.error, _): 0.5
        case (.warning, _): 0.8
        // Nothing is wrong yet, and less may fail than is wanted.
        case (.note, "copies"), (.note, "bucket-copies"), (.note, "holder-suspect"), (.note, "silent"): 0.9
        // On its way to be well.
        case (.note, _): 0.98
        }
    }

    /// A thousandth is finer than anybody decides by.
    private static func rounded(_ number: Double) -> Double { (number * 1_000).rounded() / 1_000 }
}
