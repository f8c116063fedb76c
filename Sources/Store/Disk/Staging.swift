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
    }

    private struct State {
        var blobs: [BlobID: Blob] = [:]
        var chunks: [UInt32: Int] = [:]
    }

    private let state = Mutex(State())

    func begin(_ blob: BlobID) { state.withLock { $0.blobs[blob] = Blob() } }

    func add(_ location: Location, to blob: BlobID) {
        state.withLock {
            // A writer that was let go meanwhile: nothing will name the chunk, so nothing waits for it.
            guard $0.blobs[blob] != nil else { return }
            $0.blobs[blob]?.locations.append(location)
            $0.chunks[location.segment, default: 0] += 1
        }
    }

    func finish(_ blob: BlobID, at millis: UInt64) { state.withLock { $0.blobs[blob]?.finishedMillis = millis } }

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
            for location in staged.locations {
                let left = (state.chunks[location.segment] ?? 0) - 1
                state.chunks[location.segment] = left > 0 ? left : nil
            }
        }
    }

    /// Gives up blobs that were finished before `millis` and that nothing has named since.
    func removeFinished(before millis: UInt64) {
        let old = state.withLock { state in
            state.blobs.filter { $0.value.finishedMillis.map { $0 < millis } ?? false }.map(\.key)
        }
        for blob in old { remove(blob) }
    }

    func hasChunks(in segment: UInt32) -> Bool { state.withLock { $0.chunks[segment] != nil } }
}
