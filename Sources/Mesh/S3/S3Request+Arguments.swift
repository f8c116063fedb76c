import Store

/// The query parameters and headers of single operations, checked.
extension S3Request {
    static func listArguments(_ target: RequestTarget) throws(S3Error) -> ListArguments {
        var arguments = ListArguments()
        if let type = try target.text("list-type") {
            guard type == "2" else { throw S3Error.argument("list-type", type, "Invalid List Type specified in query") }
            arguments.version = 2
        }
        arguments.prefix = try text(target, "prefix") ?? []
        arguments.delimiter = try text(target, "delimiter") ?? []
        arguments.urlEncoded = try urlEncoded(target)
        arguments.limit = try pageLimit(target, "max-keys")
        guard arguments.version == 2 else {
            arguments.marker = try text(target, "marker")
            return arguments
        }
        arguments.marker = try text(target, "start-after")
        arguments.fetchOwner = try target.text("fetch-owner") == "true"
        if let token = try target.text("continuation-token") {
            guard let place = ContinuationToken.decode(token) else { throw badToken(token) }
            arguments.token = token
            arguments.tokenPlace = place
        }
        return arguments
    }

    static func versionsArguments(_ target: RequestTarget) throws(S3Error) -> ListVersionsArguments {
        var arguments = ListVersionsArguments()
        arguments.prefix = try text(target, "prefix") ?? []
        arguments.delimiter = try text(target, "delimiter") ?? []
        arguments.urlEncoded = try urlEncoded(target)
        arguments.limit = try pageLimit(target, "max-keys")
        arguments.keyMarker = try marker(target, "key-marker")
        if let id = try target.text("version-id-marker"), !id.isEmpty {
            guard arguments.keyMarker != nil else {
                throw S3Error.argument(
                    "version-id-marker",
                    id,
                    "A version-id marker cannot be specified without a key marker."
                )
            }
            guard let selector = VersionID.parse(id) else {
                throw S3Error.argument("version-id-marker", id, "Invalid version id specified")
            }
            arguments.versionMarker = selector
        }
        return arguments
    }

    static func uploadsArguments(_ target: RequestTarget) throws(S3Error) -> ListUploadsArguments {
        var arguments = ListUploadsArguments()
        arguments.prefix = try text(target, "prefix") ?? []
        arguments.delimiter = try text(target, "delimiter") ?? []
        arguments.urlEncoded = try urlEncoded(target)
        arguments.limit = try pageLimit(target, "max-uploads")
        arguments.keyMarker = try marker(target, "key-marker")
        // Without a key marker S3 ignores the upload marker.
        if arguments.keyMarker != nil, let id = try target.text("upload-id-marker"), !id.isEmpty {
            arguments.uploadMarker = id
        }
        return arguments
    }

    static func partsArguments(_ target: RequestTarget, _ upload: String) throws(S3Error) -> ListPartsArguments {
        var arguments = ListPartsArguments(upload: upload)
        arguments.limit = try pageLimit(target, "max-parts")
        arguments.urlEncoded = try urlEncoded(target)
        if let after = try number(target, "part-number-marker", 0...Int(Int32.max)) {
            arguments.after = UInt16(clamping: after)
        }
        return arguments
    }

