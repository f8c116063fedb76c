package import NIOCore
package import Store

/// The documents of listings.
extension S3Answers {
    /// ListObjects, version 1 or 2 as asked. The next marker or token is that of the last entry.
    package static func objects(
        _ page: ListPage,
        _ asked: ListArguments,
        bucket: String,
        owner: S3Owner,
        into buffer: inout ByteBuffer
    ) {
        let url = asked.urlEncoded
        let last: [UInt8]? = page.entries.last.map {
            switch $0 {
            case .object(let record): record.key.bytes
            case .commonPrefix(let prefix): prefix
            }
        }
        document("ListBucketResult", into: &buffer) { xml in
            xml.element("Name", bucket)
            xml.element("Prefix", bytes: asked.prefix, urlEncoded: url)
            if asked.version == 2 {
                if let start = asked.marker { xml.element("StartAfter", bytes: start, urlEncoded: url) }
                xml.optional("ContinuationToken", asked.token)
                if page.isTruncated, let last {
                    xml.element("NextContinuationToken", ContinuationToken.encode(last))
                }
                xml.element("KeyCount", page.entries.count)
            } else {
                xml.element("Marker", bytes: asked.marker ?? [], urlEncoded: url)
                // Without a delimiter the last key is the marker, and S3 leaves this out.
                if page.isTruncated, !asked.delimiter.isEmpty, let last {
                    xml.element("NextMarker", bytes: last, urlEncoded: url)
                }
            }
            xml.element("MaxKeys", asked.limit)
            if !asked.delimiter.isEmpty { xml.element("Delimiter", bytes: asked.delimiter, urlEncoded: url) }
            if url { xml.element("EncodingType", "url") }
            xml.element("IsTruncated", page.isTruncated)
            for case .object(let record) in page.entries {
                xml.open("Contents")
                xml.element("Key", bytes: record.key.bytes, urlEncoded: url)
                xml.element("LastModified", millis: record.modifiedMillis)
                xml.quoted("ETag", record.etag.text)
                writeChecksum(of: record, &xml)
                xml.element("Size", record.size)
                if asked.version == 1 || asked.fetchOwner { write(owner, as: "Owner", &xml) }
                xml.element("StorageClass", "STANDARD")
                xml.close("Contents")
            }
            for case .commonPrefix(let prefix) in page.entries { writePrefix(prefix, url, &xml) }
        }
    }

    package static func versions(
        _ page: VersionsPage,
        _ asked: ListVersionsArguments,
        bucket: String,
        owner: S3Owner,
        into buffer: inout ByteBuffer
    ) {
        let url = asked.urlEncoded
        document("ListVersionsResult", into: &buffer) { xml in
            xml.element("Name", bucket)
            xml.element("Prefix", bytes: asked.prefix, urlEncoded: url)
            xml.element("KeyMarker", bytes: asked.keyMarker ?? [], urlEncoded: url)
            xml.element("VersionIdMarker", text(asked.versionMarker))
            if page.isTruncated {
                switch page.entries.last {
                case .version(let record, _):
                    xml.element("NextKeyMarker", bytes: record.key.bytes, urlEncoded: url)
                    xml.element("NextVersionIdMarker", VersionID.text(of: record))
                case .commonPrefix(let prefix): xml.element("NextKeyMarker", bytes: prefix, urlEncoded: url)
                case nil: break
                }
            }
            xml.element("MaxKeys", asked.limit)
            if !asked.delimiter.isEmpty { xml.element("Delimiter", bytes: asked.delimiter, urlEncoded: url) }
            if url { xml.element("EncodingType", "url") }
            xml.element("IsTruncated", page.isTruncated)
            for case .version(let record, let isLatest) in page.entries {
                let name = record.kind == .object ? "Version" : "DeleteMarker"
                xml.open(name)
                xml.element("Key", bytes: record.key.bytes, urlEncoded: url)
                xml.element("VersionId", VersionID.text(of: record))
                xml.element("IsLatest", isLatest)
                xml.element("LastModified", millis: record.modifiedMillis)
                if record.kind == .object {
                    xml.quoted("ETag", record.etag.text)
                    writeChecksum(of: record, &xml)
                    xml.element("Size", record.size)
                    xml.element("StorageClass", "STANDARD")
                }
                write(owner, as: "Owner", &xml)
                xml.close(name)
            }
            for case .commonPrefix(let prefix) in page.entries { writePrefix(prefix, url, &xml) }
        }
    }

