import Mesh
import Swim
import Testing

@Suite struct BootProofTests {
    private let body = [UInt8](repeating: 9, count: 40)

    @Test("a first message waits for the proof of its boot, which takes one exchange, and proves both ends")
    func firstContact() {
        var pair = SealedPair()
        let ping = pair.a.seal(body, to: pair.bID)!
        let waiting = pair.b.open(ping, now: 0)
        #expect(waiting.body == nil && waiting.refusal == nil)
        let question = waiting.reply!
        #expect(question.count <= ping.count)
        let answered = pair.a.open(question, now: 1)
        #expect(answered.body == nil && answered.reply!.count == question.count)
        let released = pair.b.open(answered.reply!, now: 2)
        #expect(released.body == body && released.delivery?.sender == pair.aID)
        // The answer asked in return, so B's answer goes ahead of its first body, which need not wait.
        let ack = pair.b.seal([1, 2, 3], to: pair.aID)!
        #expect(pair.a.open(released.reply!, now: 3).refusal == nil)
        #expect(pair.a.open(ack, now: 3).body == [1, 2, 3])
        #expect(pair.b.counters.held == 1 && pair.b.counters.released == 1)
        #expect(pair.b.open(ping, now: 4).refusal == .replayed)
    }

    @Test("an acknowledgement that overtakes the proof of its boot waits for it")
    func overtaking() {
        var pair = SealedPair()
        let ping = pair.a.seal(body, to: pair.bID)!
        let answer = pair.a.open(pair.b.open(ping, now: 0).reply!, now: 1).reply!
        let proof = pair.b.open(answer, now: 2).reply!
        let ack = pair.b.seal(body, to: pair.aID)!
        let early = pair.a.open(ack, now: 3)
        #expect(early.body == nil && early.reply == nil && early.refusal == nil)
        #expect(pair.a.open(proof, now: 4).body == body)
    }

    @Test("an old boot is not heard after the new one was proved")
    func staleBoot() {
        var pair = SealedPair(bootA: 5 << 32)
        pair.meet()
        let old = pair.a.seal(body, to: pair.bID)!
        pair.a.restart(boot: 6 << 32)
        let new = pair.a.seal(body, to: pair.bID)!
        let answer = pair.a.open(pair.b.open(new, now: 10).reply!, now: 11).reply!
        #expect(pair.b.open(answer, now: 12).body == body)
        #expect(pair.b.open(old, now: 13).refusal == .staleBoot)
    }

