internal import Swim

/// The clear part of a handshake's first message: which mesh, which epoch, and with what right.
/// `version 1 | kind 1 | mesh tag 4 | epoch 4`; then for a joiner its token's body after a length of two bytes, and for
/// a data link what is offered.
struct Knock: Sendable, Equatable {
    private static let version: UInt8 = 1

    let tag: UInt32
    let epoch: UInt32
    /// The body of a joiner's token, as it came: nothing is believed of it before the sender proved its secret.
    let tokenBody: [UInt8]?
    let link: LinkOffer?

    init(tag: UInt32, epoch: UInt32, tokenBody: [UInt8]? = nil, link: LinkOffer? = nil) {
        self.tag = tag
        self.epoch = epoch
        self.tokenBody = tokenBody
        self.link = link
    }

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 12 + (tokenBody?.count ?? 0))
        writer.put(Self.version)
        writer.put(link != nil ? 3 as UInt8 : tokenBody == nil ? 1 : 2)
        writer.put(tag)
        writer.put(epoch)
        if let tokenBody {
            writer.put(UInt16(truncatingIfNeeded: tokenBody.count))
            writer.put(tokenBody)
        }
        if let link { writer.put(link.encoded) }
        return writer.bytes
    }

    /// Reads the clear part and leaves the reader at what follows.
    init(from reader: inout ByteReader) throws(HandshakeError) {
        let version = reader.byte()
        guard !reader.failed else { throw .malformed }
        guard version == Self.version else { throw .version }
        let kind = reader.byte()
        tag = reader.word32()
        epoch = reader.word32()
        switch kind {
        case 1:
            tokenBody = nil
            link = nil
        case 2:
            let length = Int(reader.word16())
            guard length <= TokenBody.encodedBytesMax else { throw .malformed }
            tokenBody = reader.array(length)
            link = nil
        case 3:
            tokenBody = nil
            guard let offer = LinkOffer(reader.array(LinkOffer.encodedBytes)) else { throw .malformed }
            link = offer
        default:
            throw .malformed
        }
        guard !reader.failed else { throw .malformed }
    }
}
