/// When a thing that is made once and deleted once at most must be seen, and when it may be.
struct Presence: Sendable {
    let makeBegin: UInt64
    /// nil: not acknowledged, yet or ever.
    var makeEnd: UInt64?
    /// The making had no effect and never will.
    var isNever = false
    var deleteBegin: UInt64?
    var deleteEnd: UInt64?
    var size = 0

    init(makeBegin: UInt64) { self.makeBegin = makeBegin }

    /// Somebody who looked during that time cannot have missed it.
    func must(_ begin: UInt64, _ end: UInt64) -> Bool {
        guard let makeEnd, makeEnd < begin else { return false }
        return deleteBegin.map { $0 > end } ?? true
    }

    /// Somebody who looked during that time can have seen it.
    func may(_ begin: UInt64, _ end: UInt64) -> Bool {
        guard !isNever, makeBegin <= end else { return false }
        return deleteEnd.map { $0 >= begin } ?? true
    }
}