    @Test("recordings of an old boot are worth nothing to a receiver that restarted and forgot everything")
    func replayAfterRestart() {
        var pair = SealedPair(bootA: 5 << 32)
        pair.meet()
        let recorded = (0..<20).map { _ in pair.a.seal(body, to: pair.bID)! }
        for datagram in recorded { #expect(pair.b.open(datagram, now: 1).body == body) }
        // Both restart. The attacker plays the old life to the new receiver.
        pair.a.restart(boot: 6 << 32)
        pair.b = SealedPair(bootB: 2 << 32).b
        var questions: [[UInt8]] = []
        for (index, datagram) in recorded.enumerated() {
            let opened = pair.b.open(datagram, now: Int64(index) * 60_000)
            #expect(opened.body == nil)
            if let question = opened.reply { questions.append(question) }
        }
        #expect(!questions.isEmpty && questions.count < recorded.count)
        // The sender answers from the life that it leads now, which ends the old one for good.
        let answer = pair.a.open(questions[0], now: 0).reply!
        let outcome = pair.b.open(answer, now: 1_300_000)
        #expect(outcome.body == nil && outcome.refusal == nil)
        for datagram in recorded { #expect(pair.b.open(datagram, now: 2_000_000).refusal == .staleBoot) }
        #expect(pair.b.open(pair.a.seal([1], to: pair.bID)!, now: 2_000_000).body == [1])
        #expect(pair.b.counters.released == 0)
    }

    @Test("after a receiver's restart, recordings of a sender's present boot are not heard either, once it is proved")
    func replayOfPresentBoot() {
        var pair = SealedPair()
        pair.meet()
        let recorded = (0..<50).map { _ in pair.a.seal(body, to: pair.bID)! }
        pair.b = SealedPair(bootB: 2 << 32).b
        let ping = pair.a.seal(body, to: pair.bID)!
        let answer = pair.a.open(pair.b.open(ping, now: 0).reply!, now: 0).reply!
        #expect(pair.b.open(answer, now: 1).body == body)
        for datagram in recorded { #expect(pair.b.open(datagram, now: 2).refusal == .replayed) }
    }

    @Test("a burst from an unproved boot leads to one question, asked again when it may have been lost")
    func bursts() {
        var pair = SealedPair()
        var replies = 0
        for index in 0..<100 {
            let opened = pair.b.open(pair.a.seal(body + [UInt8(index)], to: pair.bID)!, now: Int64(index))
            if opened.reply != nil { replies += 1 }
        }
        #expect(replies == 1 && pair.b.counters.challenged == 1 && pair.b.counters[.unproved] == 99)
        let later = pair.b.open(pair.a.seal(body + [200], to: pair.bID)!, now: 100_000)
        let answer = pair.a.open(later.reply!, now: 100_001).reply!
        #expect(pair.b.open(answer, now: 100_002).body == body + [200])
    }

    @Test("what waited too long is not handed out when the proof comes at last")
    func lateProof() {
        var pair = SealedPair()
        let answer = pair.a.open(pair.b.open(pair.a.seal(body, to: pair.bID)!, now: 0).reply!, now: 0).reply!
        let late = pair.b.open(answer, now: 2_000_001)
        #expect(late.body == nil && late.refusal == nil && pair.b.counters[.unproved] == 1)
        #expect(pair.b.open(pair.a.seal([1], to: pair.bID)!, now: 2_000_002).body == [1])
    }

    @Test("no more bodies wait than there is room for, and room is made when they are old")
    func heldRoom() {
        let ring = Sample.keyring()
        var receiver = DatagramSealer(identity: Sample.node(0), keyring: ring, boot: 1)
        for index in 1...1_030 {
            let node = Sample.node(index)
            var sender = DatagramSealer(identity: node, keyring: ring, boot: 1)
            sender.learn(Sample.node(0).id, key: Sample.node(0).key)
            receiver.learn(node.id, key: node.key)
            let now: Int64 = index > 1_027 ? 3_000_000 : 0
            #expect(receiver.open(sender.seal(body, to: Sample.node(0).id)!, now: now).reply != nil)
        }
        #expect(receiver.counters.held == 1_024 + 3 && receiver.counters[.unproved] == 1_024)
    }

    @Test("an answer that nobody asked for proves nothing")
    func unasked() {
        var pair = SealedPair()
        let question = pair.b.challenge(pair.aID, padTo: 0, now: 0)!
        let answer = pair.a.open(question.datagram, now: 1).reply!
        var fresh = SealedPair(bootB: 9 << 32).b
        #expect(fresh.open(answer, now: 2).refusal == .unasked)
        #expect(pair.b.open(answer, now: 5).echo?.rttMicros == 5)
        #expect(pair.b.open(answer, now: 6).refusal == .replayed)
    }

    @Test(
        "a padded question comes back as long as it went, and names its round trip",
        arguments: [0, 62, 78, 600, 1_452, 9_000]
    )
    func probes(bytes: Int) {
        var pair = SealedPair()
        let question = pair.a.challenge(pair.bID, padTo: bytes, now: 1_000)!
        #expect(question.datagram.count == min(max(bytes, 62), 1_452))
        let answer = pair.b.open(question.datagram, now: 0).reply!
        #expect(answer.count == question.datagram.count)
        let echo = pair.a.open(answer, now: 1_700).echo
        #expect(echo?.nonce == question.nonce && echo?.rttMicros == 700 && echo?.datagramBytes == answer.count)
    }

    @Test("no reply is ever longer than what it replies to", arguments: 0..<8)
    func amplification(seed: Int) {
        var random = Random(seed: UInt64(seed))
        var pair = SealedPair()
        var wire: [(toA: Bool, bytes: [UInt8])] = []
        var now: Int64 = 0
        for step in 0..<400 {
            now += Int64(random.next() % 90_000)
            switch random.next() % 8 {
            case 0:
                pair.a.restart(boot: UInt64(step + 2) << 32)
            case 1:
                let size = Int(random.next() % 300)
                wire.append((true, pair.b.challenge(pair.aID, padTo: size, now: now)!.datagram))
            case 2, 3:
                let size = Int(random.next() % 100)
                wire.append((true, pair.b.seal([UInt8](repeating: 1, count: size), to: pair.aID)!))
            default:
                let size = Int(random.next() % 100)
                wire.append((false, pair.a.seal([UInt8](repeating: 2, count: size), to: pair.bID)!))
            }
            let pick = Int(random.next() % UInt64(wire.count))
            let (toA, bytes) = wire[pick]
            // Half of what is delivered stays on the wire, to be played again.
            if random.next() % 2 == 0 { wire.remove(at: pick) }
            let opened = toA ? pair.a.open(bytes, now: now) : pair.b.open(bytes, now: now)
            guard let reply = opened.reply else { continue }
            #expect(reply.count <= bytes.count, "seed \(seed), step \(step)")
            wire.append((!toA, reply))
        }
        #expect(pair.b.counters.released > 0 && pair.b.counters[.replayed] > 0, "seed \(seed)")
    }
}

extension DatagramSealerTests {
    @Test("no body is delivered twice, in whatever order and however often datagrams arrive", arguments: 0..<8)
    func exactlyOnce(seed: Int) {
        var random = Random(seed: UInt64(seed))
        var pair = SealedPair()
        pair.meet()
        var wire: [[UInt8]] = []
        var heard: [[UInt8]: Int] = [:]
        for index in 0..<1_500 {
            wire.append(pair.a.seal([UInt8(index >> 8), UInt8(index & 255)], to: pair.bID)!)
            for _ in 0..<2 {
                let back = Int(random.next() % UInt64(min(wire.count, 200)))
                if let body = pair.b.open(wire[wire.count - 1 - back], now: 1).body { heard[body, default: 0] += 1 }
            }
        }
        #expect(heard.values.allSatisfy { $0 == 1 } && heard.count > 1_000, "seed \(seed)")
    }
}
