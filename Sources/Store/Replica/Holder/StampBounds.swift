import Synchronization

/// For every key a time above which no row of it is stamped: a blind write looks for stamps at or above the time of day,
/// and there hardly ever are any, so its question needs no look at the index and no thread but its own.
///
/// Keys share a bound with others that have the same hash. Rows raise it before the commit that brings them, and nothing
/// lowers it; what was there when the store was opened is at or below the highest time that the index remembers.
final class StampBounds: Sendable {
    /// Half a mebibyte: two keys that are written in the same millisecond rarely share one.
    private static let count = 1 << 16

    // Written by the committer's thread alone.
    private nonisolated(unsafe) let bounds: UnsafeMutablePointer<Atomic<UInt64>>

    /// - Parameter lastTime: the highest time in any stamp that was ever written to the index.
    init(lastTime: UInt64) {
        bounds = .allocate(capacity: Self.count)
        for index in 0..<Self.count { (bounds + index).initialize(to: Atomic(lastTime)) }
    }

    deinit {
        bounds.deinitialize(count: Self.count)
        bounds.deallocate()
    }

    /// No row of the key that any reader has seen has a higher `Stamp.t`.
    func bound(_ bucket: BucketID, _ key: Key) -> UInt64 { bounds[place(bucket, key)].load(ordering: .acquiring) }

    func raise(_ bucket: BucketID, _ key: Key, to time: UInt64) {
        let place = place(bucket, key)
        if bounds[place].load(ordering: .relaxed) < time { bounds[place].store(time, ordering: .releasing) }
    }

    private func place(_ bucket: BucketID, _ key: Key) -> Int {
        Int(key.bytes.withUnsafeBytes { Checksum.of($0, seed: bucket.rawValue) } % UInt64(Self.count))
    }
}
