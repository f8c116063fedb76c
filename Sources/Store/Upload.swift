/// The name of a multipart upload: random, never used again.
package struct UploadID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// A multipart upload that was begun.
package struct Upload: Sendable {
    package var id: UploadID
    package var bucket: BucketID
    package var key: Key
    package var initiatedMillis: UInt64
    /// What the finished object will carry, in Mesh's encoding; opaque here.
    package var attributes: [UInt8]
    package var tags: [UInt8]

    package init(
        id: UploadID,
        bucket: BucketID,
        key: Key,
        initiatedMillis: UInt64,
        attributes: [UInt8],
        tags: [UInt8]
    ) {
        self.id = id
        self.bucket = bucket
        self.key = key
        self.initiatedMillis = initiatedMillis
        self.attributes = attributes
        self.tags = tags
    }
}

/// A part that was uploaded and not yet made part of an object.
package struct Part: Sendable {
    package var number: UInt16
    package var blob: BlobID
    package var size: UInt64
    package var etag: ETag
    package var modifiedMillis: UInt64
    /// Its checksums, in Mesh's encoding; opaque here.
    package var attributes: [UInt8]

    package init(
        number: UInt16,
        blob: BlobID,
        size: UInt64,
        etag: ETag,
        modifiedMillis: UInt64,
        attributes: [UInt8]
    ) {
        self.number = number
        self.blob = blob
        self.size = size
        self.etag = etag
        self.modifiedMillis = modifiedMillis
        self.attributes = attributes
    }
}
