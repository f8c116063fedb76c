/// When the machine must be woken, and for what: a binary heap ordered by time, then by order of arrival.
///
/// An entry is never searched for and taken out. Its owner remembers what it still waits for, and an entry that fires
/// late for nothing is dropped by its owner; that keeps every step O(log n) and every tie decided the same way.
package struct Deadlines: Sendable {
    package enum Purpose: UInt8, Sendable {
        case period, gossip, answer, verdict, duty, suspicion
    }

    package struct Entry: Sendable {
        package let at: Micros
        package let purpose: Purpose
        /// A nonce or a slot: whom the deadline is about.
        package let subject: UInt64
        fileprivate let order: UInt64

        fileprivate func isBefore(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    private var heap: [Entry] = []
    private var arrivals: UInt64 = 0

    package init() {}

    package var count: Int { heap.count }

    /// The earliest deadline, or the end of time.
    package var next: Micros { heap.first?.at ?? .max }

    package mutating func add(_ purpose: Purpose, subject: UInt64 = 0, at: Micros) {
        arrivals += 1
        heap.append(Entry(at: at, purpose: purpose, subject: subject, order: arrivals))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest entry when its time has come.
    package mutating func take(at now: Micros) -> Entry? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            let left = 2 * parent + 1
            if left < heap.count, heap[left].isBefore(heap[least]) { least = left }
            if left + 1 < heap.count, heap[left + 1].isBefore(heap[least]) { least = left + 1 }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
