import Mesh
import Testing

@Suite struct SecretsTests {
    @Test("the same seed is the same node, another seed another")
    func identity() throws {
        let first = NodeIdentity()
        let again = try #require(NodeIdentity(seed: first.seed.revealedBytes))
        #expect(again.id == first.id && again.publicKey == first.publicKey)
        #expect(NodeIdentity().id != first.id)
        #expect(NodeIdentity(seed: [1, 2, 3]) == nil)
        #expect(NodeIdentity.name(of: first.publicKey) == first.id)
    }

    @Test("a signature holds for its message and its key, and for nothing else")
    func signatures() {
        let node = NodeIdentity()
        let message = Array("a message".utf8)
        let signature = node.sign(message)
        #expect(NodeIdentity.verify(signature, of: message, by: node.publicKey))
        #expect(!NodeIdentity.verify(signature, of: message + [0], by: node.publicKey))
        #expect(!NodeIdentity.verify(signature, of: message, by: NodeIdentity().publicKey))
        #expect(!NodeIdentity.verify([], of: message, by: node.publicKey))
    }

    @Test("BLAKE2b of nothing is RFC 7693's")
    func blake() {
        let hash = Blake2b.hash([], bytes: 64)
        #expect(hash.prefix(8).elementsEqual([0x78, 0x6A, 0x02, 0xF7, 0x42, 0x01, 0x59, 0x03]))
    }

    @Test("secrets compare by value, and keys have the shape that S3 clients expect")
    func texts() {
        #expect(Secret("abc").isEqual(to: Secret("abc")))
        #expect(!Secret("abc").isEqual(to: Secret("abd")) && !Secret("abc").isEqual(to: Secret("abcd")))
        #expect(SecureRandom.accessKeyID().count == 20 && SecureRandom.secretKey().count == 40)
        #expect(SecureRandom.accessKeyID() != SecureRandom.accessKeyID())
        #expect(SecureRandom.token().revealed.utf8.allSatisfy { $0 > 0x2F && $0 < 0x7B })
    }
}
