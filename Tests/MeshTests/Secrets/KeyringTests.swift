import Foundation
import Mesh
import Swim
import Testing

@Suite struct KeyringTests {
    @Test("an epoch is added, then sent with, then understood for a day more, then gone")
    func life() {
        var ring = Sample.keyring()
        #expect(ring.newest == 1 && ring.sending == 1 && ring.epochs == [1] && ring.retired == [])
        #expect(ring.add(epoch: 2, secret: Sample.secret(2), at: 100) == .added)
        #expect(ring.newest == 2 && ring.sending == 1 && ring.addedAt(2) == 100)
        #expect(ring.send(with: 2, at: 400) == true && ring.send(with: 1, at: 400) == false)
        #expect(ring.sending == 2 && ring.retired == [1])
        #expect(ring.retire(at: 399 + 24 * 3600) == [])
        #expect(ring.retire(at: 400 + 24 * 3600) == [1])
        #expect(ring.epochs == [2] && ring.secret(1) == nil && ring.secret(2) != nil)
        #expect(ring.retire(at: .max) == [])
        #expect(ring.add(epoch: 1, secret: Sample.secret(1), at: 500) == .refused)
    }

    @Test("a second secret for an epoch is a conflict, the same again is not, and a short one is refused")
    func conflicts() {
        var ring = Sample.keyring()
        #expect(ring.add(epoch: 1, secret: Sample.secret(1), at: 0) == .known)
        #expect(ring.add(epoch: 1, secret: Sample.secret(2), at: 0) == .conflicting)
        #expect(ring.add(epoch: 2, secret: Secret(bytes: [1]), at: 0) == .refused)
        #expect(ring.send(with: 9, at: 0) == false)
        #expect(Keyring(adminPublicKey: [1], epoch: 1, secret: Sample.secret(1), at: 0) == nil)
    }

    @Test("more rotations than places drop the oldest, never the one in use")
    func places() {
        var ring = Sample.keyring()
        for epoch: UInt32 in 2...20 { #expect(ring.add(epoch: epoch, secret: Sample.secret(epoch), at: 0) == .added) }
        #expect(ring.epochs == [1] + (14...20) && ring.sending == 1)
    }

    @Test("a ring comes back from its file as it was, and nothing else does")
    func saved() throws {
        var ring = Sample.keyring(epochs: 3)
        ring.refuseStrangers(before: 2)
        let json = try JSONEncoder().encode(ring.saved)
        let read = try JSONDecoder().decode(Keyring.Saved.self, from: json)
        #expect(Keyring(read) == ring)
        let text = String(decoding: json, as: UTF8.self)
        for (from, to) in [
            ("\"sending\":3", "\"sending\":4"), ("\"epoch\":2", "\"epoch\":9"), ("secret\":\"", "secret\":\"x"),
        ] {
            #expect(text.contains(from))
            let broken = Data(text.replacingOccurrences(of: from, with: to).utf8)
            #expect(Keyring(try JSONDecoder().decode(Keyring.Saved.self, from: broken)) == nil)
        }
    }

    @Test("no secret is in any description, dump or mirror")
    func secrecy() throws {
        let ring = Sample.keyring(epochs: 2)
        let token = try Sample.token()
        var run = HandshakeRun(purpose: .join(token), responderSees: .stranger)
        let handshakes = [run.initiator, run.responder]
        let (a, b) = try run.run()
        var pair = SealedPair()
        pair.meet()
        let values: [Any] = [
            ring, ring.saved, token, Sample.admin, Sample.node(1), handshakes, run.initiator, a, b, pair.a,
            token.admit(Sample.node(1)), Sample.admin.seed,
            MeshSigner(identity: Sample.node(1), adminPublicKey: Sample.admin.publicKey),
        ]
        var text = ""
        for value in values {
            text += "\(value) \(String(reflecting: value))"
            dump(value, to: &text)
        }
        let secrets =
            [Sample.secret(1), Sample.secret(2), Sample.admin.seed, Sample.node(1).seed].map(\.revealedBytes)
            + [Sample.bytes("token"), Sample.bytes("initiator 1"), Array(Sample.node(2).seed.revealedBytes)]
        for secret in secrets {
            #expect(!text.contains(Hex.encode(secret)))
            // As an array is printed, and as a dump prints it.
            #expect(!text.contains(secret.prefix(4).map(String.init).joined(separator: ", ")))
            #expect(!text.contains(secret.prefix(4).map { "- \($0)\n" }.joined()))
        }
        let start = token.text.index(token.text.startIndex, offsetBy: 12)
        #expect(!text.contains(token.text[start...].prefix(20)))
    }
}

@Suite struct MeshSignerTests {
    private func signer(_ index: Int) -> MeshSigner {
        MeshSigner(identity: Sample.node(index), adminPublicKey: Sample.admin.publicKey)
    }

