@testable import Mesh
import Swim
import Testing

@Suite struct JoinTokenTests {
    private func failure(_ text: String) -> TokenError? {
        do throws(TokenError) {
            _ = try JoinToken(parsing: text)
            return nil
        } catch {
            return error
        }
    }

    @Test("a token survives being printed and pasted, with white space around it")
    func roundTrip() throws {
        let token = try Sample.token()
        for text in [token.text, "  \(token.text)\n", "\t\r\n\(token.text) "] {
            let read = try JoinToken(parsing: text)
            #expect(read.text == token.text && read.addresses == Sample.addresses && read.zone == "attic")
            #expect(read.epoch == 1 && read.expiresAt == 1_000 && read.meshID == Sample.admin.meshID)
        }
        #expect(!token.isExpired(at: 999) && token.isExpired(at: 1_000))
    }

    @Test("the longest token still fits its limits")
    func longest() throws {
        let name = Array(repeating: String(repeating: "a", count: 61), count: 4).joined(separator: ".")
        let addresses = (1...8).map { SeedAddress(parsing: "\(name):6553\($0 % 6)")! }
        let token = try JoinToken.make(
            adminKey: Sample.admin,
            addresses: addresses,
            zone: String(repeating: "z", count: 64),
            expiresAt: .max,
            epoch: .max,
            secret: Sample.secret(1)
        )
        #expect(token.text.utf8.count <= JoinToken.textBytesMax)
        #expect(try JoinToken(parsing: token.text).addresses == addresses)
        #expect(token.admit(Sample.node(1)).bytes.count + 64 <= StreamHandshake.messageBytesMax)
    }

    @Test("what cannot be in a token is not put into one")
    func unsuitable() {
        func make(_ addresses: [SeedAddress], _ zone: String?) throws(TokenError) {
            _ = try JoinToken.make(
                adminKey: Sample.admin,
                addresses: addresses,
                zone: zone,
                expiresAt: 1,
                epoch: 1,
                secret: Sample.secret(1)
            )
        }
        let one = Sample.addresses[0]
        #expect(throws: TokenError.unsuitable) { try make([], nil) }
        #expect(throws: TokenError.unsuitable) { try make(Array(repeating: one, count: 9), nil) }
        #expect(throws: TokenError.unsuitable) { try make([one], String(repeating: "z", count: 65)) }
        #expect(throws: TokenError.unsuitable) { try make([one], "") }
    }

    @Test("a token cut anywhere or with any character changed is refused by name")
    func damage() throws {
        let text = try Sample.token().text
        var joinSecretChanges = 0
        for index in text.indices {
            let cut = String(text[..<index])
            #expect(failure(cut) != nil, "cut before \(cut.count)")
            var changed = Array(text.utf8)
            let at = cut.utf8.count
            changed[at] = changed[at] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            guard failure(String(decoding: changed, as: UTF8.self)) == nil else { continue }
            joinSecretChanges += 1
        }
        // Nothing but the join secret can change unseen: only a member can tell, and it does when somebody knocks.
        #expect(joinSecretChanges <= 43)
        #expect(failure("") == .notAToken && failure("meshd2.AAAA") == .notAToken)
        #expect(failure("meshd1.") == .damaged && failure("meshd1.####") == .damaged)
        #expect(failure(text + "A") == .damaged || failure(text + "A") == .forged)
        #expect(failure("meshd1." + String(repeating: "A", count: 5_000)) == .damaged)
    }

    @Test("an admission cut anywhere or with any byte changed is refused")
    func damagedAdmission() throws {
        let bytes = try Sample.token().admit(Sample.node(1)).bytes
        for index in bytes.indices {
            #expect(throws: TokenError.self) { try Admission(Array(bytes[..<index])) }
            var changed = bytes
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(throws: TokenError.self, "byte \(index)") { try Admission(changed) }
        }
        #expect(throws: TokenError.damaged) { try Admission(bytes + [0]) }
    }

