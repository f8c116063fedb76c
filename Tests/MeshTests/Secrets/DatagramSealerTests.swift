@testable import Mesh
import Swim
import Testing

@Suite struct DatagramSealerTests {
    @Test("a boot that is raised is always above the one before, within its generation, and is understood once proved")
    func raisedBoot() {
        func boot(_ datagram: [UInt8]?) -> UInt64 { datagram![14..<22].reduce(0) { $0 << 8 | UInt64($1) } }
        var pair = SealedPair(bootA: DatagramSealer.boot(generation: 5))
        pair.meet()
        var last = boot(pair.a.seal([1], to: pair.bID))
        for _ in 0..<1_000 {
            pair.a.raiseBoot()
            let next = boot(pair.a.seal([1], to: pair.bID))
            #expect(next > last && next >> 32 == 5)
            last = next
        }
        let question = pair.b.open(pair.a.seal([UInt8](repeating: 8, count: 64), to: pair.bID)!, now: 9).reply
        let answer = question.flatMap { pair.a.open($0, now: 9).reply }
        #expect(answer.flatMap { pair.b.open($0, now: 9).body } == [UInt8](repeating: 8, count: 64))
        var copy = pair.a
        copy.raiseBoot()
        pair.a.raiseBoot()
        #expect(boot(copy.seal([1], to: pair.bID)) != boot(pair.a.seal([1], to: pair.bID)))
    }

    @Test("what is sealed for a peer opens there, whole and once, with 46 bytes more on the wire")
    func roundTrip() {
        var pair = SealedPair()
        pair.meet()
        for count in [0, 1, 15, 16, 17, 200, 1_154, DatagramSealer.datagramBytesMax - 46] {
            let body = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            let datagram = pair.a.seal(body, to: pair.bID)!
            #expect(datagram.count == count + 46 && DatagramSealer.overheadBytes == 46)
            #expect(pair.b.open(datagram, now: 1).body == body)
            #expect(pair.b.open(datagram, now: 1).refusal == .replayed)
            let back = pair.b.seal(body, to: pair.aID)!
            #expect(pair.a.open(back, now: 1).body == body)
        }
        #expect(pair.a.counters.refusedTotal == 0)
    }

    @Test("a body too long or for a stranger is not sealed, and counted")
    func unsealable() {
        var pair = SealedPair()
        #expect(pair.a.seal([UInt8](repeating: 0, count: DatagramSealer.datagramBytesMax - 45), to: pair.bID) == nil)
        #expect(pair.a.seal([1], to: Sample.node(3).id) == nil)
        #expect(pair.a.challenge(Sample.node(3).id, padTo: 100, now: 0) == nil)
        #expect(pair.a.counters.unsealable == 2)
    }

    @Test("a datagram cut anywhere, or with any bit turned, changes nothing and is not answered")
    func damage() {
        var pair = SealedPair()
        pair.meet()
        let datagram = pair.a.seal(Array("a message of some length".utf8), to: pair.bID)!
        for count in 0..<datagram.count {
            #expect(pair.b.open(Array(datagram[..<count]), now: 1).refusal != nil, "cut at \(count)")
        }
        for index in datagram.indices {
            for bit in 0..<8 {
                var damaged = datagram
                damaged[index] ^= 1 << UInt8(bit)
                #expect(pair.b.open(damaged, now: 1).refusal != nil, "byte \(index), bit \(bit)")
            }
        }
        #expect(pair.b.open(datagram + [0], now: 1).refusal == .forged)
        #expect(pair.b.counters.refusedTotal == datagram.count * 9 + 1)
        #expect(pair.b.open(datagram, now: 1).body == Array("a message of some length".utf8))
    }

    @Test("each refusal has its own name")
    func refusals() {
        var pair = SealedPair()
        pair.meet()
        var datagram = pair.a.seal([UInt8](repeating: 1, count: 40), to: pair.bID)!
        #expect(pair.b.open([], now: 0).refusal == .short)
        #expect(pair.b.open([UInt8](repeating: 0, count: 1_453), now: 0).refusal == .oversized)
        datagram[0] = 0x20
        #expect(pair.b.open(datagram, now: 0).refusal == .malformed)
        datagram[0] = 0x10
        datagram[1] = 9
        #expect(pair.b.open(datagram, now: 0).refusal == .epoch)
        datagram[1] = 1
        datagram[2] ^= 1
        #expect(pair.b.open(datagram, now: 0).refusal == .otherMesh)
        datagram[2] ^= 1
        datagram[6] ^= 1
        #expect(pair.b.open(datagram, now: 0).refusal == .unknownSender)
        datagram[6] ^= 1
        #expect(pair.b.open(datagram, now: 0).body != nil)
    }

