import Synchronization

/// The segment files that are open now. A bounded number: the one made first is let go, which closes it as soon as
/// nobody reads it.
final class SegmentTable: Sendable {
    private static let openMax = 256

    private struct State {
        var open: [UInt32: SegmentFile] = [:]
        var nextID: UInt32
        /// Segments that compaction removed: their ids are not opened again.
        var removed: Set<UInt32> = []
    }

    private let directory: DataDirectory
    private let state: Mutex<State>

    init(_ directory: DataDirectory, nextID: UInt32) {
        self.directory = directory
        state = Mutex(State(nextID: nextID))
    }

    func makeID() -> UInt32 {
        state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
    }

    func adopt(_ file: SegmentFile) { state.withLock { $0.open[file.id] = file } }

    /// The file of a segment; nil if compaction has removed it, so that the caller looks up its chunk again.
    func file(_ id: UInt32) throws -> SegmentFile? {
        try state.withLock { state in
            if let file = state.open[id] { return file }
            if state.removed.contains(id) { return nil }
            let file = try SegmentFile.open(id, in: directory, forWriting: false)
            if state.open.count >= Self.openMax, let idle = state.open.keys.min() { state.open[idle] = nil }
            state.open[id] = file
            return file
        }
    }

    /// The file, if it is open.
    func opened(_ id: UInt32) -> SegmentFile? { state.withLock { $0.open[id] } }

    func remove(_ id: UInt32) {
        state.withLock {
            $0.open[id] = nil
            $0.removed.insert(id)
        }
    }
}
