/// The name of a multipart upload, never used again: the time of its initiation (48 bits), then 80 random bits. With the
/// time in it, the key of the upload's row follows from the object's key and the name.
package struct UploadID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package static func fresh(millis: UInt64) -> UploadID {
        UploadID(high: millis << 16 | .random(in: 0...0xffff), low: .random(in: 0 ... .max))
    }

    /// Milliseconds since 1970.
    package var initiatedMillis: UInt64 { high >> 16 }

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
    /// The operation that wrote it: its name where there are several holders, and `blob` says nothing.
    package var op = OpID.none

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

extension Upload {
    /// Where the upload's row is.
    package var address: RowAddress {
        RowAddress(bucket.within(.upload), UploadKey.upload(key, initiatedMillis: initiatedMillis, id))
    }

    /// The upload in its row; nil: the row is no unfinished upload.
    package init?(_ record: Record) {
        guard record.kind == .object, record.bucket.space == .upload,
            let identity = UploadKey.identity(of: record.key.bytes), identity.end == record.key.bytes.count,
            let row = UploadRow(encoded: record.attributes)
        else { return nil }
        self.init(
            id: identity.id,
            bucket: record.bucket.within(.object),
            key: Key(UploadKey.objectKey(of: record.key.bytes)),
            initiatedMillis: identity.initiatedMillis,
            attributes: row.attributes,
            tags: record.tags
        )
    }
}

extension Part {
    /// The part in its row; nil: the row is none, or its bytes are not here.
    package init?(_ record: Record) {
        guard record.kind == .object, record.bucket.space == .part, case .blob(let blob) = record.body,
            let number = UploadKey.partNumber(of: record.key.bytes)
        else { return nil }
        self.init(
            number: number,
            blob: blob,
            size: record.size,
            etag: record.etag,
            modifiedMillis: record.modifiedMillis,
            attributes: record.attributes
        )
        op = record.op
    }
}
