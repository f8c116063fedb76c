import Mesh
import Swim
import Testing

@testable import meshd

@Suite struct LanMessageTests {
    private static let node = LanNode(
        id: NodeID(high: 1, low: 2),
        name: "n01",
        version: "1.4.2",
        mesh: "[fd00::1]:9002",
        admin: "[fd00::1]:9001",
        freeBytes: 1 << 40
    )

    @Test("questions and answers read back, and no answer is longer than a question")
    func roundTrip() {
        let question = LanMessage.question(nonce: 7)
        #expect(LanMessage(question.encoded) == question)
        let answer = LanMessage.answer(nonce: .max, Self.node)
        #expect(LanMessage(answer.encoded) == answer)
        let long = String(repeating: "x", count: 500)
        let none = NodeID(high: 0, low: 0)
        let node = LanNode(id: none, name: long, version: long, mesh: long, admin: long, freeBytes: 0)
        #expect(LanMessage.answer(nonce: 0, node).encoded.count <= question.encoded.count)
    }

    @Test("every truncation, every longer message and every wrong head is refused")
    func truncation() {
        for message in [LanMessage.question(nonce: 1), .answer(nonce: 2, Self.node)] {
            let bytes = message.encoded
            for count in 0..<bytes.count { #expect(LanMessage(Array(bytes[..<count])) == nil) }
            #expect(LanMessage(bytes + [0]) == nil)
            for index in 0..<6 {
                var wrong = bytes
                wrong[index] ^= 0xFF
                #expect(LanMessage(wrong) == nil)
            }
        }
    }

    @Test("garbage never traps, and whatever is read is short and printable")
    func garbage() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        let valid = LanMessage.answer(nonce: 3, Self.node).encoded
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                bytes[Int.random(in: 6..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            }
            guard case .answer(_, let node)? = LanMessage(bytes) else { continue }
            for text in [node.name, node.version, node.mesh, node.admin] {
                let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) }
                #expect(isPlain && text.unicodeScalars.count <= 96, "seed \(seed)")
            }
        }
    }

    @Test("a name cannot move the cursor, turn the text around or begin a line")
    func hostileNames() {
        let name = "\u{1B}[2Jn\r\n\u{202E}01\u{0}\u{2028}"
        let node = LanNode(id: NodeID(high: 0, low: 0), name: name, version: "\u{9B}1", mesh: "", freeBytes: 0)
        guard case .answer(_, let read)? = LanMessage(LanMessage.answer(nonce: 0, node).encoded) else {
            Issue.record("the answer is not read")
            return
        }
        #expect(read.name == "[2Jn01" && read.version == "1")
    }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
