internal import Swim
internal import Synchronization

/// How far a change of the layout is on this node: rows and bytes that came, of how many that are expected.
final class Movement: Sendable {
    struct Progress: Sendable, Equatable {
        var epoch: UInt64 = 0
        var isSynced = true
        var partitions = 0
        var partitionsDone = 0
        var objects: UInt64 = 0
        var bytes: UInt64 = 0
        /// From what the sources say they have, in proportion.
        var objectsExpected: UInt64 = 0
        var bytesExpected: UInt64 = 0
        var startedMicros: Micros = 0
        var endedMicros: Micros?
        /// Bytes that nobody who was asked could give.
        var bodiesUnobtainable = 0

        var isUnderWay: Bool { !isSynced }
    }

    private let state = Mutex(Progress())

    var progress: Progress { state.withLock { $0 } }

    func begin(_ epoch: UInt64, partitions: Int, now: Micros) {
        state.withLock { state in
            state = Progress(epoch: epoch, isSynced: false, partitions: partitions, startedMicros: now)
        }
    }

    /// Nothing has to move here for this epoch, or all has.
    func end(_ epoch: UInt64, now: Micros) {
        state.withLock { state in
            if state.epoch != epoch { state = Progress(epoch: epoch, startedMicros: now) }
            state.isSynced = true
            state.partitionsDone = state.partitions
            state.endedMicros = now
        }
    }

    func expect(objects: UInt64, bytes: UInt64) {
        state.withLock { state in
            state.objectsExpected += objects
            state.bytesExpected += bytes
        }
    }

    func noteRow(bytes: UInt64) {
        state.withLock { state in
            guard state.isUnderWay else { return }
            state.objects += 1
            state.bytes += bytes
        }
    }

    func noteBody(bytes: UInt64) { state.withLock { if $0.isUnderWay { $0.bytes += bytes } } }

    func notePartitions(done: Int, unobtainable: Int) {
        state.withLock { state in
            state.partitionsDone = done
            state.bodiesUnobtainable = unobtainable
        }
    }
}
