/// A page of current objects: S3's ListObjects in the store's words.
package struct ListQuery: Sendable {
    package var bucket: BucketID
    package var prefix: [UInt8] = []
    /// Empty: no roll-up.
    package var delimiter: [UInt8] = []
    /// Only keys (and common prefixes) after this one; nil: from the start.
    package var after: [UInt8]?
    /// Objects and common prefixes together; 0 to 1,000.
    package var limit: Int

    package init(bucket: BucketID, limit: Int) {
        self.bucket = bucket
        self.limit = limit
    }
}

package struct ListPage: Sendable {
    package enum Entry: Sendable {
        case object(Record)
        case commonPrefix([UInt8])
    }

    /// In order of bytes, objects and prefixes mixed.
    package var entries: [Entry]
    package var isTruncated: Bool

    package init(entries: [Entry], isTruncated: Bool) {
        self.entries = entries
        self.isTruncated = isTruncated
    }
}

/// A page of versions: S3's ListObjectVersions in the store's words.
package struct VersionsQuery: Sendable {
    package var bucket: BucketID
    package var prefix: [UInt8] = []
    package var delimiter: [UInt8] = []
    package var keyMarker: [UInt8]?
    /// With `keyMarker`: go on behind this version of that key; nil: behind the key.
    package var versionMarker: VersionSelector?
    package var limit: Int

    package init(bucket: BucketID, limit: Int) {
        self.bucket = bucket
        self.limit = limit
    }
}

package struct VersionsPage: Sendable {
    package enum Entry: Sendable {
        case version(Record, isLatest: Bool)
        case commonPrefix([UInt8])
    }

    package var entries: [Entry]
    package var isTruncated: Bool

    package init(entries: [Entry], isTruncated: Bool) {
        self.entries = entries
        self.isTruncated = isTruncated
    }
}

package struct UploadsQuery: Sendable {
    package var bucket: BucketID
    package var prefix: [UInt8] = []
    package var delimiter: [UInt8] = []
    package var keyMarker: [UInt8]?
    package var uploadMarker: UploadID?
    package var limit: Int

    package init(bucket: BucketID, limit: Int) {
        self.bucket = bucket
        self.limit = limit
    }
}

package struct UploadsPage: Sendable {
    package enum Entry: Sendable {
        case upload(Upload)
        case commonPrefix([UInt8])
    }

    package var entries: [Entry]
    package var isTruncated: Bool

    package init(entries: [Entry], isTruncated: Bool) {
        self.entries = entries
        self.isTruncated = isTruncated
    }
}
