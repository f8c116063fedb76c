package import Swim

/// Keys and signatures cross between the machine, which keeps them in words, and libsodium, which reads bytes.
extension PublicKey {
    /// nil unless there are 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == NodeIdentity.publicKeyBytes else { return nil }
        var reader = ByteReader(bytes)
        self.init(reader.word64(), reader.word64(), reader.word64(), reader.word64())
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: NodeIdentity.publicKeyBytes)
        for word in [words.0, words.1, words.2, words.3] { writer.put(word) }
        return writer.bytes
    }
}

extension Signature {
    /// nil unless there are 64 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == NodeIdentity.signatureBytes else { return nil }
        var reader = ByteReader(bytes)
        self = reader.signature()
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: NodeIdentity.signatureBytes)
        writer.put(self)
        return writer.bytes
    }
}
