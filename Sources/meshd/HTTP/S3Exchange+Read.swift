import Mesh
import NIOCore
import Store

/// GetObject and HeadObject: a version, its conditions and range, its bytes.
extension S3Exchange {
    func getObject(_ arguments: GetArguments) async throws {
        let bucket = try await bucket(for: .read)
        let found = try await existing(in: bucket, request.version, body: !isHead)
        let record = found.record
        let attributes = try ObjectAttributes(of: record)
        if let error = ReadConditions(headers).error(
            etag: record.etag,
            modifiedMillis: record.modifiedMillis,
            isCopy: false
        ) {
            guard error.code == .notModified else { throw error }
            var head = head(304)
            addIdentity(of: record, in: bucket, to: &head)
            addCaching(attributes, to: &head)
            try await answer(head)
            return
        }

        let selection = try await Selection(self, record, attributes, arguments, headers)
        var head = head(selection.status)
        addIdentity(of: record, in: bucket, to: &head)
        head.add("Accept-Ranges", constant: "bytes")
        addDescription(attributes, record, arguments.overrides, to: &head)
        if selection.status == 206, let range = selection.range {
            head.add("Content-Range", ByteRange.contentRange(range, size: record.size))
        }
        if let count = selection.partsCount { head.add("x-amz-mp-parts-count", count) }
        if arguments.checksumMode, let checksum = selection.checksum { addChecksum(checksum, to: &head) }

        let range = selection.range ?? 0..<record.size
        let length = UInt64(range.count)
        guard !isHead, length > 0 else {
            try await answer(head, length: length)
            return
        }
        if let whole = found.inlineBody {
            let slice = whole.getSlice(at: whole.readerIndex + Int(range.lowerBound), length: Int(length))
            try await answer(head, body: slice)
            return
        }
        try await send(head, record, range)
    }

    /// The version asked for, or the error that S3 has for its absence.
    func existing(in bucket: Bucket, _ version: VersionSelector, body: Bool) async throws -> Found {
        guard let found = try await coordinator.find(bucket.id, objectKey, version, body: body, asked),
            found.record.kind != .tombstone
        else {
            if version == .current { throw S3Error(.noSuchKey, nil, [.init("Key", objectKey.text)]) }
            throw S3Error(.noSuchVersion, nil, [.init("Key", objectKey.text)])
        }
        guard found.record.kind == .deleteMarker else { return found }
        var error =
            version == .current
            ? S3Error(.noSuchKey, nil, [.init("Key", objectKey.text)])
            : S3Error(
                .methodNotAllowed,
                nil,
                [.init("Method", isHead ? "HEAD" : "GET"), .init("ResourceType", "DeleteMarker")]
            )
        error.headers = [
            .init("x-amz-delete-marker", "true"), .init("x-amz-version-id", VersionID.text(of: found.record)),
        ]
        if version != .current {
            error.headers += [
                .init("Allow", "DELETE"),
                .init("Last-Modified", S3Date.http(seconds: found.record.modifiedMillis / 1000)),
            ]
        }
        throw error
    }

    /// Streams verified chunks. The first is read before the head goes out: damage that shows at once is a 500, damage
    /// that shows later cuts the connection. Bytes that are not the object's are never sent.
    private func send(_ head: consuming ResponseHead, _ record: Record, _ range: Range<UInt64>) async throws {
        let reader = try await coordinator.openBody(of: record)
        var offset = range.lowerBound
        var chunk = try await reader.read(at: offset, limit: range.upperBound)
        try await begin(head, length: UInt64(range.count))
        do {
            while true {
                offset += UInt64(chunk.readableBytes)
                try await stream(chunk)
                if offset >= range.upperBound { return }
                chunk = try await reader.read(at: offset, limit: range.upperBound)
            }
        } catch {
            abandonAnswer(error)
        }
    }

    // MARK: Headers of a version

    func addIdentity(of record: Record, in bucket: Bucket, to head: inout ResponseHead) {
        head.add("ETag", record.etag.quoted)
        head.add("Last-Modified", S3Date.http(seconds: record.modifiedMillis / 1000))
        versionHeader(record, in: bucket, &head)
    }

