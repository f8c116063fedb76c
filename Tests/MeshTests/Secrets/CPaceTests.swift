import Testing

@testable import Mesh

@Suite struct CPaceTests {
    private static func bytes(_ text: String) throws -> [UInt8] { try #require(Hex.decode(text.utf8)) }

    @Test("generator, messages and key are those of the draft's test vector")
    func vector() throws {
        let code = Secret("Password")
        let channel = Array("\nAinitiator\nBresponder".utf8)
        let session = try Self.bytes("7e4b4791d6a8ef019b936c79fb7f2c57")
        #expect(
            Hex.encode(CPace.generator(code: code, channel: channel, session: session))
                == "5e25411ca1ad7c9debfd0b33ad987a95cefef2d3f15dcc8bd26415a5dfe2e15a"
        )
        let a = try #require(
            CPace(
                code: code,
                channel: channel,
                session: session,
                scalar: Self.bytes("da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08")
            )
        )
        let b = try #require(
            CPace(
                code: code,
                channel: channel,
                session: session,
                scalar: Self.bytes("d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d")
            )
        )
        #expect(Hex.encode(a.message) == "383a85dd236978f17f8c8545b50dabc52a39fcdab2cf8bc531ce040ff77ca82d")
        #expect(Hex.encode(b.message) == "a6206309c0e8e5f579295e35997ac4300ab3fecec3c17f7b604f3e698fa1383c")
        let (adA, adB) = (Array("ADa".utf8), Array("ADb".utf8))
        let first = try #require(a.key(with: b.message, isInitiator: true, ownWords: adA, otherWords: adB))
        let second = try #require(b.key(with: a.message, isInitiator: false, ownWords: adB, otherWords: adA))
        #expect(
            Hex.encode(first.revealedBytes) == "e91ccb2c0f5e0d0993a33956e3be59754f3f2b07db57631f5394452e"
                + "a2e7b4354674eb1f5686c078462bf83bec72e8743df440108e638f3526d9b90e85be096f"
        )
        #expect(first.isEqual(to: second))
    }

    @Test("what is no element, and the neutral one, are refused")
    func invalidElements() throws {
        let pace = try #require(CPace(code: Secret("1"), channel: [], session: []))
        let wrong = [
            try Self.bytes("2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c"),
            [UInt8](repeating: 0, count: 32), [], [UInt8](repeating: 1, count: 31),
        ]
        for other in wrong {
            #expect(pace.key(with: other, isInitiator: true, ownWords: [], otherWords: []) == nil)
        }
    }

    private static func pair(_ codes: (String, String), words: [UInt8] = [2]) throws -> (CodeKeys, CodeKeys) {
        let inviting = try #require(CodeExchange(code: Secret(codes.0), isInviting: true, words: [1]))
        let invited = try #require(
            CodeExchange(code: Secret(codes.1), isInviting: false, words: [2], session: inviting.session)
        )
        return (
            try #require(inviting.keys(with: invited.message, words: words)),
            try #require(invited.keys(with: inviting.message, words: [1]))
        )
    }

    @Test("with the same code both prove it, and what one seals the other opens")
    func sameCode() throws {
        let (inviting, invited) = try Self.pair(("12345678", "12345678"))
        #expect(invited.isProof(inviting.proof) && inviting.isProof(invited.proof))
        #expect(inviting.proof != invited.proof && !inviting.isProof(inviting.proof))
        let sealed = inviting.seal([7, 8, 9])
        #expect(invited.open(sealed) == [7, 8, 9])
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(invited.open(changed) == nil)
        }
        for count in 0..<sealed.count { #expect(invited.open(Array(sealed.prefix(count))) == nil) }
        #expect(inviting.bond.isEqual(to: invited.bond))
        #expect(CodeKeys.mark("settle", by: inviting.bond) != CodeKeys.mark("undo", by: inviting.bond))
    }

    @Test("another code, or other words on the way, prove nothing and open nothing")
    func otherCode() throws {
        for (inviting, invited) in [try Self.pair(("12345678", "12345679")), try Self.pair(("1", "1"), words: [3])] {
            #expect(!invited.isProof(inviting.proof) && !inviting.isProof(invited.proof))
            #expect(invited.open(inviting.seal([1])) == nil)
            #expect(!inviting.bond.isEqual(to: invited.bond))
        }
    }
}
