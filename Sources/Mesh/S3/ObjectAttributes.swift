/// What an object carries beside its bytes, and its form on disk (`Record.attributes`).
///
/// On disk: a version, then fields of tag, length (two bytes) and bytes; absent fields cost nothing.
package struct ObjectAttributes: Hashable, Sendable {
    package struct Metadata: Hashable, Sendable {
        /// Without `x-amz-meta-`, in lower case.
        package let name: String
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Names and values of user metadata together, in bytes.
    package static let metadataBytesMax = 2048

    package var contentType: String?
    package var cacheControl: String?
    package var contentDisposition: String?
    /// Without `aws-chunked`, which is the coding of one transfer and not of the object.
    package var contentEncoding: String?
    package var contentLanguage: String?
    package var expires: String?
    package var websiteRedirect: String?
    package var metadata: [Metadata] = []
    package var checksum: ChecksumValue?
    /// A multipart upload that wants a checksum but has no value yet.
    package var checksumAlgorithm: ChecksumAlgorithm?
    package var checksumType: ChecksumType?
    /// The access key's owner that wrote it.
    package var owner: String?
    /// Where it comes from when another store's rule sent it.
    package var origin: ReplicationOrigin?

    package init() {}

    /// From the headers of a PUT, CreateMultipartUpload, or a copy that replaces metadata.
    package init(_ headers: HeaderTable) throws(S3Error) {
        contentType = headers.string("content-type").flatMap { $0.isEmpty ? nil : $0 }
        cacheControl = headers.string("cache-control")
        contentDisposition = headers.string("content-disposition")
        contentLanguage = headers.string("content-language")
        expires = headers.string("expires")
        websiteRedirect = headers.string("x-amz-website-redirect-location")
        if let redirect = websiteRedirect,
            !(redirect.hasPrefix("/") || redirect.hasPrefix("http://") || redirect.hasPrefix("https://"))
        {
            throw S3Error.argument(
                "x-amz-website-redirect-location",
                redirect,
                "The website redirect location must begin with '/', 'http://' or 'https://'."
            )
        }
        if let encoding = headers.bytes("content-encoding") {
            let kept = encoding.split(separator: UInt8(ascii: ",")).map(ASCII.trimmed).filter {
                !$0.isEmpty && !ASCII.equalFolded($0, "aws-chunked")
            }
            let text = kept.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",")
            contentEncoding = text.isEmpty ? nil : text
        }
        try readMetadata(headers)
        origin = try Self.origin(headers)
    }

    /// What a rule of another store says of the object, or of its deletion; nil: a client writes it.
    package static func origin(_ headers: HeaderTable) throws(S3Error) -> ReplicationOrigin? {
        guard let text = headers.string(ReplicationOrigin.header) else { return nil }
        guard let origin = ReplicationOrigin(text: text) else {
            throw S3Error.argument("\(ReplicationOrigin.header)", text, "Not where an object comes from.")
        }
        return origin
    }

    private mutating func readMetadata(_ headers: HeaderTable) throws(S3Error) {
        var found: [Metadata] = []
        var size = 0
        headers.forEach(prefix: "x-amz-meta-") { name, value in
            let name = String(decoding: name.dropFirst(11), as: UTF8.self)
            let value = String(decoding: value, as: UTF8.self)
            size += name.utf8.count + value.utf8.count
            if let index = found.firstIndex(where: { $0.name == name }) {
                found[index] = Metadata(name: name, value: found[index].value + "," + value)
            } else {
                found.append(Metadata(name: name, value: value))
            }
        }
        guard size <= Self.metadataBytesMax else {
            throw S3Error(
                .metadataTooLarge,
                nil,
                [.init("Size", String(size)), .init("MaxSizeAllowed", String(Self.metadataBytesMax))]
            )
        }
        metadata = found
    }

    /// The headers of a GET or HEAD, content type always among them; overrides are the caller's to apply.
    package func forEachHeader(_ body: (_ name: String, _ value: String) -> Void) {
        body("content-type", contentType ?? "binary/octet-stream")
        if let cacheControl { body("cache-control", cacheControl) }
        if let contentDisposition { body("content-disposition", contentDisposition) }
        if let contentEncoding { body("content-encoding", contentEncoding) }
        if let contentLanguage { body("content-language", contentLanguage) }
        if let expires { body("expires", expires) }
        if let websiteRedirect { body("x-amz-website-redirect-location", websiteRedirect) }
        for item in metadata { body("x-amz-meta-" + item.name, item.value) }
    }

    // MARK: On disk

    package var encoded: [UInt8] {
        var out = FieldWriter(version: 1)
        for (tag, text) in [
            (1, contentType), (2, cacheControl), (3, contentDisposition), (4, contentEncoding), (5, contentLanguage),
            (6, expires), (7, websiteRedirect), (8, owner),
        ] as [(UInt8, String?)] {
            if let text { out.field(tag, text.utf8) }
        }
        if let checksum { out.field(9, checksum.encoded) }
        if let algorithm = checksumAlgorithm { out.field(10, [algorithm.rawValue]) }
        if let type = checksumType { out.field(11, [type.rawValue]) }
        if let origin { out.field(12, origin.text.utf8) }
        for item in metadata {
            out.field(32, item.name.utf8)
            out.field(33, item.value.utf8)
        }
        return out.bytes
    }

    /// Nil for bytes that no `encoded` gave. No bytes are no attributes.
    package init?(encoded: [UInt8]) {
        if encoded.isEmpty { return }
        guard var reader = FieldReader(encoded, version: 1) else { return nil }
        while let (tag, bytes) = reader.next() {
            switch tag {
            case 1: contentType = Self.text(bytes)
            case 2: cacheControl = Self.text(bytes)
            case 3: contentDisposition = Self.text(bytes)
            case 4: contentEncoding = Self.text(bytes)
            case 5: contentLanguage = Self.text(bytes)
            case 6: expires = Self.text(bytes)
            case 7: websiteRedirect = Self.text(bytes)
            case 8: owner = Self.text(bytes)
            case 9:
                guard let value = ChecksumValue(encoded: bytes) else { return nil }
                checksum = value
            case 10:
                guard bytes.count == 1, let value = ChecksumAlgorithm(rawValue: bytes[bytes.startIndex]) else {
                    return nil
                }
                checksumAlgorithm = value
            case 11:
                guard bytes.count == 1, let value = ChecksumType(rawValue: bytes[bytes.startIndex]) else { return nil }
                checksumType = value
            case 12:
                guard let value = ReplicationOrigin(text: Self.text(bytes)) else { return nil }
                origin = value
            case 32:
                guard let (kind, value) = reader.next(), kind == 33 else { return nil }
                metadata.append(Metadata(name: Self.text(bytes), value: Self.text(value)))
            default: return nil
            }
        }
        guard reader.isWhole else { return nil }
    }

    /// Only the checksum, for listings: reads past all else.
    package static func checksum(in encoded: [UInt8]) -> ChecksumValue? {
        guard var reader = FieldReader(encoded, version: 1) else { return nil }
        while let (tag, bytes) = reader.next(), tag <= 9 {
            if tag == 9 { return ChecksumValue(encoded: bytes) }
        }
        return nil
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}

/// What is kept of a part beside its bytes (`Part.attributes`, `PartRef.attributes`): its checksum.
package struct PartAttributes: Hashable, Sendable {
    package var checksum: ChecksumValue?

    package init(checksum: ChecksumValue?) { self.checksum = checksum }

    package var encoded: [UInt8] { checksum.map { [1] + $0.encoded } ?? [] }

    /// Nil for bytes that no `encoded` gave.
    package init?(encoded: [UInt8]) {
        if encoded.isEmpty { return }
        guard encoded[0] == 1, let value = ChecksumValue(encoded: encoded[1...]) else { return nil }
        checksum = value
    }
}

/// A checksum on disk: algorithm, type, number of parts (two bytes), value.
extension ChecksumValue {
    var encoded: [UInt8] {
        [algorithm.rawValue, type.rawValue, UInt8(parts >> 8), UInt8(parts & 0xFF)] + bytes
    }

    init?(encoded: ArraySlice<UInt8>) {
        let head = Array(encoded.prefix(4))
        guard head.count == 4, let algorithm = ChecksumAlgorithm(rawValue: head[0]),
            let type = ChecksumType(rawValue: head[1]), encoded.count == 4 + algorithm.byteCount
        else { return nil }
        self.init(
            algorithm,
            Array(encoded.dropFirst(4)),
            type: type,
            parts: UInt16(head[2]) << 8 | UInt16(head[3])
        )
    }
}