    @Test("a datagram for one receiver opens at no other, even one that shares the mesh and the sender")
    func wrongReceiver() {
        var pair = SealedPair()
        let ring = Sample.keyring()
        var third = DatagramSealer(identity: Sample.node(3), keyring: ring, boot: 1)
        third.learn(pair.aID, key: Sample.node(1).key)
        let datagram = pair.a.seal([UInt8](repeating: 1, count: 40), to: pair.bID)!
        #expect(third.open(datagram, now: 0).refusal == .forged)
        // Nor does it open at its sender, should it be thrown back.
        #expect(pair.a.open(datagram, now: 0).refusal == .unknownSender)
    }

    @Test("nodes of another mesh, or with another secret for the epoch, are not heard")
    func wrongMesh() {
        var pair = SealedPair()
        let other = Sample.keyring(admin: Sample.otherAdmin)
        var stranger = DatagramSealer(identity: Sample.node(1), keyring: other, boot: 5)
        stranger.learn(pair.bID, key: Sample.node(2).key)
        let datagram = stranger.seal([UInt8](repeating: 1, count: 40), to: pair.bID)!
        #expect(pair.b.open(datagram, now: 0).refusal == .otherMesh)

        let wrong = Keyring(adminPublicKey: Sample.admin.publicKey, epoch: 1, secret: Sample.secret(9), at: 0)!
        var liar = DatagramSealer(identity: Sample.node(1), keyring: wrong, boot: 5)
        liar.learn(pair.bID, key: Sample.node(2).key)
        #expect(pair.b.open(liar.seal([UInt8](repeating: 1, count: 40), to: pair.bID)!, now: 0).refusal == .forged)
    }

    @Test("both epochs are understood during a rotation, and the old one no longer when it was retired")
    func epochs() {
        var pair = SealedPair()
        pair.meet()
        let old = pair.a.seal([1], to: pair.bID)!
        let late = pair.a.seal([2], to: pair.bID)!
        var ring = Sample.keyring()
        #expect(ring.add(epoch: 2, secret: Sample.secret(2), at: 10) == .added)
        pair.b.update(ring)
        #expect(pair.b.open(old, now: 1).body == [1])
        ring.send(with: 2, at: 20)
        pair.a.update(ring)
        let new = pair.a.seal([3], to: pair.bID)!
        #expect(new[1] == 2)
        #expect(pair.b.open(new, now: 1).body == [3])
        ring.retire(at: 20 + Keyring.retiredSecondsMax)
        pair.b.update(ring)
        #expect(pair.b.open(late, now: 1).refusal == .epoch)
    }

    @Test("a forgotten peer is a stranger, and learned again it never uses a nonce twice")
    func forgetting() {
        var pair = SealedPair()
        pair.meet()
        let first = pair.a.seal([1], to: pair.bID)!
        pair.a.forget(pair.bID)
        #expect(pair.a.seal([2], to: pair.bID) == nil && !pair.a.knows(pair.bID))
        #expect(pair.a.learn(pair.bID, key: Sample.node(2).key) == true)
        let second = pair.a.seal([3], to: pair.bID)!
        #expect(second[6..<30] != first[6..<30])
        #expect(second[22..<30].reduce(0) { $0 << 8 | UInt64($1) } > first[22..<30].reduce(0) { $0 << 8 | UInt64($1) })
        #expect(pair.b.open(second, now: 1).body == [3])
        #expect(pair.b.open(first, now: 1).refusal == .replayed)
        pair.b.forget(pair.aID)
        #expect(pair.b.open(pair.a.seal([4], to: pair.bID)!, now: 1).refusal == .unknownSender)
    }

    @Test("a key that does not belong to the name is not learned, nor is our own")
    func learning() {
        var pair = SealedPair()
        #expect(pair.a.learn(Sample.node(3).id, key: Sample.node(4).key) == false)
        #expect(pair.a.learn(pair.aID, key: Sample.node(1).key) == false)
        #expect(pair.a.learn(pair.bID, key: Sample.node(2).key) == true)
    }

