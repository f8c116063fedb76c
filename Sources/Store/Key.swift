/// The identity of a bucket: random, never used again, so that a bucket that was deleted and made anew is another one.
package struct BucketID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The name of an object inside its bucket: 1 to 1,024 bytes of UTF-8, compared byte by byte.
///
/// Keys are flat. `a/b` beside `a/b/c`, `//` and a trailing slash are ordinary keys.
package struct Key: Hashable, Comparable, Sendable {
    /// The longest key that S3 allows.
    package static let bytesMax = 1024

    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package init(_ text: String) { self.bytes = Array(text.utf8) }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package static func < (a: Key, b: Key) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}
