internal import Store
internal import Swim

/// Repairs that reads asked for: each row and node once at a time, and no more waiting than a limit. A pure machine.
struct ReadRepairQueue: Sendable {
    struct Task: Hashable, Sendable {
        let name: RowName
        let node: NodeID
    }

    private let countMax: Int
    private var waiting: [Task] = []
    private var head = 0
    private var known: Set<Task> = []

    init(countMax: Int) { self.countMax = countMax }

    /// Waiting and under way.
    var count: Int { known.count }

    /// False when the same repair waits or is under way, or the queue is full.
    mutating func offer(_ task: Task) -> Bool {
        guard known.count < countMax, known.insert(task).inserted else { return false }
        waiting.append(task)
        return true
    }

    mutating func next() -> Task? {
        guard head < waiting.count else { return nil }
        defer {
            head += 1
            if head == waiting.count {
                waiting.removeAll(keepingCapacity: true)
                head = 0
            }
        }
        return waiting[head]
    }

    mutating func finish(_ task: Task) { known.remove(task) }
}
