package import NIOCore

/// An entity tag as S3 computes it: an MD5 of the bytes, or of the parts' MD5s with their number behind a dash.
package struct ETag: Hashable, Sendable {
    /// The 16 bytes of the MD5, big-endian.
    package let high: UInt64
    package let low: UInt64
    /// 0 for an object that was written in one piece, else the number of parts.
    package let parts: UInt32

    package init(high: UInt64, low: UInt64, parts: UInt32 = 0) {
        self.high = high
        self.low = low
        self.parts = parts
    }
}

/// The name of a stream of chunks on this disk. Local to one data directory, given out in rising order, never used twice.
package struct BlobID: Hashable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }
}

/// One part of a completed multipart object, in order.
package struct PartRef: Hashable, Sendable {
    package let number: UInt16
    package let blob: BlobID
    package let size: UInt64
    /// What the S3 layer keeps of the part (its checksums); opaque here.
    package let attributes: [UInt8]
    /// The operation that wrote the part: its name where there are several holders, and `blob` says nothing.
    package let op: OpID

    package init(number: UInt16, blob: BlobID, size: UInt64, attributes: [UInt8], op: OpID = .none) {
        self.number = number
        self.blob = blob
        self.size = size
        self.attributes = attributes
        self.op = op
    }
}

/// Where the bytes of a version are on this disk.
package enum Body: Hashable, Sendable {
    /// No bytes: an empty object, a delete marker, a tombstone.
    case empty
    /// A small body, in the index itself.
    case inline
    /// A stream of chunks in segment files.
    case blob(BlobID)
    /// Several streams, one after the other, named by the row's manifest (`ObjectStore.manifest`).
    case parts
    /// The row is here, its bytes are not: they have not come yet, or went over to the object that the part became of.
    case absent
}

/// One immutable version of a key.
package struct Record: Sendable {
    package enum Kind: UInt8, Sendable {
        case object = 0
        /// A version that says the key was deleted, in a bucket with versioning.
        case deleteMarker = 1
        /// A deletion that every holder has to learn of. A store that stands alone keeps none.
        case tombstone = 2
        /// Says that the version `target` was removed for good. Has no bytes.
        case removal = 3
        /// Says that the version `target` has `tags` from now on. Has no bytes.
        case retag = 4
    }

    package var bucket: BucketID
    package var key: Key
    package var stamp: Stamp
    package var kind: Kind
    /// The version that S3 calls `null`: written while the bucket's versioning was off or suspended.
    package var isNull: Bool
    package var size: UInt64
    package var etag: ETag
    package var body: Body
    /// Headers, user metadata and checksums, in Mesh's encoding; opaque here.
    package var attributes: [UInt8]
    /// When it was written, in milliseconds since 1970: what S3 shows as the time of the last change. The stamp cannot
    /// tell: a conditional write keeps the time of what it replaces.
    package var modifiedMillis: UInt64
    /// The tag set, in Mesh's encoding; opaque here. The only thing of a version that can change.
    package var tags: [UInt8]
    /// The operation that wrote it.
    package var op = OpID.none
    /// As of when the key is so, in milliseconds since 1970.
    package var changedMillis: UInt64 { max(stamp.millis, modifiedMillis) }
    /// The version that a removal or a retag is about.
    package var target: Stamp?

    package init(
        bucket: BucketID,
        key: Key,
        stamp: Stamp,
        kind: Kind,
        isNull: Bool,
        size: UInt64,
        etag: ETag,
        body: Body,
        attributes: [UInt8],
        tags: [UInt8],
        modifiedMillis: UInt64? = nil,
        op: OpID = .none,
        target: Stamp? = nil
    ) {
        self.bucket = bucket
        self.key = key
        self.stamp = stamp
        self.modifiedMillis = modifiedMillis ?? stamp.millis
        self.kind = kind
        self.isNull = isNull
        self.size = size
        self.etag = etag
        self.body = body
        self.attributes = attributes
        self.tags = tags
        self.op = op
        self.target = target
    }
}

extension Record.Kind {
    /// What S3 calls a version: an object or a delete marker.
    package var isVersion: Bool { self == .object || self == .deleteMarker }

    /// Says something about another row.
    package var isChange: Bool { self == .removal || self == .retag }
}

/// Which version of a key is asked for.
package enum VersionSelector: Hashable, Sendable {
    case current
    /// The one with S3's version id `null`.
    case null
    case stamp(Stamp)
}

/// A version together with its small body, as one read of the index finds them.
package struct Found: Sendable {
    package var record: Record
    /// The bytes, when `record.body` is `.inline` and they were asked for; verified.
    package var inlineBody: ByteBuffer?
    /// Whether this is the newest version of its key.
    package var isCurrent: Bool

    package init(record: Record, inlineBody: ByteBuffer?, isCurrent: Bool) {
        self.record = record
        self.inlineBody = inlineBody
        self.isCurrent = isCurrent
    }
}
