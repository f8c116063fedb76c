/// One direction of a stream after its handshake: frames sealed in order, each with the number of its place.
///
/// The number is not sent, so a frame that is lost, repeated, moved or changed does not open, and neither does any
/// after it. The value has one owner: two copies that both seal would use the same nonces.
package struct StreamCipher: Sendable, CustomReflectable {
    /// What sealing adds.
    package static let overheadBytes = XChaCha.tagBytes
    /// The longest frame before sealing.
    package static let frameBytesMax = 1 << 20
    /// The longest that a frame's length prefix may say.
    package static let sealedBytesMax = frameBytesMax + overheadBytes

    private let key: Secret
    private var place: UInt64 = 0
    private var isBroken = false

    init(key: Secret) { self.key = key }

    package var customMirror: Mirror { Mirror(self, children: ["place": place]) }

    /// The frame as it goes on the wire after a length prefix of four bytes; nil if it is too long.
    package mutating func seal(_ frame: [UInt8]) -> [UInt8]? {
        guard frame.count <= Self.frameBytesMax, place < .max else { return nil }
        defer { place += 1 }
        return XChaCha.seal(frame, key: key.revealedBytes, nonce: Self.nonce(place), bound: [])
    }

    /// The next frame; nil for one that is not, and for all after it.
    package mutating func open(_ sealed: [UInt8]) -> [UInt8]? {
        guard !isBroken, sealed.count <= Self.sealedBytesMax, place < .max,
            let frame = XChaCha.open(sealed[...], key: key.revealedBytes, nonce: Self.nonce(place), bound: [])
        else {
            isBroken = true
            return nil
        }
        place += 1
        return frame
    }

    /// The key for a data link's records; a stream that seals frames with it has no use for that.
    var recordKey: Secret { key }

    static func nonce(_ place: UInt64) -> ArraySlice<UInt8> {
        var nonce = [UInt8](repeating: 0, count: XChaCha.nonceBytes)
        for index in 0..<8 { nonce[16 + index] = UInt8(truncatingIfNeeded: place >> UInt64(56 - 8 * index)) }
        return nonce[...]
    }
}