    @Test("signatures hold for their key and bytes only, and the admin's are told from others")
    func signatures() {
        let signature = signer(1).sign([1, 2, 3])
        #expect(signer(2).isValid(signature, of: [1, 2, 3], by: Sample.node(1).key))
        #expect(!signer(2).isValid(signature, of: [1, 2], by: Sample.node(1).key))
        #expect(!signer(2).isValid(signature, of: [1, 2, 3], by: Sample.node(2).key))
        #expect(!signer(2).isAdmin(signature, of: [1, 2, 3]))
        #expect(signer(2).isAdmin(Signature(bytes: Sample.admin.sign([4]))!, of: [4]))
        #expect(signer(1).name(of: Sample.node(1).key) == Sample.node(1).id)
        #expect(Signature(bytes: signature.bytes) == signature && Signature(bytes: [1]) == nil)
        #expect(PublicKey(bytes: Sample.node(1).key.bytes) == Sample.node(1).key && PublicKey(bytes: []) == nil)
    }

    @Test("a decree holds as the admin signed it, and not when anything in it was changed")
    func decrees() throws {
        let plain = try #require(Decree(sequence: 4, kind: .expel(Sample.node(3).id), newEpoch: 2, reason: "stolen"))
        let signed = Sample.admin.sign(plain)
        #expect(signed.signedBytes == plain.signedBytes)
        #expect(signer(1).isAdmin(signed.signature, of: signed.signedBytes))
        #expect(!signer(1).isAdmin(plain.signature, of: plain.signedBytes))
        let other = Sample.otherAdmin.sign(plain)
        #expect(!signer(1).isAdmin(other.signature, of: other.signedBytes))
        let bytes = signed.encoded
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            guard let decree = Decree(changed) else { continue }
            #expect(!signer(1).isAdmin(decree.signature, of: decree.signedBytes), "byte \(index)")
        }
    }

    @Test("both ends of a question compute the same token, no third does, and it differs when they change places")
    func tokens() {
        let (a, b, c) = (Sample.node(1), Sample.node(2), Sample.node(3))
        let (asker, target, relay) = (signer(1), signer(2), signer(3))
        #expect(
            target.isValid(asker.sign([1]), of: [1], by: a.key) && asker.isValid(target.sign([1]), of: [1], by: b.key)
        )
        relay.learn(a.key)
        relay.learn(b.key)
        let token = asker.token(nonce: 7, asker: a.id, target: b.id)
        #expect(target.token(nonce: 7, asker: a.id, target: b.id) == token)
        #expect(relay.token(nonce: 7, asker: a.id, target: b.id) != token)
        #expect(relay.token(nonce: 7, asker: c.id, target: b.id) != token)
        #expect(asker.token(nonce: 8, asker: a.id, target: b.id) != token)
        // What the asker would answer if a relay pretended that the target asks.
        #expect(asker.token(nonce: 7, asker: b.id, target: a.id) != token)
        #expect(asker.key(of: b.id) == b.key && asker.key(of: c.id) == nil)
    }

    @Test("a token for a stranger fits nothing")
    func strangers() {
        let (a, b) = (Sample.node(1), Sample.node(2))
        let (asker, target) = (signer(1), signer(2))
        #expect(asker.token(nonce: 7, asker: a.id, target: b.id) != target.token(nonce: 7, asker: a.id, target: b.id))
    }
}
