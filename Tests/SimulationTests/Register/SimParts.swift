import Mesh
import Store

/// Events in the order of their times, and of their making when they are at once.
struct SimQueue<Element> {
    private var heap: [(time: Int, order: Int, element: Element)] = []
    private var order = 0

    mutating func push(_ time: Int, _ element: Element) {
        heap.append((time, order, element))
        order += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(child, parent) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (time: Int, element: Element)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) {
                    least = child
                }
                if least == parent { break }
                heap.swapAt(least, parent)
                parent = least
            }
        }
        return (first.time, first.element)
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        heap[a].time != heap[b].time ? heap[a].time < heap[b].time : heap[a].order < heap[b].order
    }
}

/// A sum over all that happens: two runs of one seed have the same.
struct SimTrace {
    private(set) var sum: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ word: UInt64) { sum = (sum ^ word) &* 0x100_0000_01b3 }

    mutating func add(_ reply: ReplicaReply) {
        switch reply {
        case .view(let view), .elsewhere(let view):
            add(1)
            for row in view.chain {
                add(row.stamp.t)
                add(row.op.low)
            }
        case .stored(let stored): add(UInt64(stored.rawValue) + 2)
        case .promised(let accepted): add(accepted.map { $0.row.record.op.low + 100 } ?? 5)
        case .accepted: add(6)
        case .outbid(let ballot): add(ballot.round + 1_000)
        case .rows(let rows): add(UInt64(rows.count) + 10)
        case .scanned, .digested: add(7)
        case .refused: add(8)
        }
    }
}

/// How a run ended.
struct SimReport {
    let seed: UInt64
    let verdict: Linearizer.Verdict
    let violation: String?
    let operations: Int
    let unknowns: Int
    let trace: UInt64
    let history: [KeyEntry]
    /// Rows that holders have collected.
    let collected: Int

    var isClean: Bool { verdict != .impossible && violation == nil }

    var text: String {
        let lines = history.map { entry in
            let end = entry.ended == .max ? "…" : String(entry.ended)
            return "  \(entry.id) [\(entry.begun), \(end)] \(entry.kind) → \(entry.result)"
        }
        return "seed \(seed): \(violation ?? String(describing: verdict))\n" + lines.joined(separator: "\n")
    }
}
