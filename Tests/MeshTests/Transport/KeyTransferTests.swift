import Mesh
import Swim
import Testing

@Suite struct KeyTransferTests {
    private let peers = (1...3).map { NodeID(high: UInt64($0), low: 7) }

    private func transfer(newest: UInt32 = 1, sending: UInt32 = 1, announced: UInt32 = 1) -> KeyTransfer {
        KeyTransfer(
            newest: newest,
            sending: sending,
            announced: announced,
            settleMicros: 10_000_000,
            askMicros: 1_000_000,
            now: 0
        )
    }

    private func advance(_ transfer: inout KeyTransfer, to now: Micros) -> [KeyTransfer.Directive] {
        var random = Random(seed: 3)
        var out: [KeyTransfer.Directive] = []
        transfer.advance(to: now, peers: peers, absent: [], random: &random, into: &out)
        return out
    }

    @Test("an announced secret is asked for each second, of some peers, until it comes")
    func asks() {
        var transfer = transfer()
        #expect(advance(&transfer, to: 0) == [])
        transfer.announce(2, at: 5)
        #expect(transfer.isWaiting)
        let first = advance(&transfer, to: 5)
        #expect(first.count == 1)
        #expect(first.allSatisfy { if case .ask(_, newerThan: 1) = $0 { true } else { false } })
        #expect(advance(&transfer, to: 900_000) == [])
        #expect(!advance(&transfer, to: 1_000_005).isEmpty)
        transfer.hold(2, isInUse: false, at: 2_000_000)
        #expect(advance(&transfer, to: 3_000_000) == [])
        #expect(!transfer.isWaiting)
    }

    @Test("nobody who never answers is asked more than about twice a minute in the end")
    func patience() {
        var transfer = transfer(announced: 2)
        var asks = 0
        for second in 0..<3_600 { asks += advance(&transfer, to: Micros(second) * 1_000_000).isEmpty ? 0 : 1 }
        #expect(asks > 100 && asks < 260, "\(asks) rounds in an hour")
    }

    @Test("those who are held dead are asked too: after a partition it is they who know")
    func asksTheDead() {
        var transfer = transfer(announced: 2)
        var random = Random(seed: 3)
        var out: [KeyTransfer.Directive] = []
        let dead = NodeID(high: 9, low: 9)
        transfer.advance(to: 0, peers: peers, absent: [dead], random: &random, into: &out)
        #expect(out.count == 2 && out[1] == .ask(dead, newerThan: 1))
    }

    @Test("a secret is used after a while, and at once when everybody holds it")
    func settles() {
        var slow = transfer()
        slow.hold(2, isInUse: false, at: 0)
        #expect(advance(&slow, to: 9_999_999) == [] && slow.sending == 1)
        #expect(advance(&slow, to: 10_000_000) == [.send(epoch: 2)])
        var quick = transfer()
        quick.hold(2, isInUse: false, at: 0)
        for peer in peers { quick.hear(2, from: peer) }
        #expect(advance(&quick, to: 1) == [.send(epoch: 2)])
        var late = transfer()
        late.hold(2, isInUse: true, at: 50)
        #expect(advance(&late, to: 50) == [.send(epoch: 2)])
    }

    @Test("members with an older epoch are given the newest; strangers, outcasts and the satisfied get nothing")
    func gives() {
        var transfer = transfer(newest: 3, sending: 3, announced: 3)
        #expect(transfer.judge(holding: 1, isMember: true, isExpelled: false, at: 0) == .give(epoch: 3))
        #expect(transfer.judge(holding: 3, isMember: true, isExpelled: false, at: 0) == .refuse)
        #expect(transfer.judge(holding: 1, isMember: false, isExpelled: false, at: 0) == .refuse)
        #expect(transfer.judge(holding: 1, isMember: true, isExpelled: true, at: 0) == .refuse)
    }

    @Test("gifts are bounded")
    func bounded() {
        var transfer = transfer(newest: 2, sending: 2, announced: 2)
        let given = (0..<1_000).count { _ in
            transfer.judge(holding: 1, isMember: true, isExpelled: false, at: 500) == .give(epoch: 2)
        }
        #expect(given == 256)
        #expect(transfer.judge(holding: 1, isMember: true, isExpelled: false, at: 1_000_500) == .give(epoch: 2))
    }

    @Test("a secret that no decree announced is not wanted, nor is one that is held")
    func wants() {
        var transfer = transfer()
        #expect(!transfer.wants(2) && !transfer.wants(1))
        transfer.announce(2, at: 0)
        #expect(transfer.wants(2) && !transfer.wants(3))
        transfer.hold(2, isInUse: false, at: 0)
        #expect(!transfer.wants(2))
    }

    @Test("noise under an unknown epoch makes a node ask, and not more often than every five seconds")
    func hints() {
        var transfer = transfer()
        var rounds = 0
        for tenth in 0..<100 {
            transfer.hint(at: Micros(tenth) * 100_000)
            rounds += advance(&transfer, to: Micros(tenth) * 100_000).isEmpty ? 0 : 1
        }
        #expect(rounds == 2, "\(rounds) rounds in ten seconds")
    }
}
