/// The tags of an object: at most 10, with S3's rules, and their form on disk.
package struct TagSet: Hashable, Sendable {
    package struct Tag: Hashable, Sendable {
        package let key: String
        package let value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    package static let countMax = 10
    /// In UTF-16 units, as S3 counts.
    package static let keyLengthMax = 128
    package static let valueLengthMax = 256

    package let tags: [Tag]

    package static let empty = TagSet(unchecked: [])

    private init(unchecked tags: [Tag]) { self.tags = tags }

    package init(_ tags: [Tag]) throws(S3Error) {
        guard tags.count <= Self.countMax else { throw S3Error(.badRequest, "Object tags cannot be greater than 10") }
        var keys: Set<String> = []
        for tag in tags {
            guard !tag.key.isEmpty, tag.key.utf16.count <= Self.keyLengthMax, Self.isAllowed(tag.key) else {
                throw Self.invalid("The TagKey you have provided is invalid", tag.key)
            }
            guard tag.value.utf16.count <= Self.valueLengthMax, Self.isAllowed(tag.value) else {
                throw Self.invalid("The TagValue you have provided is invalid", tag.key)
            }
            guard !tag.key.hasPrefix("aws:") else {
                throw Self.invalid("System tags cannot be added/updated by requester", tag.key)
            }
            guard keys.insert(tag.key).inserted else {
                throw Self.invalid("Cannot provide multiple Tags with the same key", tag.key)
            }
        }
        self.tags = tags
    }

    /// The header `x-amz-tagging`: `key=value&key=value`, percent-encoded.
    package init(header: some Collection<UInt8>) throws(S3Error) {
        var tags: [Tag] = []
        for part in header.split(separator: UInt8(ascii: "&")) {
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let rest = equals.map { part[part.index(after: $0)...] } ?? part[part.endIndex...]
            guard let key = PercentCoding.decode(part[..<(equals ?? part.endIndex)], plusIsBlank: true),
                let value = PercentCoding.decode(rest, plusIsBlank: true),
                let keyText = String(validating: key, as: UTF8.self),
                let valueText = String(validating: value, as: UTF8.self)
            else {
                throw S3Error.argument(
                    "x-amz-tagging",
                    "",
                    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters."
                )
            }
            tags.append(Tag(key: keyText, value: valueText))
        }
        try self.init(tags)
    }

    /// The same header, to be sent.
    package var header: String {
        tags.map { tag in
            [tag.key, tag.value].map { PercentCoding.encode($0, keepSlash: false) }.joined(separator: "=")
        }.joined(separator: "&")
    }

    private static func invalid(_ message: String, _ key: String) -> S3Error {
        S3Error(.invalidTag, message, [.init("TagKey", String(key.prefix(128)))])
    }

    /// Letters and digits of any script, blanks and `+ - = . _ : / @`.
    private static func isAllowed(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            if scalar.value >= 0x80 { return !(0x80..<0xA0).contains(scalar.value) }
            let byte = UInt8(truncatingIfNeeded: scalar.value)
            return ASCII.isLetter(byte) || ASCII.isDigit(byte) || " +-=._:/@".unicodeScalars.contains(scalar)
        }
    }

    // MARK: On disk: version, count, then per tag two lengths and their bytes

    package var encoded: [UInt8] {
        if tags.isEmpty { return [] }
        var out = FieldWriter(version: 1)
        for tag in tags {
            out.field(1, Array(tag.key.utf8))
            out.field(2, Array(tag.value.utf8))
        }
        return out.bytes
    }

    /// Nil for bytes that are no tag set. No bytes are no tags.
    package init?(encoded: [UInt8]) {
        if encoded.isEmpty {
            self = .empty
            return
        }
        guard var reader = FieldReader(encoded, version: 1) else { return nil }
        var tags: [Tag] = []
        while let (key, name) = reader.next() {
            guard key == 1, let (kind, value) = reader.next(), kind == 2 else { return nil }
            tags.append(Tag(key: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self)))
        }
        guard reader.isWhole, let set = try? TagSet(tags) else { return nil }
        self = set
    }
}
