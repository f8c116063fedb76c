/// What the nodes of a cluster are started with, beside what all need.
struct Outfit: Sendable {
    /// A disk of its own for each.
    var hasDisks = false
    /// A time of day of its own for each.
    var hasClocks = false
    /// A second build, which nodes change to and back from.
    var next: String?
    /// More arguments for `serve`.
    var arguments: [String] = []
    /// More variables.
    var environment: [String: String] = [:]

    /// What these faults need.
    init(for faults: [FaultKind] = [], next: String? = nil) {
        self.next = next
        hasDisks = faults.contains(where: \.needsDisk)
        hasClocks = faults.contains(.clock)
    }
}
