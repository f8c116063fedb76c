import Mesh
import Swim
import Testing

/// Fixed inputs and what they must give. The expected bytes were computed by another program, in another language, from
/// the layouts in the doc comments; BLAKE2b came from a second implementation.
@Suite struct VectorTests {
    private func hash(_ bytes: [UInt8]) -> String { Hex.encode(Blake2b.hash(bytes, bytes: 16)) }

    @Test("names, epoch secrets and relay tokens are the specified ones")
    func names() {
        let mesh = "164b8d0d93f337d95fe6e86d4bc6d28b507d1c54039dccd1facdf8eb79f68c7f"
        #expect(Sample.admin.meshID.description == mesh && Sample.admin.meshID.tag == 0x164b8d0d)
        #expect(Sample.node(1).id.description == "f1832ae6ae212eedf2173323b6b3f66c")
        let secret = "5bedaa4bccb628042e1dbd75d6ac8ca12969cc2653220afea44666b7ab7f4a8a"
        #expect(Hex.encode(Sample.admin.epochSecret(7).revealedBytes) == secret)
        let signer = MeshSigner(identity: Sample.node(1), adminPublicKey: Sample.admin.publicKey)
        signer.learn(Sample.node(2).key)
        let token = signer.token(nonce: 42, asker: Sample.node(1).id, target: Sample.node(2).id)
        #expect(token == 0xb828000d59c3265a)
    }

    @Test("a datagram has the specified bytes")
    func datagram() {
        var pair = SealedPair()
        let expected =
            "1001164b8d0df1832ae6ae212eed00000001000000000000000000000001980e02d77edabcc582ac64fa"
            + "b59b9f36129434ee3d47"
        #expect(Hex.encode(pair.a.seal(Array("vector".utf8), to: pair.bID)!) == expected)
    }

    @Test("a join token has the specified text, and so has the admission made from it")
    func token() throws {
        let expected =
            "meshd1.hd60svHk01bL4yDqvhpUX5GyIM33d9FbUKWFW85VKptIuXSAtfUzufWIdvlfOP5zU-mUX0gbZc0T1"
            + "J1iHDYsHAGTifeygJnzZ3P4_4b_GpmIonMMayNNVpjESDfgXCCRbTgt3PI6y4pXKgr1RBG_WleqcDRMb5gzs"
            + "MJgqn445vmxAAAAAAAAA-gAAAABBWF0dGljAxVtZXNoLmV4YW1wbGUub3JnOjc5NDYNMTAuMC4wLjE6Nzk0N"
            + "g5bZmQwMDo6MV06Nzk0Nlju1VRPyXDJDg8J2ZJngLDfxzTvArBv69PL7WEuSFa_5P_6o0tqh15RTUXUKrVN8"
            + "xkPto_msw-wNlocqhLT8AE"
        let token = try Sample.token()
        #expect(token.text == expected)
        #expect(hash(token.admit(Sample.node(1)).bytes) == "a322f665eef76aa0773e9444b568fa0d")
    }

    @Test("a handshake between members has the specified messages and keys")
    func members() throws {
        var messages: [[UInt8]] = []
        var run = HandshakeRun()
        run.tamper = { _, bytes in
            messages.append(bytes)
            return bytes
        }
        var (a, b) = try run.run()
        let first =
            "0101164b8d0d00000001f00ee5a2fa3b7112b72174303a59ee3adca3fefcb47678deeb5e8617f8497116"
            + "582462bc43442811d0d4c4ae75298986"
        #expect(Hex.encode(messages[0]) == first)
        let second =
            "65beddc39f81fa1cd65105f2dfcd5af59b5d23e89a859914ab221ca209e88f266c3f231f545785d7e218"
            + "6bf95bdb4d6cf5c3a4fcbd6fcc6755c233a1679f1c1c0ee07bf329acdbbccf8b59f682810ca13438199b"
            + "ed831d1541747cbbffca960d"
        #expect(Hex.encode(messages[1]) == second)
        let third =
            "41678a5c752d92874f96b61de0f88acc6a06f303147be8cbbcc34ccc1e1cc08b626ab7e34d3e04476c99"
            + "92f10800bd65b09713b0468863f0dc6a59d8f4923365"
        #expect(Hex.encode(messages[2]) == third)
        let frame = Array("frame".utf8)
        #expect(Hex.encode(a.sealing.seal(frame)!) == "234cb90a844eb42d7a0ffa5bef7dc5215a727f488a")
        #expect(Hex.encode(b.sealing.seal(frame)!) == "1d5af7974233a99d8690cee569a045b7c2e8d2c956")
    }

    @Test("a joiner's handshake has the specified messages and keys")
    func joiner() throws {
        var messages: [[UInt8]] = []
        var run = HandshakeRun(purpose: .join(try Sample.token()), responderSees: .stranger)
        run.tamper = { _, bytes in
            messages.append(bytes)
            return bytes
        }
        var (a, b) = try run.run()
        #expect(hash(messages[0]) == "1eb90def8e6d49731419e26e648ead08")
        let second =
            "65beddc39f81fa1cd65105f2dfcd5af59b5d23e89a859914ab221ca209e88f267f0b23d175f6e9498998"
            + "a681b35877f034b7ba5c8d1e58ecd18dc2b2d125275206f409675849becb1e6efaaa7146957ea33e7f69"
            + "9c90c16a3c4100fa3488a110"
        #expect(Hex.encode(messages[1]) == second)
        #expect(hash(messages[2]) == "aec7dec1ce90754621aa7a335e5ada91")
        let frame = Array("frame".utf8)
        #expect(Hex.encode(a.sealing.seal(frame)!) == "bf579f22a4d69cc0a611a8526a0c714b3ccebfd178")
        #expect(Hex.encode(b.sealing.seal(frame)!) == "70b89091bb1190c4deab24f18b8084575ba8e777d8")
    }
}