    package static func uploads(
        _ page: UploadsPage,
        _ asked: ListUploadsArguments,
        bucket: String,
        owner: S3Owner,
        into buffer: inout ByteBuffer
    ) {
        let url = asked.urlEncoded
        document("ListMultipartUploadsResult", into: &buffer) { xml in
            xml.element("Bucket", bucket)
            xml.element("KeyMarker", bytes: asked.keyMarker ?? [], urlEncoded: url)
            xml.element("UploadIdMarker", asked.uploadMarker ?? "")
            if page.isTruncated {
                switch page.entries.last {
                case .upload(let upload):
                    xml.element("NextKeyMarker", bytes: upload.key.bytes, urlEncoded: url)
                    xml.element("NextUploadIdMarker", upload.id.text)
                case .commonPrefix(let prefix): xml.element("NextKeyMarker", bytes: prefix, urlEncoded: url)
                case nil: break
                }
            }
            if !asked.delimiter.isEmpty { xml.element("Delimiter", bytes: asked.delimiter, urlEncoded: url) }
            xml.element("Prefix", bytes: asked.prefix, urlEncoded: url)
            xml.element("MaxUploads", asked.limit)
            if url { xml.element("EncodingType", "url") }
            xml.element("IsTruncated", page.isTruncated)
            for case .upload(let upload) in page.entries {
                xml.open("Upload")
                xml.element("Key", bytes: upload.key.bytes, urlEncoded: url)
                xml.element("UploadId", upload.id.text)
                write(owner, as: "Initiator", &xml)
                write(owner, as: "Owner", &xml)
                xml.element("StorageClass", "STANDARD")
                xml.element("Initiated", millis: upload.initiatedMillis)
                writeWanted(ObjectAttributes(encoded: upload.attributes), &xml)
                xml.close("Upload")
            }
            for case .commonPrefix(let prefix) in page.entries { writePrefix(prefix, url, &xml) }
        }
    }

    /// `parts` is one page, by number.
    package static func parts(
        _ parts: [Part],
        isTruncated: Bool,
        of upload: Upload,
        _ asked: ListPartsArguments,
        bucket: String,
        owner: S3Owner,
        into buffer: inout ByteBuffer
    ) {
        document("ListPartsResult", into: &buffer) { xml in
            xml.element("Bucket", bucket)
            xml.element("Key", bytes: upload.key.bytes, urlEncoded: asked.urlEncoded)
            xml.element("UploadId", upload.id.text)
            write(owner, as: "Initiator", &xml)
            write(owner, as: "Owner", &xml)
            xml.element("StorageClass", "STANDARD")
            xml.element("PartNumberMarker", asked.after)
            xml.element("NextPartNumberMarker", parts.last?.number ?? 0)
            xml.element("MaxParts", asked.limit)
            if asked.urlEncoded { xml.element("EncodingType", "url") }
            xml.element("IsTruncated", isTruncated)
            for part in parts {
                xml.open("Part")
                xml.element("PartNumber", part.number)
                xml.element("LastModified", millis: part.modifiedMillis)
                xml.quoted("ETag", part.etag.text)
                xml.element("Size", part.size)
                write(PartAttributes(encoded: part.attributes)?.checksum, withType: false, &xml)
                xml.close("Part")
            }
            writeWanted(ObjectAttributes(encoded: upload.attributes), &xml)
        }
    }

    // MARK: Pieces

    private static func writePrefix(_ prefix: [UInt8], _ url: Bool, _ xml: inout XMLWriter) {
        xml.open("CommonPrefixes")
        xml.element("Prefix", bytes: prefix, urlEncoded: url)
        xml.close("CommonPrefixes")
    }

    private static func writeChecksum(of record: Record, _ xml: inout XMLWriter) {
        guard let checksum = ObjectAttributes.checksum(in: record.attributes) else { return }
        xml.element("ChecksumAlgorithm", checksum.algorithm.name)
        xml.element("ChecksumType", checksum.type.name)
    }

    private static func writeWanted(_ attributes: ObjectAttributes?, _ xml: inout XMLWriter) {
        guard let algorithm = attributes?.checksumAlgorithm else { return }
        xml.element("ChecksumAlgorithm", algorithm.name)
        xml.element("ChecksumType", (attributes?.checksumType ?? algorithm.multipartType).name)
    }

    private static func text(_ marker: VersionSelector?) -> String {
        switch marker {
        case .stamp(let stamp): VersionID.text(stamp)
        case .null: VersionID.null
        case .current, nil: ""
        }
    }
}
