internal import CSodium

/// A text that must never reach a log, an error or a debugger's printout by accident.
///
/// It prints as dots, mirrors as nothing, and compares in constant time; only `revealed` gives it away.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    package init(_ text: String) { self.bytes = Array(text.utf8) }

    package init(bytes: [UInt8]) { self.bytes = bytes }

    package var revealed: String { String(decoding: bytes, as: UTF8.self) }

    package var revealedBytes: [UInt8] { bytes }

    package var count: Int { bytes.count }

    package var description: String { "••••" }

    package var debugDescription: String { description }

    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// Whether both are the same text. The time it takes tells nothing but whether the lengths are equal.
    package func isEqual(to other: Secret) -> Bool {
        Sodium.require()
        guard bytes.count == other.bytes.count else { return false }
        return sodium_memcmp(bytes, other.bytes, bytes.count) == 0
    }
}