    static func getArguments(_ head: S3Head) throws(S3Error) -> GetArguments {
        var arguments = GetArguments()
        let target = head.target
        if let mode = head.headers.bytes("x-amz-checksum-mode") {
            guard ASCII.equalFolded(mode, "enabled") else {
                throw S3Error.argument("x-amz-checksum-mode", String(decoding: mode, as: UTF8.self), "Must be ENABLED.")
            }
            arguments.checksumMode = true
        }
        guard !target.items.isEmpty else { return arguments }
        if let text = try target.text("partNumber") {
            guard let number = UInt16(text), (1...10_000).contains(number) else {
                throw S3Error.argument(
                    "partNumber",
                    text,
                    "Part number must be an integer between 1 and 10000, inclusive"
                )
            }
            if head.headers.contains("range") {
                throw S3Error(.invalidRequest, "Cannot specify both Range header and partNumber query parameter")
            }
            arguments.partNumber = number
        }
        for (parameter, header) in overrides {
            guard let value = try target.text(parameter), !value.isEmpty else { continue }
            // A line break here would write a header of the attacker's choice into the answer.
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 9 }) else {
                throw S3Error.argument("\(parameter)", "", "A header value has no control characters.")
            }
            arguments.overrides.append(.init(name: header, value: value))
        }
        return arguments
    }

    private static let overrides: [(StaticString, String)] = [
        ("response-content-type", "content-type"), ("response-content-language", "content-language"),
        ("response-expires", "expires"), ("response-cache-control", "cache-control"),
        ("response-content-disposition", "content-disposition"), ("response-content-encoding", "content-encoding"),
    ]

    static func attributesArguments(_ head: S3Head) throws(S3Error) -> AttributesArguments {
        var arguments = AttributesArguments()
        var names = 0
        var unknown: String?
        head.headers.forEach(prefix: "x-amz-object-attributes") { _, value in
            for part in value.split(separator: UInt8(ascii: ",")) {
                names += 1
                switch String(decoding: ASCII.trimmed(part), as: UTF8.self) {
                case "ETag": arguments.etag = true
                case "Checksum": arguments.checksum = true
                case "ObjectParts": arguments.parts = true
                case "StorageClass": arguments.storageClass = true
                case "ObjectSize": arguments.size = true
                case let other: unknown = other
                }
            }
        }
        if names == 0 {
            throw S3Error.argument("x-amz-object-attributes", "", "The x-amz-object-attributes header is required.")
        }
        if let unknown {
            throw S3Error.argument("x-amz-object-attributes", unknown, "Invalid attribute name specified.")
        }
        if let text = head.headers.bytes("x-amz-max-parts") {
            guard let limit = ASCII.decimal(text) else {
                throw S3Error.argument("x-amz-max-parts", String(decoding: text, as: UTF8.self), "Not an integer.")
            }
            arguments.partsLimit = Int(min(limit, 1000))
        }
        if let text = head.headers.bytes("x-amz-part-number-marker") {
            guard let after = ASCII.decimal(text) else {
                throw S3Error.argument(
                    "x-amz-part-number-marker",
                    String(decoding: text, as: UTF8.self),
                    "Not an integer."
                )
            }
            arguments.partsAfter = UInt16(clamping: after)
        }
        return arguments
    }

    // MARK: Single values

    private static func text(_ target: RequestTarget, _ name: StaticString) throws(S3Error) -> [UInt8]? {
        guard let value = try target.value(name) else { return nil }
        guard String(validating: value, as: UTF8.self) != nil else {
            throw S3Error.argument("\(name)", "", "The value of \(name) is not UTF-8.")
        }
        return value
    }

    private static func marker(_ target: RequestTarget, _ name: StaticString) throws(S3Error) -> [UInt8]? {
        guard let value = try text(target, name), !value.isEmpty else { return nil }
        return value
    }

    private static func urlEncoded(_ target: RequestTarget) throws(S3Error) -> Bool {
        guard let type = try target.text("encoding-type"), !type.isEmpty else { return false }
        guard type == "url" else {
            throw S3Error.argument("encoding-type", type, "Invalid Encoding Method specified in Request")
        }
        return true
    }

    /// A page size: more than 1,000 means 1,000.
    private static func pageLimit(_ target: RequestTarget, _ name: StaticString) throws(S3Error) -> Int {
        min(try number(target, name, 0...Int(Int32.max)) ?? 1000, 1000)
    }

    static func number(
        _ target: RequestTarget,
        _ name: StaticString,
        _ range: ClosedRange<Int>
    ) throws(S3Error) -> Int? {
        guard let text = try target.text(name), !text.isEmpty else { return nil }
        guard let value = Int(text), text.utf8.first != UInt8(ascii: "+"), range.contains(value) else {
            throw S3Error.argument(
                "\(name)",
                text,
                "Argument \(name) must be an integer between \(range.lowerBound) and \(range.upperBound)"
            )
        }
        return value
    }
}
