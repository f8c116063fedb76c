package import Store
package import Swim
internal import Synchronization

/// Brings rows that a read found missing to the nodes that lack them, behind the reader's back.
package final class ReadRepair: Sendable {
    private struct State {
        var queue: ReadRepairQueue
        /// Rows that are not on this node's disk come along with the offer.
        var rows: [ReadRepairQueue.Task: (row: Row, epoch: UInt64)] = [:]
    }

    let around: RepairSurroundings
    private let state: Mutex<State>

    init(_ around: RepairSurroundings) {
        self.around = around
        state = Mutex(State(queue: ReadRepairQueue(countMax: around.settings.readRepairsMax)))
    }

    /// Waiting and under way.
    package var backlog: Int { state.withLock { $0.queue.count } }

    /// Notes that these nodes lack the row. Costs a lock; drops what is too much.
    /// - Parameter epoch: what was known before the row was read.
    package func offer(_ row: Row, lagging: [NodeID], epoch: UInt64) {
        let name = RowName(row.address, row.stamp)
        let dropped = state.withLock { state in
            lagging.count { node in
                let task = ReadRepairQueue.Task(name: name, node: node)
                guard state.queue.offer(task) else { return true }
                state.rows[task] = (row, epoch)
                return false
            }
        }
        if dropped > 0 { around.counters.readRepairsDropped.add(UInt64(dropped)) }
    }

    /// Does what waits, until nothing does.
    func drain() async throws {
        while let (task, found) = next() {
            defer { finish(task) }
            try Swift.Task.checkCancellation()
            guard around.isHolder(task.node, task.name.address), let found else { continue }
            do {
                try await mend(task, found.row, found.epoch)
                around.counters.readRepairs.add()
            } catch is RepairFailure {
                // A node that does not answer is brought up to date when it is back.
                continue
            }
        }
    }

    private func next() -> (ReadRepairQueue.Task, (row: Row, epoch: UInt64)?)? {
        state.withLock { state in
            guard let task = state.queue.next() else { return nil }
            return (task, state.rows[task])
        }
    }

    private func finish(_ task: ReadRepairQueue.Task) {
        state.withLock { state in
            state.queue.finish(task)
            state.rows[task] = nil
        }
    }

    private func mend(_ task: ReadRepairQueue.Task, _ row: Row, _ epoch: UInt64) async throws {
        let rich = try await around.disk.row(task.name) ?? row
        if task.node == around.own {
            guard await around.disk.merge([row], epoch: epoch) != nil else {
                throw RepairFailure.superseded
            }
        } else {
            _ = try await around.peers.merge(task.node, [rich], epoch: epoch)
        }
    }
}
