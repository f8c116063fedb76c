/// What is asked for, as the request line spells it: a raw path and raw query items, with their places in the bytes.
///
/// Nothing is decoded before it is wanted: the signature covers the spelling, the operation the meaning.
package struct RequestTarget: Sendable {
    /// S3's own limit is 8 KiB for the whole header section; a presigned URL with a long key needs about 5.
    package static let bytesMax = 16 * 1024
    package static let itemsMax = 128

    struct Item: Sendable {
        var name: Range<Int>
        var value: Range<Int>
    }

    let bytes: [UInt8]
    let path: Range<Int>
    private(set) var items: [Item] = []

    /// Origin form (`/a/b?c=d`) or absolute form (`http://host/a/b?c=d`).
    package init(_ bytes: [UInt8]) throws(S3Error) {
        guard bytes.count <= Self.bytesMax else { throw S3Error(.invalidURI, "The URI is longer than 16 KiB.") }
        self.bytes = bytes
        var start = 0
        if bytes.first != UInt8(ascii: "/") {
            start = try Self.endOfAuthority(bytes)
        }
        let mark = bytes[start...].firstIndex(of: UInt8(ascii: "?")) ?? bytes.count
        path = start..<mark
        guard mark < bytes.count else { return }
        var index = mark + 1
        while index < bytes.count {
            var end = index
            var equals = -1
            while end < bytes.count, bytes[end] != UInt8(ascii: "&") {
                if equals < 0 && bytes[end] == UInt8(ascii: "=") { equals = end }
                end += 1
            }
            if end > index {
                guard items.count < Self.itemsMax else {
                    throw S3Error(.invalidURI, "The URI has more than 128 query parameters.")
                }
                items.append(
                    equals < 0
                        ? Item(name: index..<end, value: end..<end)
                        : Item(name: index..<equals, value: (equals + 1)..<end)
                )
            }
            index = end + 1
        }
    }

    package init(_ text: String) throws(S3Error) { try self.init(Array(text.utf8)) }

    /// The path as it was sent.
    package var rawPath: String { String(decoding: bytes[path], as: UTF8.self) }

    package func has(_ name: StaticString) -> Bool { item(name) != nil }

    /// The decoded value of the first parameter of this name; empty if it has none. Nil: no such parameter.
    package func value(_ name: StaticString) throws(S3Error) -> [UInt8]? {
        guard let item = item(name) else { return nil }
        guard let value = PercentCoding.decode(bytes[item.value], plusIsBlank: true) else {
            throw S3Error(.invalidURI)
        }
        return value
    }

    /// The same as text; bytes that are not UTF-8 are refused.
    package func text(_ name: StaticString) throws(S3Error) -> String? {
        guard let value = try value(name) else { return nil }
        guard let text = String(validating: value, as: UTF8.self) else {
            throw S3Error.argument("\(name)", "", "The value of \(name) is not UTF-8.")
        }
        return text
    }

    func raw(_ name: StaticString) -> ArraySlice<UInt8>? {
        item(name).map { bytes[$0.value] }
    }

    func item(_ name: StaticString) -> Item? {
        for item in items where ASCII.equal(bytes, item.name, name) { return item }
        return nil
    }

    private static func endOfAuthority(_ bytes: [UInt8]) throws(S3Error) -> Int {
        let mark = Array("://".utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: mark),
            let slash = bytes[(colon + mark.count)...].firstIndex(of: UInt8(ascii: "/"))
        else { throw S3Error(.invalidURI) }
        return slash
    }
}