    @Test("an admission is worth something in its own mesh, and as long as the token is valid to those who ask")
    func verify() throws {
        let admission = try Sample.token().admit(Sample.node(1))
        #expect(try admission.verify(adminPublicKey: Sample.admin.publicKey, now: 999) == Sample.node(1).id)
        #expect(try admission.verify(adminPublicKey: Sample.admin.publicKey) == Sample.node(1).id)
        #expect(throws: TokenError.expired) {
            try admission.verify(adminPublicKey: Sample.admin.publicKey, now: 1_000)
        }
        #expect(throws: TokenError.otherMesh) {
            try admission.verify(adminPublicKey: Sample.otherAdmin.publicKey, now: 1)
        }
    }

    @Test("noise as a body, an admission or a token text is an error, never a trap", arguments: 0..<4)
    func noise(seed: Int) throws {
        var random = Random(seed: UInt64(seed))
        let body = try Sample.token().body.bytes
        for round in 0..<2_000 {
            var bytes = body
            if round % 2 == 0 { bytes = (0..<random.below(700)).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
            if !bytes.isEmpty { bytes[random.below(bytes.count)] &+= UInt8(1 + random.below(255)) }
            #expect(throws: TokenError.self, "seed \(seed), round \(round)") { try TokenBody(bytes) }
            #expect(throws: TokenError.self, "seed \(seed), round \(round)") { try Admission(bytes) }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(failure(text) != nil && failure(JoinToken.prefix + text) != nil)
        }
    }

    @Test("a body that a member forged for a friend is refused, although its join secret is right")
    func forgedBody() throws {
        var body = try Sample.token(expiresAt: 10).body.bytes
        // The expiry: version, two keys, then eight bytes.
        body[65] = 0x10
        let knock = Knock(tag: Sample.admin.meshID.tag, epoch: 1, tokenBody: body)
        let secret = TokenBody.joinSecret(of: body, epochSecret: Sample.secret(1))
        var friend = HandshakeRun().initiator
        friend.begin(knock, secret, meshID: Sample.admin.meshID)
        let key = KeyExchange.publicKey(of: friend.ephemeral)
        friend.bind(ephemeral: key)
        let proof = friend.transcript!.seal([])
        var run = HandshakeRun(responderSees: .stranger)
        run.tamper = { number, bytes in number == 1 ? knock.encoded + key + proof : bytes }
        #expect(run.failure() == .token(.forged))
    }

    @Test("a joiner cannot show the admission of another token, nor another node's")
    func swappedAdmission() throws {
        let token = try Sample.token()
        for shown in [try Sample.token(seed: "second").admit(Sample.node(1)), token.admit(Sample.node(3))] {
            var run = HandshakeRun(purpose: .join(token), responderSees: .stranger)
            run.initiator.admission = shown
            #expect(run.failure() == .token(.notYours))
        }
        var none = HandshakeRun(purpose: .join(token), responderSees: .stranger)
        none.initiator.admission = nil
        #expect(none.failure() == .token(.notYours))
    }
}

@Suite struct SeedAddressTests {
    @Test(
        "names, IPv4 and bracketed IPv6 addresses with a port are read and printed again",
        arguments: [
            "localhost:1", "a.b-c.example:65535", "x_1:7946", "10.0.0.1:7946", "255.255.255.255:9", "[::1]:7946",
            "[fd00::]:80", "[::]:80", "[1:2:3:4:5:6:7:8]:80", "[fe80::1:2]:80", "3com.example:80", "meshd-0.meshd:7946",
        ]
    )
    func good(text: String) throws {
        #expect(try #require(SeedAddress(parsing: text)).description == text)
    }

    @Test(
        "anything else is nil",
        arguments: [
            "", ":", "host", "host:", ":80", "host:0", "host:65536", "host:-1", "host:+1", "host:080", "host: 80",
            "1.2.3:80", "1.2.3.256:80", "1.2.3.4.5:80", "01.2.3.4:80", "1.2.3.4", "::1:80", "[::1]", "[::1]80",
            "[1:2:3:4:5:6:7:8:9]:80", "[1::2::3]:80", "[12345::]:80", "[g::]:80", "[::1%eth0]:80", "[]:80", "[:::]:80",
            "[1:2:3]:80", "[1:2:3:4:5:6:7::8]x:80", "-a:80", "a-:80", "a..b:80", ".a:80", "a.:80", "a b:80", "ä:80",
            "[1:2:3:4:5:6:7:8::]:80", "[:1::2]:80", "[1::2:]:80", "[::-1]:80",
        ]
    )
    func bad(text: String) {
        #expect(SeedAddress(parsing: text) == nil)
        #expect(SeedAddress(parsing: String(repeating: "a", count: 300) + text) == nil)
    }

    @Test("addresses in numbers need no look-up")
    func endpoints() {
        #expect(SeedAddress(parsing: "10.0.0.1:7946")?.endpoint == Endpoint(ipv4: 0x0a00_0001, port: 7946))
        let six = SeedAddress(parsing: "[fd00::1:2]:80")?.endpoint
        #expect(six == Endpoint(ipv6High: 0xfd00_0000_0000_0000, low: 0x0001_0002, port: 80))
        #expect(SeedAddress(parsing: "a.example:80")?.endpoint == nil)
    }
}
