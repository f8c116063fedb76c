/// One witness's signed word that a member does not answer, bound to the version that did not.
///
/// A refutation makes every accusation of older versions worthless, so a replayed one harms nobody.
package struct Accusation: Equatable, Sendable {
    /// The witness's handle.
    package var accuser: UInt64
    /// The weight in sixteenths of a decade: −16·log10 of how likely this silence would be, were the member alive.
    package var sixteenths: UInt8
    package var signature: Signature

    package init(accuser: UInt64, sixteenths: UInt8, signature: Signature) {
        self.accuser = accuser
        self.sixteenths = sixteenths
        self.signature = signature
    }

    package var phi: Double { Double(sixteenths) / 16 }

    package static func sixteenths(of phi: Double) -> UInt8 {
        UInt8(max(1, min(255, (phi * 16).rounded())))
    }

    /// 8 accuser, 1 weight, 64 signature.
    package static var encodedBytes: Int { 73 }

    package static func signedBytes(accuser: UInt64, target: UInt64, version: Version, sixteenths: UInt8) -> [UInt8] {
        var writer = ByteWriter(capacity: 40)
        writer.put(0x6d65_7368_6461_6363 as UInt64)
        writer.put(accuser)
        writer.put(target)
        writer.put(version)
        writer.put(sixteenths)
        return writer.bytes
    }

    package func encode(into writer: inout ByteWriter) {
        writer.put(accuser)
        writer.put(sixteenths)
        writer.put(signature)
    }

    package static func decode(from reader: inout ByteReader) -> Accusation {
        let accuser = reader.word64()
        let weight = reader.byte()
        return Accusation(accuser: accuser, sixteenths: weight, signature: reader.signature())
    }
}
