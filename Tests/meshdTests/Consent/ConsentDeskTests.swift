import Mesh
import Testing

@testable import meshd

@Suite struct ConsentDeskTests {
    /// The keys of the new node for a knock with this code, and the proof that the knocking one sends.
    private static func knock(right: String, typed: String) throws -> (keys: CodeKeys, inviting: CodeKeys) {
        let inviting = try #require(CodeExchange(code: Secret(typed), isInviting: true, words: []))
        let invited = try #require(
            CodeExchange(code: Secret(right), isInviting: false, words: [], session: inviting.session)
        )
        return (
            try #require(invited.keys(with: inviting.message, words: [])),
            try #require(inviting.keys(with: invited.message, words: []))
        )
    }

    /// Holds a value whose calls change it, so that expectations can make them.
    private final class Desk {
        private var value = ConsentDesk()

        func code(at now: UInt64, draw: () -> String) -> (code: ConsentDesk.Code, isNew: Bool)? {
            value.code(at: now, draw: draw)
        }
        func rest(at now: UInt64) -> UInt64 { value.rest(at: now) }
        func mayKnock(at now: UInt64) -> Bool { value.mayKnock(at: now) }
        func mayTellOfWrongWord(at now: UInt64) -> Bool { value.mayTellOfWrongWord(at: now) }
        func note(_ name: String, _ keys: CodeKeys, from: String, at now: UInt64) {
            value.note(name, keys, from: from, at: now)
        }
        func prove(_ name: String, _ proof: [UInt8], at now: UInt64) -> ConsentDesk.Proof {
            value.prove(name, proof, at: now)
        }
        func open(_ name: String, _ sealed: [UInt8], at now: UInt64) -> (Secret, bond: Secret, String)? {
            value.open(name, sealed, at: now)
        }
    }

    private static func isRight(_ proof: ConsentDesk.Proof) -> Bool { if case .right = proof { true } else { false } }

    @Test("a code stays for a quarter of an hour, then there is another one")
    func codesEnd() throws {
        let desk = Desk()
        let first = try #require(desk.code(at: 1_000) { "11111111" })
        #expect(first.isNew && first.code.text == "11111111")
        let again = try #require(desk.code(at: 1_000 + ConsentDesk.codeMillis - 1) { "22222222" })
        #expect(!again.isNew && again.code.text == "11111111")
        let next = try #require(desk.code(at: 1_000 + ConsentDesk.codeMillis) { "22222222" })
        #expect(next.isNew && next.code.text == "22222222")
    }

    @Test("who knows the code hands over what he sealed, once")
    func rightCode() throws {
        let desk = Desk()
        _ = desk.code(at: 0) { "12345678" }
        let (keys, inviting) = try Self.knock(right: "12345678", typed: "12345678")
        desk.note("k", keys, from: "n1", at: 0)
        #expect(desk.open("k", inviting.seal([1]), at: 1) == nil, "nothing is opened before the proof")
        guard case .right(let answer) = desk.prove("k", inviting.proof, at: 1) else {
            Issue.record("the right code is refused")
            return
        }
        #expect(inviting.isProof(answer))
        let (token, bond, inviter) = try #require(desk.open("k", inviting.seal([7]), at: 2))
        #expect(token.revealedBytes == [7] && inviter == "n1" && bond.isEqual(to: inviting.bond))
        #expect(desk.open("k", inviting.seal([7]), at: 3) == nil)
    }

    @Test("five wrong tries void the code, and the next one lets itself be waited for, longer each time")
    func wrongCodes() throws {
        let desk = Desk()
        var now: UInt64 = 0
        for round in 0..<3 {
            #expect(desk.code(at: now) { "12345678" }?.isNew == true)
            for left in (0..<ConsentDesk.triesMax).reversed() {
                let (keys, inviting) = try Self.knock(right: "12345678", typed: "87654321")
                desk.note("k", keys, from: "n1", at: now)
                guard case .wrong(left) = desk.prove("k", inviting.proof, at: now) else {
                    Issue.record("a wrong code is not counted")
                    return
                }
            }
            #expect(desk.code(at: now) { "1" } == nil)
            let rest = desk.rest(at: now)
            #expect(rest == min(ConsentDesk.restMillisMax, ConsentDesk.restMillisFirst << UInt64(round)))
            now += rest
        }
    }

    @Test("a knock has one try, and a right proof of a code that was voided meanwhile comes too late")
    func oneTry() throws {
        let desk = Desk()
        _ = desk.code(at: 0) { "12345678" }
        let (late, lateInviting) = try Self.knock(right: "12345678", typed: "12345678")
        desk.note("late", late, from: "n1", at: 0)
        let (keys, inviting) = try Self.knock(right: "12345678", typed: "0")
        desk.note("k", keys, from: "n1", at: 0)
        #expect(!Self.isRight(desk.prove("k", inviting.proof, at: 0)))
        guard case .unknown = desk.prove("k", inviting.proof, at: 0) else {
            Issue.record("one knock was tried twice")
            return
        }
        for number in 1..<ConsentDesk.triesMax {
            let (keys, inviting) = try Self.knock(right: "12345678", typed: "\(number)")
            desk.note("k\(number)", keys, from: "n1", at: 0)
            #expect(!Self.isRight(desk.prove("k\(number)", inviting.proof, at: 0)))
        }
        #expect(!Self.isRight(desk.prove("late", lateInviting.proof, at: 0)))
    }

    @Test("knocks are bounded and end, those that proved themselves last")
    func bounds() throws {
        let desk = Desk()
        _ = desk.code(at: 0) { "12345678" }
        let (keys, inviting) = try Self.knock(right: "12345678", typed: "12345678")
        desk.note("mine", keys, from: "n1", at: 0)
        #expect(Self.isRight(desk.prove("mine", inviting.proof, at: 0)))
        for number in 0..<100 { desk.note("k\(number)", keys, from: "x", at: 1) }
        guard case .unknown = desk.prove("k0", inviting.proof, at: 1) else {
            Issue.record("old knocks stay")
            return
        }
        #expect(desk.open("mine", inviting.seal([1]), at: ConsentDesk.provenMillis - 1) != nil)
        for _ in 0..<ConsentDesk.knocksPerMinute { #expect(desk.mayKnock(at: 5)) }
        #expect(!desk.mayKnock(at: 5))
        // Wrong words take nothing from knocks, and the other way round.
        for _ in 0..<ConsentDesk.wrongWordsPerMinute { #expect(desk.mayTellOfWrongWord(at: 5)) }
        #expect(!desk.mayTellOfWrongWord(at: 5) && desk.mayTellOfWrongWord(at: 60_001 + 5))
        #expect(desk.mayKnock(at: 60_001 + 5))
    }

    @Test("a code is read with the spaces and dashes that people type, and nothing else")
    func typedCodes() {
        #expect(ConsentDoor.digits(of: "1234 5678") == "12345678" && ConsentDoor.digits(of: "1234-5678 ") == "12345678")
        for wrong in ["", "1234567", "123456789", "1234567x", "١٢٣٤٥٦٧٨"] {
            #expect(ConsentDoor.digits(of: wrong) == nil)
        }
        #expect(ConsentDoor.shown("12345678") == "1234 5678")
    }
}
