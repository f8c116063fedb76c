import NIOCore
import Swim
import Testing

@testable import Mesh

/// The handshake of data links: what is offered, what is chosen, and that nobody between the ends has a say in it.
@Suite struct LinkHandshakeTests {
    private static func run(
        _ offer: LinkOffer,
        _ own: LinkOffer?,
        tamper: (Int, [UInt8]) -> [UInt8] = { _, bytes in bytes }
    ) throws(HandshakeError) -> (caller: StreamSession, listener: StreamSession) {
        var caller = StreamHandshake.initiator(
            Sample.node(1),
            .member(Sample.keyring(), epoch: 1),
            link: offer,
            expecting: Sample.node(2).id
        )!
        var listener = StreamHandshake.responder(
            Sample.node(2),
            keyring: Sample.keyring(),
            now: 500,
            links: own,
            standing: { _ in .member }
        )
        let second = try listener.read(tamper(1, caller.opening))
        let third = try caller.read(tamper(2, second.reply!))
        if let refusal = second.refusal { throw refusal }
        let last = try listener.read(tamper(3, third.reply!))
        return (third.session!, last.session!)
    }

    private static func failure(
        _ offer: LinkOffer,
        _ own: LinkOffer?,
        tamper: (Int, [UInt8]) -> [UInt8] = { _, bytes in bytes }
    ) -> HandshakeError? {
        do throws(HandshakeError) {
            _ = try run(offer, own, tamper: tamper)
            return nil
        } catch { return error }
    }

    @Test("the ends agree on the highest common version and the best common cipher, and their records open")
    func terms() throws {
        let all: RecordSuite.Offer = [.xChaCha, .aes]
        let cases: [(LinkOffer, LinkOffer, LinkTerms)] = [
            (
                LinkOffer(traffic: 2, versions: 1...4, suites: all),
                LinkOffer(traffic: 0, versions: 3...9, suites: all),
                LinkTerms(traffic: 2, version: 4, suite: .aes256GCM)
            ),
            (
                LinkOffer(traffic: 1, versions: 2...4, suites: all),
                LinkOffer(traffic: 0, versions: 1...2, suites: .xChaCha),
                LinkTerms(traffic: 1, version: 2, suite: .xChaCha20Poly1305)
            ),
        ]
        for (offer, own, expected) in cases {
            let (a, b) = try Self.run(offer, own)
            #expect(a.link == expected && b.link == expected)
            let (near, far) = (a.recordCiphers(expected.suite), b.recordCiphers(expected.suite))
            for count in [0, 1, 1_000, RecordCipher.recordBytesMax] {
                let plain = ByteBuffer(repeating: 5, count: count)
                var sealed = ByteBuffer()
                var opened = ByteBuffer()
                let isSealed = plain.withUnsafeReadableBytes { near.sealing.seal($0, into: &sealed) }
                let isOpen = sealed.withUnsafeReadableBytes { far.opening.open($0, into: &opened) }
                #expect(isSealed && isOpen && opened == plain && sealed.readableBytes == count + 16)
            }
        }
    }

    @Test("without a common version the caller hears which there are")
    func versions() {
        let offer = LinkOffer(traffic: 1, versions: 1...2)
        #expect(Self.failure(offer, LinkOffer(traffic: 0, versions: 4...6)) == .incompatible(4...6))
        #expect(Self.failure(offer, nil) == .malformed)
        #expect("\(HandshakeError.incompatible(4...6))".contains("4 to 6"))
    }

    @Test("whoever changes a bit of the offer or of the choice ends the handshake")
    func tampered() {
        let offer = LinkOffer(traffic: 1, versions: 1...4, suites: [.xChaCha, .aes])
        let own = LinkOffer(traffic: 0, versions: 2...3, suites: [.xChaCha, .aes])
        // All of the short knock; every seventh byte of the others.
        for (message, count, step) in [(1, 62, 1), (2, 98, 7), (3, 64, 7)] {
            for at in stride(from: 0, to: count, by: step) {
                let failure = Self.failure(offer, own) { number, bytes in
                    guard number == message else { return bytes }
                    #expect(bytes.count == count)
                    var bytes = bytes
                    bytes[at] ^= 1
                    return bytes
                }
                #expect(failure != nil, "byte \(at) of message \(message)")
            }
        }
    }
}
