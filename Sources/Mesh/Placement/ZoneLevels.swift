/// How many of k copies may be in each zone: as even as the zones' nodes allow.
///
/// No zone has a second copy while another one with a free node has none, no third while another one has one, and so
/// on. So each copy has a zone of its own while there are zones, and the loss of one zone takes as few copies as can be.
struct ZoneLevels {
    /// For each zone, the fewest and the most copies of one partition.
    private(set) var least: [Int]
    private(set) var most: [Int]

    /// - Parameter sizes: nodes in each zone; they are at least `copies` together.
    init(sizes: [Int], copies: Int) {
        var level = 0
        func filled(_ level: Int) -> Int { sizes.reduce(0) { $0 + min($1, level) } }
        while level < copies, filled(level + 1) <= copies { level += 1 }
        least = sizes.map { min($0, level) }
        most = filled(level) < copies ? sizes.map { min($0, level + 1) } : least
    }
}