    private func addCaching(_ attributes: ObjectAttributes, to head: inout ResponseHead) {
        if let value = attributes.cacheControl { head.add("Cache-Control", value) }
        if let value = attributes.expires { head.add("Expires", value) }
    }

    private func addDescription(
        _ attributes: ObjectAttributes,
        _ record: Record,
        _ overrides: [GetArguments.Override],
        to head: inout ResponseHead
    ) {
        func value(_ name: String, _ stored: String?) -> String? {
            overrides.first { $0.name == name }?.value ?? stored
        }
        head.add("Content-Type", value("content-type", attributes.contentType) ?? "binary/octet-stream")
        if let value = value("cache-control", attributes.cacheControl) { head.add("Cache-Control", value) }
        if let value = value("content-disposition", attributes.contentDisposition) {
            head.add("Content-Disposition", value)
        }
        if let value = value("content-encoding", attributes.contentEncoding) { head.add("Content-Encoding", value) }
        if let value = value("content-language", attributes.contentLanguage) { head.add("Content-Language", value) }
        if let value = value("expires", attributes.expires) { head.add("Expires", value) }
        if let value = attributes.websiteRedirect { head.add("x-amz-website-redirect-location", value) }
        for item in attributes.metadata { head.add(name: "x-amz-meta-" + item.name, value: item.value) }
        if let origin = attributes.origin { head.add(name: "\(ReplicationOrigin.header)", value: origin.text) }
        if !record.tags.isEmpty, let count = TagSet(encoded: record.tags)?.tags.count {
            head.add("x-amz-tagging-count", count)
        }
    }

    func addChecksum(_ checksum: ChecksumValue, to head: inout ResponseHead) {
        head.add(name: checksum.algorithm.header, value: checksum.text)
        head.add("x-amz-checksum-type", checksum.type.name)
    }
}

/// Which bytes of a version an answer carries, and what it may say of them.
private struct Selection {
    var status = 200
    /// Nil: all of them.
    var range: Range<UInt64>?
    var partsCount: Int?
    /// The checksum of just these bytes, if one is known.
    var checksum: ChecksumValue?

    init(
        _ exchange: S3Exchange,
        _ record: Record,
        _ attributes: ObjectAttributes,
        _ arguments: GetArguments,
        _ headers: HeaderTable
    ) async throws {
        var header = headers.bytes("range")
        // `If-Range`: the rest of just this version, or all of what there is now (RFC 9110, 13.1.5).
        if let condition = headers.bytes("if-range"), !Self.isUnchanged(record, since: condition) { header = nil }
        if let number = arguments.partNumber {
            guard header == nil else {
                throw S3Error(.invalidRequest, "Cannot specify both Range header and partNumber query parameter.")
            }
            try await select(part: number, exchange, record, attributes)
            return
        }
        switch ByteRange(header, size: record.size) {
        case .whole:
            checksum = attributes.checksum
        case .part(let part):
            status = 206
            range = part
        case .unsatisfiable:
            throw ByteRange.error(headers.string("range") ?? "", size: record.size)
        }
    }

    private static func isUnchanged(_ record: Record, since condition: ArraySlice<UInt8>) -> Bool {
        if let seconds = S3Date.parseHTTP(condition) { return seconds == record.modifiedMillis / 1000 }
        return ETag(text: condition) == record.etag
    }

    private mutating func select(
        part number: UInt16,
        _ exchange: S3Exchange,
        _ record: Record,
        _ attributes: ObjectAttributes
    ) async throws {
        status = 206
        guard record.body == .parts else {
            guard number == 1 else { throw S3Error(.invalidPartNumber) }
            range = record.size > 0 ? 0..<record.size : nil
            if record.size == 0 { status = 200 }
            checksum = attributes.checksum
            return
        }
        let parts = try await exchange.coordinator.manifest(of: record)
        partsCount = parts.count
        var start: UInt64 = 0
        for part in parts {
            if part.number == number {
                range = start..<(start + part.size)
                checksum = PartAttributes.checksum(of: part)
                if part.size == 0 { range = nil }
                return
            }
            start += part.size
        }
        throw S3Error(.invalidPartNumber)
    }
}
