import CXXHash
import Synchronization

/// The sums of all rows, leaf by leaf: what two holders compare to find out that they have the same.
///
/// They follow every transaction. After a start they are counted anew by a scan of the table, on the committer's thread
/// and so between two transactions; what is written behind the scan's place meanwhile is added, what is written before
/// it waits for the scan. A clean stop keeps them in a file.
final class Digest: Sendable {
    static let leavesPerPartition = 256

    /// The place of a row in the order of the table.
    struct Place {
        var bucket: Int64
        var key: [UInt8]
        var stamp: [UInt8]

        static func < (a: Place, b: Place) -> Bool {
            if a.bucket != b.bucket { return a.bucket < b.bucket }
            if a.key != b.key { return a.key.lexicographicallyPrecedes(b.key) }
            return a.stamp.lexicographicallyPrecedes(b.stamp)
        }
    }

    enum Progress {
        case begun
        /// Everything up to and with this row is counted.
        case counted(Place)
        case done
    }

    /// What a transaction changes.
    struct Changes {
        var progress: Progress
        fileprivate(set) var sums: [(leaf: Int, sum: DigestSum, isAdded: Bool)] = []

        init(progress: Progress) { self.progress = progress }

        mutating func note(_ record: Record, isAdded: Bool) {
            if case .begun = progress { return }
            let stamp = record.stamp.sortable
            if case .counted(let end) = progress,
                end < Place(bucket: record.bucket.column, key: record.key.bytes, stamp: stamp)
            {
                return
            }
            count(record, stamp, isAdded: isAdded)
        }

        mutating func count(_ record: Record, _ stamp: [UInt8], isAdded: Bool) {
            let address = RowAddress(record.bucket, record.key)
            let hash = address.hash
            let partition = record.bucket.space == .system ? Partition.system : Partition(hash: hash)
            let leaf = Int(partition.number) * Digest.leavesPerPartition + Int(hash >> 46 & 0xff)
            sums.append((leaf, Digest.sum(record, stamp), isAdded))
        }
    }

    private struct State {
        var leaves: [DigestSum]
        var roots = [DigestSum](repeating: .zero, count: Partition.all)
        var progress: Progress

        init(leaves: [DigestSum]?) {
            self.leaves = leaves ?? Array(repeating: .zero, count: Partition.all * leavesPerPartition)
            progress = leaves == nil ? .begun : .done
            guard leaves != nil else { return }
            for (index, sum) in self.leaves.enumerated() { roots[index / leavesPerPartition] += sum }
        }
    }

    private let state: Mutex<State>

    /// `leaves`: as they were kept; nil: to be counted.
    init(leaves: [DigestSum]?) { state = Mutex(State(leaves: leaves)) }

    /// Nil while the scan is under way.
    func roots() -> [DigestSum]? {
        state.withLock { if case .done = $0.progress { $0.roots } else { nil } }
    }

    func leaves(of partition: Partition) -> [DigestSum]? {
        let start = Int(partition.number) * Self.leavesPerPartition
        return state.withLock { state in
            guard case .done = state.progress, start < state.leaves.count else { return nil }
            return Array(state.leaves[start..<start + Self.leavesPerPartition])
        }
    }

    /// All leaves, to be kept; nil while the scan is under way.
    func allLeaves() -> [DigestSum]? {
        state.withLock { if case .done = $0.progress { $0.leaves } else { nil } }
    }

    var progress: Progress { state.withLock { $0.progress } }
    var isDone: Bool { if case .done = progress { true } else { false } }

    /// The transaction is committed.
    func apply(_ changes: Changes) {
        state.withLock { state in
            for change in changes.sums {
                let root = change.leaf / Self.leavesPerPartition
                if change.isAdded {
                    state.leaves[change.leaf] += change.sum
                    state.roots[root] += change.sum
                } else {
                    state.leaves[change.leaf] -= change.sum
                    state.roots[root] -= change.sum
                }
            }
            state.progress = changes.progress
        }
    }

    /// XXH3-128 of bucket, stamp, operation and key.
    static func sum(_ record: Record, _ stamp: [UInt8]) -> DigestSum {
        let key = record.key.bytes
        return withUnsafeTemporaryAllocation(byteCount: 44 + key.count, alignment: 8) { bytes in
            bytes.storeBytes(of: record.bucket.rawValue.littleEndian, toByteOffset: 0, as: UInt64.self)
            bytes.storeBytes(of: record.op.high.littleEndian, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: record.op.low.littleEndian, toByteOffset: 16, as: UInt64.self)
            UnsafeMutableRawBufferPointer(rebasing: bytes[24..<44]).copyBytes(from: stamp)
            UnsafeMutableRawBufferPointer(rebasing: bytes[44...]).copyBytes(from: key)
            let hash = XXH3_128bits_withSeed(bytes.baseAddress, bytes.count, 0)
            return DigestSum(high: hash.high64, low: hash.low64)
        }
    }
}

extension IndexWriter {
    /// Counts the next rows of the table into the digest; true: there are more.
    func countDigest(rows limit: Int) throws -> Bool {
        let from: Digest.Place
        switch pending.digest.progress {
        case .done: return false
        case .begun: from = Digest.Place(bucket: .min, key: [], stamp: [])
        case .counted(let place): from = place
        }
        let statement = rows.rowsBehind
        statement.bind(1, from.bucket).bind(2, from.key).bind(3, from.stamp).bind(4, Int64(limit))
        defer { statement.reset() }
        var count = 0
        var last = from
        while try statement.step() {
            count += 1
            last = Digest.Place(
                bucket: statement.int(0),
                key: [UInt8](statement.blob(1)),
                stamp: [UInt8](statement.blob(2))
            )
            let (bucket, key) = (BucketID(column: last.bucket), Key(last.key))
            // A damaged row differs from every sound one: its leaf is not equal to that of another holder.
            guard
                let row = try? versions.decode(bucket, key, stamp: statement.blob(2), data: statement.blob(3))
            else { continue }
            pending.digest.count(row.record, last.stamp, isAdded: true)
        }
        pending.digest.progress = count < limit ? .done : .counted(last)
        return count == limit
    }
}
