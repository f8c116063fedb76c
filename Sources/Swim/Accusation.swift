/// One witness's signed word that a member does not answer, bound to the version that did not.
///
/// A refutation makes every accusation of older versions worthless, so a replayed one harms nobody.
package struct Accusation: Equatable, Sendable {
    /// The witness's handle.
    package var accuser: UInt64
    /// The low seven bits are sixteenths of a decade: −16·log10 of how likely this silence would be, were the member
    /// alive. The high bit says that the member's own machine refused a stream beside it: nobody listens there. As a
    /// number, a refusal outweighs every silence.
    package var weight: UInt8
    package var signature: Signature

    package init(accuser: UInt64, weight: UInt8, signature: Signature) {
        self.accuser = accuser
        self.weight = weight
        self.signature = signature
    }

    private static let refused: UInt8 = 0x80

    package var phi: Double { Double(weight & ~Self.refused) / 16 }

    package var isRefused: Bool { weight & Self.refused != 0 }

    package static func weight(of phi: Double, isRefused: Bool = false) -> UInt8 {
        UInt8(max(1, min(127, (phi * 16).rounded()))) | (isRefused ? refused : 0)
    }

    /// 8 accuser, 1 weight, 64 signature.
    package static var encodedBytes: Int { 73 }

    package static func signedBytes(accuser: UInt64, target: UInt64, version: Version, weight: UInt8) -> [UInt8] {
        var writer = ByteWriter(capacity: 40)
        writer.put(0x6d65_7368_6461_6363 as UInt64)
        writer.put(accuser)
        writer.put(target)
        writer.put(version)
        writer.put(weight)
        return writer.bytes
    }

    package func encode(into writer: inout ByteWriter) {
        writer.put(accuser)
        writer.put(weight)
        writer.put(signature)
    }

    package static func decode(from reader: inout ByteReader) -> Accusation {
        let accuser = reader.word64()
        let weight = reader.byte()
        return Accusation(accuser: accuser, weight: weight, signature: reader.signature())
    }
}
