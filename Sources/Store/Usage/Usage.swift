/// How much a store has of one bucket.
package struct Usage: Hashable, Sendable {
    /// Versions of objects, delete markers included.
    package var versions: Int64
    /// The sum of their sizes: what clients wrote, without what the disk adds.
    package var bytes: Int64
    /// The same of the parts of unfinished uploads.
    package var partBytes: Int64

    package init(versions: Int64 = 0, bytes: Int64 = 0, partBytes: Int64 = 0) {
        self.versions = versions
        self.bytes = bytes
        self.partBytes = partBytes
    }

    /// What a row is, once more or once less; nil: it does not count.
    init?(_ record: Record, _ change: Int64) {
        guard record.kind.isVersion else { return nil }
        let bytes = change * Int64(clamping: record.size)
        switch record.bucket.space {
        case .object: self.init(versions: change, bytes: bytes)
        case .part: self.init(partBytes: bytes)
        case .upload, .system: return nil
        }
    }

    package var isEmpty: Bool { self == Usage() }

    package static func += (a: inout Usage, b: Usage) {
        a.versions += b.versions
        a.bytes += b.bytes
        a.partBytes += b.partBytes
    }
}

extension [BucketID: Usage] {
    /// Buckets that have nothing are not mentioned.
    mutating func add(_ changes: [BucketID: Usage]) {
        for (bucket, change) in changes {
            var usage = self[bucket] ?? Usage()
            usage += change
            self[bucket] = usage.isEmpty ? nil : usage
        }
    }

    var sum: Usage { values.reduce(into: Usage()) { $0 += $1 } }
}
