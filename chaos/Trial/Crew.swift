/// How many clients of each kind a trial has.
struct Crew: Sendable {
    var registers = 0
    /// Registers that are written at the same time: the fewer, the hotter.
    var registersAtOnce = 6
    var shelves = 0
    var counters = 0
    var uploads = 0
    /// nil: also large ones.
    var uploadBytesMax: Int?
    var versions = 0
    /// Races, and buckets that come and go.
    var hasRivals = false

    init() {}

    /// Of twelve: five registers, three shelves, two counters, an upload, a bucket that remembers. The race and the
    /// buckets that come and go are on top.
    init(clients: Int) {
        let others = min(clients - 1, 7 * max(1, clients / 12))
        var counts = [0, 0, 0, 0]
        for index in 0..<others { counts[[0, 1, 2, 3, 0, 1, 0][index % 7]] += 1 }
        registers = clients - others
        (shelves, counters, uploads, versions) = (counts[0], counts[1], counts[2], counts[3])
        hasRivals = true
    }
}
