/// One of 1,024 shares of all keys, or the share of small state: the unit of placement, fencing and comparison.
///
/// The ten highest bits of a key's hash say which; the eight behind them say which leaf of the partition's digest.
/// Uploads and parts are in the partition of their object's key, so that completing an upload moves no bytes.
package struct Partition: Hashable, Comparable, Sendable {
    package static let count = 1024
    /// The partition of `BucketID.system`, behind all others.
    package static let system = Partition(number: UInt16(count))
    /// With the one of small state.
    package static let all = count + 1

    package let number: UInt16

    package init(number: UInt16) { self.number = number }

    package init(hash: UInt64) { self.init(number: UInt16(hash >> 54)) }

    package static func < (a: Partition, b: Partition) -> Bool { a.number < b.number }
}

/// Where a row is: a bucket (of any space) and a key.
package struct RowAddress: Hashable, Sendable {
    package var bucket: BucketID
    package var key: Key

    package init(_ bucket: BucketID, _ key: Key) {
        self.bucket = bucket
        self.key = key
    }

    /// Spreads keys over partitions and leaves: XXH3-64 of the object key, seeded with the bucket's bare id.
    package var hash: UInt64 {
        let seed = bucket.within(.object).rawValue
        switch bucket.space {
        case .object, .system: return Checksum.of(key.bytes, seed: seed)
        case .upload, .part: return Checksum.of(UploadKey.objectKey(of: key.bytes), seed: seed)
        }
    }

    package var partition: Partition { bucket.space == .system ? .system : Partition(hash: hash) }

    /// The leaf of the partition's digest, 0 to 255.
    package var leaf: Int { Int(hash >> 46 & 0xff) }
}
