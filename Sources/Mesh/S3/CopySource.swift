package import Store

/// Where a copy reads from: `x-amz-copy-source` with its range and conditions.
package struct CopySource: Hashable, Sendable {
    package let bucket: String
    package let key: Key
    package let version: VersionSelector
    /// `x-amz-copy-source-range` of a part copy: first and last byte, both inclusive.
    package let range: ClosedRange<UInt64>?
    package let conditions: ReadConditions

    /// `value` is `[/]bucket/key[?versionId=id]`, percent-encoded.
    init(_ value: ArraySlice<UInt8>, _ headers: HeaderTable) throws(S3Error) {
        var path = value
        var selector = VersionSelector.current
        let mark = Array("?versionId=".utf8)
        if let question = path.lastIndex(of: UInt8(ascii: "?")), path[question...].starts(with: mark) {
            let id = String(decoding: path[(question + mark.count)...], as: UTF8.self)
            guard let parsed = VersionID.parse(id) else {
                throw S3Error.argument("x-amz-copy-source", id, "Invalid version id specified")
            }
            selector = parsed
            path = path[..<question]
        }
        if path.first == UInt8(ascii: "/") { path.removeFirst() }
        // Some clients encode the slash between bucket and key too: so decode first, split second.
        guard let decoded = PercentCoding.decode(path, plusIsBlank: false),
            let slash = decoded.firstIndex(of: UInt8(ascii: "/")), slash > 0, slash + 1 < decoded.count
        else {
            throw S3Error.argument(
                "x-amz-copy-source",
                String(decoding: value, as: UTF8.self),
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
            )
        }
        bucket = String(decoding: decoded[..<slash], as: UTF8.self)
        guard BucketName.isWellFormedFull(bucket) else {
            throw S3Error(.invalidBucketName, nil, [.init("BucketName", String(bucket.prefix(256)))])
        }
        key = try ObjectKeyRule.check(Array(decoded[(slash + 1)...]))
        version = selector
        conditions = ReadConditions(copySource: headers)
        if let text = headers.bytes("x-amz-copy-source-range") {
            guard let parsed = Self.range(text) else {
                throw S3Error.argument(
                    "x-amz-copy-source-range",
                    String(decoding: text, as: UTF8.self),
                    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
                        + "the zero-based offsets of the first and last bytes to copy"
                )
            }
            range = parsed
        } else {
            range = nil
        }
    }

    private static func range(_ text: ArraySlice<UInt8>) -> ClosedRange<UInt64>? {
        let prefix = Array("bytes=".utf8)
        guard text.starts(with: prefix) else { return nil }
        let rest = text.dropFirst(prefix.count)
        guard let dash = rest.firstIndex(of: UInt8(ascii: "-")), let first = ASCII.decimal(rest[..<dash]),
            let last = ASCII.decimal(rest[(dash + 1)...]), first <= last, last < UInt64.max
        else { return nil }
        return first...last
    }
}
