package import NIOCore
package import Store

/// Whom S3's documents name as owner and initiator.
package struct S3Owner: Hashable, Sendable {
    package let id: String
    package let displayName: String

    package init(id: String, displayName: String) {
        self.id = id
        self.displayName = displayName
    }
}

/// The documents of answers about buckets and single objects, written from plain values into a buffer.
///
/// Names, order and quoting follow S3's own answers; listings are in `S3Answers+Listings`.
package enum S3Answers {
    static func document(
        _ root: String,
        into buffer: inout ByteBuffer,
        _ body: (inout XMLWriter) -> Void
    ) {
        var xml = XMLWriter(&buffer)
        xml.openRoot(root)
        body(&xml)
        xml.close(root)
        buffer = xml.finish()
    }

    /// `next` is the token of the page behind, if there is one.
    package static func buckets(
        _ buckets: [Bucket],
        owner: S3Owner,
        region: String,
        prefix: String,
        next: String?,
        into buffer: inout ByteBuffer
    ) {
        document("ListAllMyBucketsResult", into: &buffer) { xml in
            write(owner, as: "Owner", &xml)
            xml.open("Buckets")
            for bucket in buckets {
                xml.open("Bucket")
                xml.element("Name", BucketName.local(bucket.name))
                xml.element("CreationDate", millis: bucket.createdMillis)
                xml.element("BucketRegion", region)
                xml.close("Bucket")
            }
            xml.close("Buckets")
            xml.optional("ContinuationToken", next)
            if !prefix.isEmpty { xml.element("Prefix", prefix) }
        }
    }

    /// `us-east-1` is written as the empty constraint, as S3 does.
    package static func location(_ region: String, into buffer: inout ByteBuffer) {
        var xml = XMLWriter(&buffer)
        xml.openRoot("LocationConstraint")
        if region != "us-east-1" { xml.text(region) }
        xml.close("LocationConstraint")
        buffer = xml.finish()
    }

    package static func versioning(_ state: Versioning, into buffer: inout ByteBuffer) {
        document("VersioningConfiguration", into: &buffer) { xml in
            switch state {
            case .off: break
            case .on: xml.element("Status", "Enabled")
            case .suspended: xml.element("Status", "Suspended")
            }
        }
    }

    /// The one ACL there is: full control for the owner.
    package static func acl(_ owner: S3Owner, into buffer: inout ByteBuffer) {
        document("AccessControlPolicy", into: &buffer) { xml in
            write(owner, as: "Owner", &xml)
            xml.open("AccessControlList")
            xml.open("Grant")
            xml.open("Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"")
            xml.element("ID", owner.id)
            xml.element("DisplayName", owner.displayName)
            xml.close("Grantee")
            xml.element("Permission", "FULL_CONTROL")
            xml.close("Grant")
            xml.close("AccessControlList")
        }
    }

    package static func tagging(_ set: TagSet, into buffer: inout ByteBuffer) {
        document("Tagging", into: &buffer) { xml in
            xml.open("TagSet")
            for tag in set.tags {
                xml.open("Tag")
                xml.element("Key", tag.key)
                xml.element("Value", tag.value)
                xml.close("Tag")
            }
            xml.close("TagSet")
        }
    }

    // MARK: Uploads and copies

    package static func initiated(bucket: String, key: Key, upload: UploadID, into buffer: inout ByteBuffer) {
        document("InitiateMultipartUploadResult", into: &buffer) { xml in
            xml.element("Bucket", bucket)
            xml.element("Key", bytes: key.bytes)
            xml.element("UploadId", upload.text)
        }
    }

    /// `location` is the object's URL.
    package static func completed(
        location: String,
        bucket: String,
        key: Key,
        etag: ETag,
        checksum: ChecksumValue?,
        into buffer: inout ByteBuffer
    ) {
        document("CompleteMultipartUploadResult", into: &buffer) { xml in
            xml.element("Location", location)
            xml.element("Bucket", bucket)
            xml.element("Key", bytes: key.bytes)
            xml.quoted("ETag", etag.text)
            write(checksum, withType: true, &xml)
        }
    }

    package static func copied(
        etag: ETag,
        modifiedMillis: UInt64,
        checksum: ChecksumValue?,
        isPart: Bool,
        into buffer: inout ByteBuffer
    ) {
        document(isPart ? "CopyPartResult" : "CopyObjectResult", into: &buffer) { xml in
            xml.element("LastModified", millis: modifiedMillis)
            xml.quoted("ETag", etag.text)
            write(checksum, withType: !isPart, &xml)
        }
    }

    // MARK: Delete

    /// What became of one key of a bulk delete.
    package struct DeleteOutcome: Sendable {
        package var key: [UInt8]
        package var version: String?
        /// Nil: deleted.
        package var error: S3Error?
        /// The marker that was written, or that was the version which was removed.
        package var deleteMarkerVersion: String?

        package init(key: [UInt8], version: String?, error: S3Error?, deleteMarkerVersion: String?) {
            self.key = key
            self.version = version
            self.error = error
            self.deleteMarkerVersion = deleteMarkerVersion
        }
    }

    /// A quiet answer names only what failed.
    package static func deleted(_ outcomes: [DeleteOutcome], isQuiet: Bool, into buffer: inout ByteBuffer) {
        document("DeleteResult", into: &buffer) { xml in
            for outcome in outcomes {
                if let error = outcome.error {
                    xml.open("Error")
                    xml.element("Key", bytes: outcome.key)
                    xml.optional("VersionId", outcome.version)
                    xml.element("Code", error.code.rawValue)
                    xml.element("Message", error.message)
                    xml.close("Error")
                } else if !isQuiet {
                    xml.open("Deleted")
                    xml.element("Key", bytes: outcome.key)
                    xml.optional("VersionId", outcome.version)
                    if let marker = outcome.deleteMarkerVersion {
                        xml.element("DeleteMarker", true)
                        xml.element("DeleteMarkerVersionId", marker)
                    }
                    xml.close("Deleted")
                }
            }
        }
    }

    // MARK: GetObjectAttributes

    /// One part of an object, as GetObjectAttributes tells it.
    package struct AttributePart: Sendable {
        package var number: UInt16
        package var size: UInt64
        package var checksum: ChecksumValue?

        package init(number: UInt16, size: UInt64, checksum: ChecksumValue?) {
            self.number = number
            self.size = size
            self.checksum = checksum
        }
    }

    /// `parts` are all of the object's, by number; empty if it was written in one piece. The page is cut here.
    package static func attributes(
        _ asked: AttributesArguments,
        etag: ETag,
        size: UInt64,
        checksum: ChecksumValue?,
        parts: [AttributePart],
        into buffer: inout ByteBuffer
    ) {
        document("GetObjectAttributesResponse", into: &buffer) { xml in
            // The one document whose ETag has no quotes.
            if asked.etag { xml.element("ETag", etag.text) }
            if asked.checksum, let checksum {
                xml.open("Checksum")
                write(checksum, withType: true, &xml)
                xml.close("Checksum")
            }
            if asked.parts, !parts.isEmpty { write(parts, asked, &xml) }
            if asked.storageClass { xml.element("StorageClass", "STANDARD") }
            if asked.size { xml.element("ObjectSize", size) }
        }
    }

    private static func write(_ parts: [AttributePart], _ asked: AttributesArguments, _ xml: inout XMLWriter) {
        xml.open("ObjectParts")
        xml.element("PartsCount", parts.count)
        // S3 names single parts only for objects whose parts have checksums.
        if parts.contains(where: { $0.checksum != nil }) {
            let behind = parts.drop { $0.number <= asked.partsAfter }
            let page = behind.prefix(asked.partsLimit)
            xml.element("PartNumberMarker", asked.partsAfter)
            xml.element("NextPartNumberMarker", page.last?.number ?? asked.partsAfter)
            xml.element("MaxParts", asked.partsLimit)
            xml.element("IsTruncated", asked.partsLimit > 0 && behind.count > page.count)
            for part in page {
                xml.open("Part")
                xml.element("PartNumber", part.number)
                xml.element("Size", part.size)
                write(part.checksum, withType: false, &xml)
                xml.close("Part")
            }
        }
        xml.close("ObjectParts")
    }

    // MARK: Shared pieces

    static func write(_ owner: S3Owner, as name: String, _ xml: inout XMLWriter) {
        xml.open(name)
        xml.element("ID", owner.id)
        xml.element("DisplayName", owner.displayName)
        xml.close(name)
    }

    static func write(_ checksum: ChecksumValue?, withType: Bool, _ xml: inout XMLWriter) {
        guard let checksum else { return }
        xml.element(checksum.algorithm.element, checksum.text)
        if withType { xml.element("ChecksumType", checksum.type.name) }
    }
}
