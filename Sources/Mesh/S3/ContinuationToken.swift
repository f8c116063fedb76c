/// The place where a listing goes on: opaque for clients, checked when it comes back.
///
/// Tag, the key or common prefix behind which to go on, and four bytes of FNV-1a over both, as lower-case hexadecimal:
/// the check keeps a mangled token from silently listing from another place. It is no secret and grants nothing.
package enum ContinuationToken {
    private static let tag: UInt8 = 1

    package static func encode(_ place: [UInt8]) -> String {
        let body = [tag] + place
        let sum = check(body)
        return Hex.encode(body + (0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - $0 * 8)) })
    }

    package static func decode(_ text: String) -> [UInt8]? {
        // The longest place is a key of 1,024 bytes.
        guard text.utf8.count <= 2 * (1024 + 5), let bytes = Hex.decode(Array(text.utf8)), bytes.count >= 6,
            bytes[0] == tag
        else { return nil }
        let sum = bytes.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard check(bytes.dropLast(4)) == sum else { return nil }
        return Array(bytes[1..<(bytes.count - 4)])
    }

    private static func check(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }
}
