package import Store

/// What one node has, as it tells another one: so many buckets at a time.
package struct UsagePage: Codable, Sendable, Equatable {
    package static let entriesMax = 8_000

    package struct Entry: Codable, Sendable, Equatable {
        package var bucket: UInt64
        package var versions: Int64
        package var bytes: Int64
        package var partBytes: Int64
    }

    package var entries: [Entry]
    /// Ask for those behind this one; nil: that is all.
    package var next: UInt64?

    /// - Parameter after: buckets with higher ids; nil: from the first on.
    package init(_ usage: [BucketID: Usage], after: UInt64?, limit: Int = UsagePage.entriesMax) {
        let behind = usage.filter { id, _ in after.map { id.rawValue > $0 } ?? true }
            .sorted { $0.key.rawValue < $1.key.rawValue }
        entries = behind.prefix(limit).map { id, usage in
            Entry(
                bucket: id.rawValue,
                versions: usage.versions,
                bytes: usage.bytes,
                partBytes: usage.partBytes
            )
        }
        next = behind.count > limit ? entries.last?.bucket : nil
    }

    package var usage: [BucketID: Usage] {
        let pairs = entries.map { entry in
            let usage = Usage(versions: entry.versions, bytes: entry.bytes, partBytes: entry.partBytes)
            return (BucketID(rawValue: entry.bucket), usage)
        }
        return Dictionary(pairs) { $1 }
    }
}