    @Test("random noise, and random changes of a genuine datagram, are counted and never answered", arguments: 0..<4)
    func noise(seed: Int) {
        var random = Random(seed: UInt64(seed))
        var pair = SealedPair()
        pair.meet()
        let genuine = pair.a.seal([UInt8](repeating: 3, count: 90), to: pair.bID)!
        let before = pair.b.counters
        for round in 0..<3_000 {
            var datagram = genuine
            if round % 3 == 0 {
                datagram = (0..<Int(random.next() % 1_600)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            } else {
                for _ in 0...random.next() % 4 {
                    let index = Int(random.next() % UInt64(datagram.count))
                    datagram[index] ^= UInt8(truncatingIfNeeded: random.next() % 255 + 1)
                }
                if random.next() % 4 == 0 { datagram.removeLast(Int(random.next() % UInt64(datagram.count))) }
            }
            guard datagram != genuine else { continue }
            #expect(pair.b.open(datagram, now: 1).refusal != nil, "seed \(seed), round \(round)")
        }
        #expect(pair.b.counters.answered == before.answered && pair.b.counters.challenged == before.challenged)
        #expect(pair.b.open(genuine, now: 1).body != nil)
    }

    @Test("a member that seals nonsense under its own key changes nothing either")
    func nonsense() {
        for isProved in [false, true] {
            var pair = SealedPair()
            if isProved { pair.meet() }
            for count in 0..<16 {
                let body = [UInt8](repeating: 0, count: count)
                for kind in [DatagramHeader.Kind.question, .answer] {
                    let datagram = pair.a.seal(kind, body, to: pair.bID.handle)!
                    #expect(pair.b.open(datagram, now: 0).refusal == .malformed)
                }
            }
            let zeros = [UInt8](repeating: 0, count: 32)
            #expect(pair.b.open(pair.a.seal(.answer, zeros, to: pair.bID.handle)!, now: 0).refusal == .unasked)
            let question = pair.b.challenge(pair.aID, padTo: 0, now: 0)!
            let other = question.nonce.map { $0 ^ 1 }
            #expect(pair.b.open(pair.a.seal(.answer, other, to: pair.bID.handle)!, now: 0).refusal == .unasked)
            // The answer of another member to a question that it was not asked.
            pair.b.learn(Sample.node(3).id, key: Sample.node(3).key)
            var third = DatagramSealer(identity: Sample.node(3), keyring: Sample.keyring(), boot: 1)
            third.learn(pair.bID, key: Sample.node(2).key)
            let stolen = third.seal(.answer, question.nonce, to: pair.bID.handle)!
            #expect(pair.b.open(stolen, now: 0).refusal == .unasked)
        }
    }

    @Test("a public key that leaves no secret can be learned, and leads to nothing")
    func barrenKeys() {
        var pair = SealedPair()
        // The neutral element, and no point at all.
        for first: UInt64 in [1 << 56, 2 << 56] {
            let key = PublicKey(first, 0, 0, 0)
            let id = NodeIdentity.name(of: key.bytes)
            #expect(pair.a.learn(id, key: key) == true)
            #expect(pair.a.seal([1], to: id) == nil && pair.a.challenge(id, padTo: 0, now: 0) == nil)
            var header = DatagramHeader(
                kind: .body,
                epoch: 1,
                tag: Sample.admin.meshID.tag,
                sender: id.handle,
                boot: 1,
                counter: 1
            ).encoded
            header += [UInt8](repeating: 0, count: 40)
            #expect(pair.a.open(header, now: 0).refusal == .forged)
        }
    }

    @Test("an entry that has used its counters seals no more, and the next begins above it")
    func counters() {
        var peer = SealedPeer(id: Sample.node(2).id, publicKey: Sample.node(2).publicKey, serial: 3)
        #expect(peer.count() == 3 << 40 + 1 && peer.count() == 3 << 40 + 2)
        var last = SealedPeer(id: Sample.node(2).id, publicKey: Sample.node(2).publicKey, serial: (1 << 24) - 1)
        #expect(last.count() == UInt64.max << 40 + 1)
    }
}
