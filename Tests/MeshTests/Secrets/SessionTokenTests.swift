import Swim
import Testing

@testable import Mesh

/// Sessions of the admin face: what a member signed holds everywhere, and nothing else does.
@Suite struct SessionTokenTests {
    private let secret = Secret(bytes: [UInt8](repeating: 7, count: 32))
    private let other = Secret(bytes: [UInt8](repeating: 8, count: 32))
    private let binding = Secret("the secret of the access key")

    private func token(_ subject: SessionToken.Subject = .accessKey("MKADMIN")) -> SessionToken {
        SessionToken(subject: subject, endsAt: 1_800_000_000, epoch: 3, secret: secret, binding: binding)
    }

    @Test(
        "what was signed is read again by who has the secret",
        arguments: ["MKADMIN", "", "ü", String(repeating: "k", count: 128)]
    )
    func roundTrip(name: String) throws {
        for subject in [SessionToken.Subject.accessKey(name), .bearer(name)] {
            let made = token(subject)
            let read = try #require(SessionToken(made.text))
            #expect(read.subject == subject && read.endsAt == 1_800_000_000 && read.epoch == 3)
            #expect(read.isGenuine(secret: secret, binding: binding))
            #expect(
                read.changeMark(secret: secret, binding: binding) == made.changeMark(secret: secret, binding: binding)
            )
        }
    }

    @Test("a token of another mesh, and one of a key whose secret changed, are not genuine")
    func strangers() throws {
        let read = try #require(SessionToken(token().text))
        #expect(!read.isGenuine(secret: other, binding: binding))
        #expect(!read.isGenuine(secret: secret, binding: Secret("another secret")))
        #expect(!read.isGenuine(secret: secret, binding: Secret("")))
        #expect(read.changeMark(secret: other, binding: binding) != read.changeMark(secret: secret, binding: binding))
    }

    @Test("no digit of a token can be changed")
    func forgery() {
        let digits = Array(token().text.utf8)
        for index in digits.indices {
            var forged = digits
            forged[index] = forged[index] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            let read = SessionToken(String(decoding: forged, as: UTF8.self))
            #expect(read?.isGenuine(secret: secret, binding: binding) != true, "digit \(index)")
        }
    }

    @Test("a token that was cut off or lengthened, and garbage, are no tokens", arguments: 0..<8)
    func garbage(seed: Int) {
        let text = token().text
        for count in 0..<text.utf8.count { #expect(SessionToken(String(text.prefix(count))) == nil, "\(count)") }
        #expect(SessionToken(text + "00") == nil)
        #expect(SessionToken(String(repeating: "0", count: SessionToken.textBytesMax + 2)) == nil)
        var random = Random(seed: UInt64(seed))
        for _ in 0..<200 {
            let bytes = (0..<Int(random.next() % 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let read = SessionToken(Hex.encode(bytes))
            #expect(read?.isGenuine(secret: secret, binding: binding) != true, "seed \(seed)")
        }
    }

    @Test("two sign-ins of the same key have two tokens and two marks")
    func nonces() {
        let (a, b) = (token(), token())
        #expect(a.text != b.text)
        #expect(a.changeMark(secret: secret, binding: binding) != b.changeMark(secret: secret, binding: binding))
    }
}
