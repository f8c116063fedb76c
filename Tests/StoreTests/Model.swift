@testable import Store

/// What a reader of the interface would expect of a store, in the plainest words: arrays, searched from the front.
struct Model {
    struct Version {
        var line: Line
        var bytes: [UInt8]
    }

    /// What is compared of a version.
    struct Line: Hashable {
        var key: Key
        var stamp: Stamp
        var kind: Record.Kind
        var isNull: Bool
        var size: UInt64
        var etag: ETag
        var attributes: [UInt8]
        var tags: [UInt8]
    }

    struct Pending {
        var upload: Upload
        var parts: [UInt16: (part: Part, bytes: [UInt8])] = [:]
    }

    struct Content {
        var bucket: Bucket
        /// Newest first.
        var keys: [Key: [Version]] = [:]
    }

    var buckets: [BucketID: Content] = [:]
    var uploads: [UploadID: Pending] = [:]
    var registers: [String: [UInt8]] = [:]

    func find(_ bucket: BucketID, _ key: Key, _ version: VersionSelector) -> (version: Version, isCurrent: Bool)? {
        guard let versions = buckets[bucket]?.keys[key], let first = versions.first else { return nil }
        let found: Version? =
            switch version {
            case .current: first
            case .null: versions.first { $0.line.isNull }
            case .stamp(let stamp): versions.first { $0.line.stamp == stamp }
            }
        return found.map { ($0, $0.line.stamp == first.line.stamp) }
    }

    static func holds(_ condition: Precondition, _ version: Version?) -> Bool {
        let object = version?.line.kind == .object ? version?.line : nil
        switch condition {
        case .none: return true
        case .absent: return object == nil
        case .present: return object != nil
        case .isNot(let tags): return object == nil || !tags.contains(object!.etag)
        case .isOne(let tags): return object != nil && tags.contains(object!.etag)
        case .matches(let etag, let anyETag, let seconds, let size):
            guard let object else { return false }
            return (anyETag || etag == nil || etag == object.etag)
                && seconds == nil
                && (size == nil || size == object.size)
        }
    }

    /// Puts a version on top of its key, as the bucket's versioning says; answers what it replaces.
    mutating func write(_ bucket: BucketID, _ version: Version) -> Line? {
        var versions = buckets[bucket]!.keys[version.line.key] ?? []
        var removed: Line?
        if version.line.isNull, let place = versions.firstIndex(where: \.line.isNull) {
            removed = versions.remove(at: place).line
        }
        versions.insert(version, at: 0)
        buckets[bucket]!.keys[version.line.key] = versions
        return removed
    }

    mutating func remove(_ bucket: BucketID, _ line: Line) {
        buckets[bucket]!.keys[line.key]!.removeAll { $0.line.stamp == line.stamp }
        if buckets[bucket]!.keys[line.key]!.isEmpty { buckets[bucket]!.keys[line.key] = nil }
    }

    /// All versions of a bucket in the order of a listing.
    func lines(_ bucket: BucketID) -> [(line: Line, isLatest: Bool)] {
        guard let keys = buckets[bucket]?.keys else { return [] }
        return keys.keys.sorted().flatMap { key in
            keys[key]!.enumerated().map { ($0.element.line, $0.offset == 0) }
        }
    }
}

extension Model.Line {
    init(_ record: Record) {
        self.init(
            key: record.key,
            stamp: record.stamp,
            kind: record.kind,
            isNull: record.isNull,
            size: record.size,
            etag: record.etag,
            attributes: record.attributes,
            tags: record.tags
        )
    }
}
