import Synchronization

/// Chunks that are in segments but that no committed row names yet.
///
/// A blob is staged from its first chunk until a mutation has made it part of the index, or until it is dropped. As
/// long as it is, compaction leaves its segments alone.
final class Staging: Sendable {
    struct Blob {
        var locations: [Location] = []
        /// When the stream was finished (monotonic milliseconds); nil while it is being written.
        var finishedMillis: UInt64?
        /// The operation whose bytes these are, for a row that another node will send.
        var op: OpID?
    }

    private struct State {
        var blobs: [BlobID: Blob] = [:]
        var chunks: [UInt32: Int] = [:]
        /// Finished blobs by their operation.
        var ops: [OpID: BlobID] = [:]
    }

    private let state = Mutex(State())

    func begin(_ blob: BlobID, op: OpID? = nil) { state.withLock { $0.blobs[blob] = Blob(op: op) } }

    func add(_ location: Location, to blob: BlobID) {
        state.withLock {
            // A writer that was let go meanwhile: nothing will name the chunk, so nothing waits for it.
            guard $0.blobs[blob] != nil else { return }
            $0.blobs[blob]?.locations.append(location)
            $0.chunks[location.segment, default: 0] += 1
        }
    }

    func finish(_ blob: BlobID, at millis: UInt64) {
        let older: BlobID? = state.withLock { state in
            state.blobs[blob]?.finishedMillis = millis
            guard let op = state.blobs[blob]?.op else { return nil }
            return state.ops.updateValue(blob, forKey: op)
        }
        // The same bytes, staged once more.
        if let older { remove(older) }
    }

    /// The finished blob that was staged for an operation.
    func blob(of op: OpID) -> BlobID? { state.withLock { $0.ops[op] } }

    /// The places of a finished blob's chunks; nil if there is no such blob.
    func finished(_ blob: BlobID) -> [Location]? {
        state.withLock {
            guard let staged = $0.blobs[blob], staged.finishedMillis != nil else { return nil }
            return staged.locations
        }
    }

    /// The blob is committed, or given up.
    func remove(_ blob: BlobID) {
        state.withLock { state in
            guard let staged = state.blobs.removeValue(forKey: blob) else { return }
            if let op = staged.op, state.ops[op] == blob { state.ops[op] = nil }
            for location in staged.locations {
                let left = (state.chunks[location.segment] ?? 0) - 1
                state.chunks[location.segment] = left > 0 ? left : nil
            }
        }
    }

    /// Gives up blobs that were finished so long ago and that nothing has named since.
    func removeFinished(now: UInt64, ageMillisMax: UInt64, agedOpMillisMax: UInt64) {
        let old = state.withLock { state in
            state.blobs.filter { _, blob in
                guard let finished = blob.finishedMillis else { return false }
                return now >= finished + (blob.op == nil ? ageMillisMax : agedOpMillisMax)
            }.map(\.key)
        }
        for blob in old { remove(blob) }
    }

    func hasChunks(in segment: UInt32) -> Bool { state.withLock { $0.chunks[segment] != nil } }
}
