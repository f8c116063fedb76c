package import NIOCore

/// What must hold of the current version of a key for a change to happen. Judged by the committer, inside the same
/// transaction as the change, so that any number of racers has exactly one winner.
///
/// A delete marker counts as absent.
package enum Precondition: Hashable, Sendable {
    case none
    /// `If-None-Match: *`
    case absent
    /// `If-None-Match: "etag"`: the current version, if any, is not this one.
    case isNot([ETag])
    /// `If-Match: "etag", …`: the current version is one of these.
    case isOne(of: [ETag])
    /// `If-Match: *`: there is a current version.
    case present
    /// The conditional delete: whatever is given must be equal. `lastModifiedSeconds` is in seconds since 1970.
    case matches(etag: ETag?, anyETag: Bool, lastModifiedSeconds: UInt64?, size: UInt64?)
}

/// The bytes of a new version, already on their way to the disk.
package enum NewBody: Sendable {
    case empty
    case inline(ByteBuffer)
    /// A finished, durable stream (`BlobWriter.finish`).
    case blob(BlobID)
    /// Staged under this name on the holders of the key, while there were several.
    case staged(OpID)
}

/// A version to be written; the committer gives it its stamp.
package struct Draft: Sendable {
    package var bucket: BucketID
    package var key: Key
    package var size: UInt64
    package var etag: ETag
    package var body: NewBody
    package var attributes: [UInt8]
    package var tags: [UInt8]

    package init(
        bucket: BucketID,
        key: Key,
        size: UInt64,
        etag: ETag,
        body: NewBody,
        attributes: [UInt8],
        tags: [UInt8]
    ) {
        self.bucket = bucket
        self.key = key
        self.size = size
        self.etag = etag
        self.body = body
        self.attributes = attributes
        self.tags = tags
    }
}

/// A change to the store. The committer applies each whole or not at all.
package enum Mutation: Sendable {
    /// A new current version. With versioning on the older ones stay; else the version `null` is replaced.
    case put(Draft, Precondition)
    /// S3's DELETE without a version id: removes the version `null` (versioning off) or writes a delete marker.
    case delete(BucketID, Key, Precondition, attributes: [UInt8] = [])
    /// S3's DELETE with a version id: removes just that version for good.
    case deleteVersion(BucketID, Key, VersionSelector, Precondition)
    /// Replaces the tag set of one version.
    case setTags(BucketID, Key, VersionSelector, [UInt8])

    case createUpload(Upload)
    /// A part in place of an earlier one of the same number.
    case putPart(UploadID, Part)
    /// Turns parts into an object: `blobs` names, in order, the parts as the caller read them; if one of them was
    /// replaced since then the answer is `.partsChanged`. All other parts are dropped.
    case completeUpload(UploadID, parts: [PartRef], size: UInt64, etag: ETag, attributes: [UInt8], Precondition)
    case abortUpload(UploadID)

    case createBucket(Bucket)
    case deleteBucket(BucketID)
    case setVersioning(BucketID, Versioning)
    case setBucketSettings(BucketID, [UInt8])

    /// A small named value that every node will hold (access keys, grants, settings). `expected` is the value that must
    /// be there now (nil: none), or no condition when `always`.
    case setRegister(name: String, value: [UInt8]?, expected: [UInt8]?, always: Bool)
}
