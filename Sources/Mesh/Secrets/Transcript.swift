/// What both ends of a handshake have said and proved so far, as two hashes and a key: the symmetric state of the Noise
/// protocol framework (revision 34, section 5.2), with keyed BLAKE2b where Noise has HMAC.
///
/// Every byte sent and every secret shared goes in, so that the first difference between the ends makes all that
/// follows unreadable.
struct Transcript: Sendable, CustomReflectable {
    private var hash: [UInt8]
    private var chain: Secret
    private var key: Secret?
    private var place: UInt64 = 0

    init(protocolName: String, prologue: [UInt8]) {
        hash = Blake2b.hash(Array(protocolName.utf8), bytes: 64)
        chain = Secret(bytes: hash)
        mix(prologue)
    }

    var customMirror: Mirror { Mirror(self, children: [:]) }

    /// Binds what was sent in the clear.
    mutating func mix(_ bytes: [UInt8]) {
        hash = Blake2b.hash(hash + bytes, bytes: 64)
    }

    /// Takes in a secret: what follows can be read only by those who know it.
    mutating func mix(key secret: Secret) {
        let keys = derive(secret, 2)
        chain = keys[0]
        begin(keys[1])
    }

    /// Takes in a secret that was agreed upon before.
    mutating func mix(shared secret: Secret) {
        let keys = derive(secret, 3)
        chain = keys[0]
        mix(keys[1].revealedBytes)
        begin(keys[2])
    }

    /// Seals a part of a message, bound to all before it.
    mutating func seal(_ bytes: [UInt8]) -> [UInt8] {
        guard let key else { preconditionFailure("a secret is taken in before anything is sealed") }
        let sealed = XChaCha.seal(bytes, key: key.revealedBytes, nonce: StreamCipher.nonce(place), bound: hash)
        place += 1
        mix(sealed)
        return sealed
    }

    /// Opens a part of a message; nil if the other end knows, or was told, anything else than this one.
    mutating func open(_ sealed: [UInt8]) -> [UInt8]? {
        guard let key,
            let bytes = XChaCha.open(
                sealed[...],
                key: key.revealedBytes,
                nonce: StreamCipher.nonce(place),
                bound: hash
            )
        else { return nil }
        place += 1
        mix(sealed)
        return bytes
    }

    /// The keys of the two directions, the initiator's first.
    func split() -> (StreamCipher, StreamCipher) {
        let keys = derive(Secret(bytes: []), 2)
        return (StreamCipher(key: Self.cipherKey(keys[0])), StreamCipher(key: Self.cipherKey(keys[1])))
    }

    private mutating func begin(_ material: Secret) {
        key = Self.cipherKey(material)
        place = 0
    }

    private static func cipherKey(_ material: Secret) -> Secret {
        Secret(bytes: Array(material.revealedBytes.prefix(XChaCha.keyBytes)))
    }

    /// Extract and expand, as HKDF does: each output is made from the one before and its number.
    private func derive(_ input: Secret, _ count: UInt8) -> [Secret] {
        let extracted = Blake2b.hash(input.revealedBytes, bytes: 64, key: chain.revealedBytes)
        var outputs: [Secret] = []
        for number in 1...count {
            let before = outputs.last?.revealedBytes ?? []
            outputs.append(Secret(bytes: Blake2b.hash(before + [number], bytes: 64, key: extracted)))
        }
        return outputs
    }
}
