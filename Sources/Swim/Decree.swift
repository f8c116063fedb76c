/// The operator's word, signed with the admin key: who is expelled, and that the mesh secret is to be changed.
///
/// A decree is a statement about the world and not a message to somebody. It is true wherever and whenever it arrives,
/// in any order and any number of times, and nothing takes it back: a node whose key was stolen comes back under a new
/// key or not at all.
package struct Decree: Equatable, Sendable {
    /// What is ordered.
    package enum Kind: Equatable, Sendable {
        /// The member is out, whatever version it signs from now on.
        case expel(NodeID)
        /// Only the secret changes.
        case rotate
    }

    /// The operator's own count, for readers: two decrees of one sequence number are two decrees.
    package let sequence: UInt64
    package let kind: Kind
    /// The epoch of the mesh secret that begins with this decree.
    package let newEpoch: UInt32
    /// Why, for those who ask later: at most `reasonBytesMax` bytes of UTF-8 without control characters or line breaks.
    package let reason: String
    package var signature: Signature

    package static var reasonBytesMax: Int { 64 }

    /// Nothing when the reason is too long, or could play tricks on a terminal.
    package init?(sequence: UInt64, kind: Kind, newEpoch: UInt32, reason: String, signature: Signature = .none) {
        guard reason.utf8.count <= Self.reasonBytesMax, reason.unicodeScalars.allSatisfy(Self.isPlain) else {
            return nil
        }
        self.sequence = sequence
        self.kind = kind
        self.newEpoch = newEpoch
        self.reason = reason
        self.signature = signature
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    /// Whom it expels, if anybody.
    package var target: NodeID? {
        if case .expel(let id) = kind { id } else { nil }
    }

    // MARK: Bytes

    /// What the signature covers; the first word keeps it from being mistaken for any other signed thing. The admin
    /// key is the mesh's own, so a decree of one mesh says nothing in another.
    package var signedBytes: [UInt8] {
        var writer = ByteWriter(capacity: 112)
        writer.put(0x6d65_7368_6464_6372 as UInt64)
        encodeStatement(into: &writer)
        return writer.bytes
    }

    /// 8 sequence, 1 kind, 4 epoch, 16 target of an expulsion, 1 + n reason, 64 signature.
    package var encodedBytes: Int { 8 + 1 + 4 + (target == nil ? 0 : 16) + 1 + reason.utf8.count + 64 }

    /// An expulsion with the longest reason.
    package static var encodedBytesMax: Int { 158 }

    /// Writes `encodedBytes` bytes.
    package func encode(into writer: inout ByteWriter) {
        encodeStatement(into: &writer)
        writer.put(signature)
    }

    /// The whole decree, as `init(_:)` takes it.
    package var encoded: [UInt8] {
        var writer = ByteWriter(capacity: encodedBytes)
        encode(into: &writer)
        return writer.bytes
    }

    private func encodeStatement(into writer: inout ByteWriter) {
        writer.put(sequence)
        switch kind {
        case .expel(let id):
            writer.put(1 as UInt8)
            writer.put(newEpoch)
            writer.put(id.high)
            writer.put(id.low)
        case .rotate:
            writer.put(2 as UInt8)
            writer.put(newEpoch)
        }
        writer.put(UInt8(truncatingIfNeeded: reason.utf8.count))
        writer.put(Array(reason.utf8))
    }

    /// A decree whose signature is not checked yet.
    package static func decode(from reader: inout ByteReader) -> Decree? {
        let sequence = reader.word64()
        let tag = reader.byte()
        let newEpoch = reader.word32()
        let kind: Kind
        switch tag {
        case 1:
            let high = reader.word64()
            kind = .expel(NodeID(high: high, low: reader.word64()))
        case 2: kind = .rotate
        default:
            reader.fail()
            return nil
        }
        let text = reader.array(Int(reader.byte()))
        let signature = reader.signature()
        guard !reader.failed, let reason = String(validating: text, as: UTF8.self),
            let decree = Decree(
                sequence: sequence,
                kind: kind,
                newEpoch: newEpoch,
                reason: reason,
                signature: signature
            )
        else {
            reader.fail()
            return nil
        }
        return decree
    }

    /// A decree that fills these bytes to the last.
    package init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let decree = Self.decode(from: &reader), reader.remaining == 0 else { return nil }
        self = decree
    }
}
