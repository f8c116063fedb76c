/// Which counters of a sender have been seen: the newest, and a bit for each of the 127 before it (after RFC 6479).
///
/// A window begins at a proof of freshness, and everything up to there counts as seen: what was sent before may have
/// been recorded before.
struct ReplayWindow: Sendable, Equatable {
    static let width: UInt64 = 128

    private(set) var newest: UInt64
    /// Bit n stands for the counter `newest - n`.
    private var seen: UInt128

    init(startingAt counter: UInt64) {
        newest = counter
        seen = .max
    }

    func accepts(_ counter: UInt64) -> Bool {
        if counter > newest { return true }
        let age = newest - counter
        return age < Self.width && seen & (1 << age) == 0
    }

    /// Marks a counter as seen; false if it was, or is too old to tell.
    mutating func accept(_ counter: UInt64) -> Bool {
        guard accepts(counter) else { return false }
        if counter > newest {
            let step = counter - newest
            seen = step < Self.width ? seen << step | 1 : 1
            newest = counter
        } else {
            seen |= 1 << (newest - counter)
        }
        return true
    }
}
