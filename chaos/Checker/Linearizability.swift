/// Decides whether the operations on one key can be put in one order that respects real time and makes each answer true.
///
/// The search of Wing and Gong (1993) in the form of Lowe's "just in time" linearization (2017): the history is walked
/// in time, and all states are kept that the key may be in, together with the set of running operations that have taken
/// effect. An operation takes effect when its own answer demands it, or when one that answers needs it to come first.
/// What only looks (reads, refusals) takes effect as soon as it is true, which loses nothing. Of two possibilities that
/// differ only in unanswered operations that one of them has used up, that one is dropped: what is unanswered never has
/// to happen. So unanswered writes cost a state each and not a power of two.
struct Linearizability {
    enum Verdict: Equatable {
        case holds
        /// No order explains the answer of that operation; `possible` is what the key could hold just before.
        case broken(operation: Int, possible: Set<RegisterOperation.Value?>)
        /// Too much went on at once to decide within bounds.
        case undecided
    }

    /// One way in which all that was answered so far can have happened.
    private struct Possibility: Hashable {
        var value: RegisterOperation.Value?
        /// Running operations that have taken effect, by slot.
        var done: UInt64
    }

    /// Running and unanswered operations at one time: the bits of a word.
    private static let slotsMax = 64
    private static let possibilitiesMax = 100_000

    private let operations: [RegisterOperation]
    private var slots: [Int?] = Array(repeating: nil, count: slotsMax)
    /// Bits of those that will never answer.
    private var unanswered: UInt64 = 0
    private var possibilities: Set<Possibility>

    static func judge(_ operations: [RegisterOperation], from value: RegisterOperation.Value? = nil) -> Verdict {
        var search = Linearizability(operations, value)
        return search.run()
    }

    private init(_ operations: [RegisterOperation], _ value: RegisterOperation.Value?) {
        self.operations = operations
        possibilities = [Possibility(value: value, done: 0)]
    }

    private struct Event {
        let at: UInt64
        let isEnd: Bool
        let operation: Int
    }

    private mutating func run() -> Verdict {
        var events: [Event] = []
        for (index, operation) in operations.enumerated() {
            // A read without an answer says nothing.
            if operation.end == nil, operation.isPassive { continue }
            events.append(Event(at: operation.begin, isEnd: false, operation: index))
            if let end = operation.end { events.append(Event(at: end, isEnd: true, operation: index)) }
        }
        // What ends when another begins was beside it: the gentler reading.
        events.sort { ($0.at, $0.isEnd ? 1 : 0, $0.operation) < ($1.at, $1.isEnd ? 1 : 0, $1.operation) }
        for event in events {
            if event.isEnd {
                if let verdict = end(event.operation) { return verdict }
            } else {
                guard let slot = slots.firstIndex(where: { $0 == nil }) else { return .undecided }
                slots[slot] = event.operation
                if operations[event.operation].end == nil { unanswered |= 1 << UInt64(slot) }
                possibilities = Set(possibilities.map(lookAround))
            }
        }
        return .holds
    }

    /// Lets all running operations that only look, and are right now, take effect.
    private func lookAround(_ possibility: Possibility) -> Possibility {
        var possibility = possibility
        for (slot, index) in slots.enumerated() {
            guard let index, possibility.done & 1 << UInt64(slot) == 0, operations[index].isPassive,
                operations[index].apply(possibility.value) != nil
            else { continue }
            possibility.done |= 1 << UInt64(slot)
        }
        return possibility
    }

    /// The answer came: only what has it done, or can get it done now, stays possible.
    private mutating func end(_ operation: Int) -> Verdict? {
        guard let slot = slots.firstIndex(of: operation) else { return nil }
        let bit: UInt64 = 1 << UInt64(slot)
        var kept = Set<Possibility>()
        var frontier: [Possibility] = []
        for possibility in possibilities {
            if possibility.done & bit != 0 { kept.insert(possibility) } else { frontier.append(possibility) }
        }
        // Fewest used up first, so that what it is compared with is there.
        frontier.sort { $0.done.nonzeroBitCount < $1.done.nonzeroBitCount }
        var seen = Seen(unanswered: unanswered)
        for possibility in frontier { seen.insert(possibility.value, possibility.done) }
        var index = 0
        while index < frontier.count {
            let possibility = frontier[index]
            index += 1
            for (slot, running) in slots.enumerated() {
                guard let running, possibility.done & 1 << UInt64(slot) == 0,
                    case .some(let value) = operations[running].apply(possibility.value)
                else { continue }
                let next = lookAround(Possibility(value: value, done: possibility.done | 1 << UInt64(slot)))
                if next.done & bit != 0 {
                    kept.insert(next)
                } else if seen.insert(next.value, next.done) {
                    frontier.append(next)
                }
            }
            if frontier.count + kept.count > Self.possibilitiesMax { return .undecided }
        }
        if kept.isEmpty { return .broken(operation: operation, possible: Set(possibilities.map(\.value))) }
        slots[slot] = nil
        possibilities = prune(Set(kept.map { Possibility(value: $0.value, done: $0.done & ~bit) }))
        return nil
    }

    private func prune(_ all: Set<Possibility>) -> Set<Possibility> {
        var seen = Seen(unanswered: unanswered)
        return all.sorted { $0.done.nonzeroBitCount < $1.done.nonzeroBitCount }
            .reduce(into: []) { if seen.insert($1.value, $1.done) { $0.insert($1) } }
    }

    /// Knows for each value and set of answered operations the smallest sets of unanswered ones that lead there.
    private struct Seen {
        private struct Place: Hashable {
            let value: RegisterOperation.Value?
            let answered: UInt64
        }

        let unanswered: UInt64
        private var places: [Place: [UInt64]] = [:]

        init(unanswered: UInt64) { self.unanswered = unanswered }

        /// False when as much can be had for less.
        @discardableResult
        mutating func insert(_ value: RegisterOperation.Value?, _ done: UInt64) -> Bool {
            let place = Place(value: value, answered: done & ~unanswered)
            let used = done & unanswered
            if let known = places[place] {
                if known.contains(where: { $0 & ~used == 0 }) { return false }
                places[place] = known.filter { used & ~$0 != 0 } + [used]
            } else {
                places[place] = [used]
            }
            return true
        }
    }
}
