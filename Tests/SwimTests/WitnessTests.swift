import Swim
import Testing

/// Whose word counts against others, and how much of it.
@Suite struct WitnessTests {
    static let first = Version(generation: 1, incarnation: 0)
    private let later: Micros = 700_000_000

    private func hear(
        _ machine: inout Membership,
        _ rumors: [Rumor],
        from: Int = 1,
        at now: Micros
    ) -> [Directive] {
        var outbox: [Directive] = []
        machine.receive(encoded(.gossip(quietSight), rumors), from: sampleRecord(from).id, at: now, into: &outbox)
        return outbox
    }

    private func suspicion(_ target: Int, _ accusers: [Int], version: Version = first) -> Rumor {
        .suspicion(
            target: sampleRecord(target).id.handle,
            version: version,
            accusers.map { sampleAccusation($0, of: target, version: version, phi: 4) }
        )
    }

    /// Twelve old members, and some that were met at `later`.
    private func grown(_ newcomers: Int, settings: Settings = Settings(), seed: UInt64 = 1) -> Membership {
        var machine = sampleMachine(12, settings: settings, seed: seed)
        for index in 100..<100 + newcomers { _ = hear(&machine, [.record(sampleRecord(index))], at: later) }
        return machine
    }

    @Test("identities younger than ten minutes are no witnesses, older ones are") func age() {
        var machine = grown(4)
        _ = hear(&machine, [suspicion(5, [100, 101, 102])], at: later + 1)
        #expect(machine.status(of: sampleRecord(5).id) == .alive)
        #expect(machine.counters.discounted == 3)
        _ = hear(&machine, [suspicion(5, [100, 101, 102])], at: later + 600_000_000)
        #expect(machine.status(of: sampleRecord(5).id) == .suspect)
    }

    @Test("beside an old witness a young one adds no weight") func youngBesideOld() {
        var machine = grown(4)
        _ = hear(&machine, [suspicion(5, [1, 100, 101])], at: later + 1)
        #expect(machine.evidence(against: sampleRecord(5).id)?.accusations.count == 1)
    }

    @Test("newcomers who cannot be witnesses do not raise the quorum that the old must reach") func quorum() {
        func outcome(_ newcomers: Int) -> Status? {
            var settings = Settings()
            // Long periods: the evidence is what was told, and nothing else.
            settings.periodMicros = 3_600_000_000
            var machine = sampleMachine(3, settings: settings)
            for index in 100..<100 + newcomers { _ = hear(&machine, [.record(sampleRecord(index))], at: later) }
            _ = hear(&machine, [suspicion(2, [1])], at: later + 1)
            var outbox: [Directive] = []
            for step in 1...200 { machine.advance(to: later + Micros(step) * 200_000, into: &outbox) }
            return machine.status(of: sampleRecord(2).id)
        }
        #expect(outcome(0) == .dead)
        #expect(outcome(2) == .dead)
        #expect(outcome(4) == .suspect, "where most are new, all are witnesses")
    }

    private func farewell(_ index: Int) -> Rumor {
        var left = sampleRecord(index, incarnation: 1)
        left.flags = .leaving
        left.signature = SampleSigner(key: sampleKey(index)).sign(left.signedBytes)
        return .record(left)
    }

    @Test("newcomers that have gone again neither lower the quorum nor switch the rule off, and are no witnesses")
    func goneNewcomers() {
        var settings = Settings()
        settings.periodMicros = 3_600_000_000
        // Thirteen strangers pass through a mesh of twelve; one more stays.
        var machine = grown(14, settings: settings)
        for index in 100..<113 { _ = hear(&machine, [farewell(index)], at: later + 1) }
        #expect(machine.presentCount == 13)
        _ = hear(&machine, [suspicion(5, [113, 100])], at: later + 2)
        #expect(machine.status(of: sampleRecord(5).id) == .alive, "the rule is on")

        // Of five, three must agree; two strangers that left do not make it one.
        machine = sampleMachine(5, settings: settings)
        for index in 100..<102 { _ = hear(&machine, [.record(sampleRecord(index))], at: later) }
        for index in 100..<102 { _ = hear(&machine, [farewell(index)], at: later + 1) }
        _ = hear(&machine, [suspicion(2, [1])], at: later + 2)
        var outbox: [Directive] = []
        for step in 1...200 { machine.advance(to: later + Micros(step) * 200_000, into: &outbox) }
        #expect(machine.status(of: sampleRecord(2).id) == .suspect)
    }

    @Test("a young member that comes back counts as young again, and none when it came of age") func returning() {
        var ages = Acquaintance(now: 0, slotsAtBirth: 2, presentAtBirth: 2)
        #expect(ages.youngCount(now: 5, age: 10) == 2)
        ages.note(1, isPresent: false)
        #expect(ages.youngCount(now: 5, age: 10) == 1)
        ages.meet(2, isPresent: true, now: 20)
        ages.remember(3, since: 15, isPresent: true, now: 20, age: 10)
        ages.remember(4, since: 5, isPresent: true, now: 20, age: 10)
        #expect(ages.youngCount(now: 20, age: 10) == 2)
        ages.note(2, isPresent: false)
        #expect(ages.youngCount(now: 20, age: 10) == 1)
        ages.note(2, isPresent: true)
        ages.fade(to: 26, age: 10)
        #expect(ages.youngCount(now: 26, age: 10) == 1)
        ages.fade(to: 30, age: 10)
        ages.note(2, isPresent: false)
        #expect(ages.youngCount(now: 30, age: 10) == 0)
    }

    @Test("where more than half are that young, all are witnesses; and so they are with the switch off")
    func youngMesh() {
        var machine = grown(13)
        _ = hear(&machine, [suspicion(5, [100])], at: later + 1)
        #expect(machine.status(of: sampleRecord(5).id) == .suspect)
        var settings = Settings()
        settings.identityAge = false
        var off = grown(4, settings: settings)
        _ = hear(&off, [suspicion(5, [100])], at: later + 1)
        #expect(off.status(of: sampleRecord(5).id) == .suspect)
    }

    @Test("an accused node does not spend a version on the word of the young") func accusedByYoung() {
        var machine = grown(4)
        _ = hear(&machine, [suspicion(0, [100])], at: later + 1)
        #expect(machine.ownRecord.version == Self.first)
        _ = hear(&machine, [suspicion(0, [1])], at: later + 2)
        #expect(machine.ownRecord.version.incarnation == 1)
    }

    @Test("a relay that is too young to be a witness confirms no silence") func youngRelay() {
        func nacked(by relay: Int, _ seed: UInt64) -> Status? {
            // Nobody answers here, and the node must not come to doubt itself over that.
            var settings = Settings()
            settings.healthMute = 99
            var machine = grown(4, settings: settings, seed: seed)
            var outbox: [Directive] = []
            // A newcomer is not accused at all yet.
            let oldest = (1..<12).map { sampleRecord($0).id }
            var nonce: UInt64?
            var target: NodeID?
            var now = later + 2
            // Nobody answers anything but one relay, which says no to the first question of the node's own.
            while now < later + 10_000_000 {
                now = max(now + 1, machine.nextDeadline)
                machine.advance(to: now, into: &outbox)
                for case .send(let body, let to, _) in outbox {
                    switch Codec.decode(body)?.message {
                    case .ping(let asked, _, _)? where nonce == nil && oldest.contains(to):
                        (nonce, target) = (asked, to)
                    case .ask(let asked, let handle)? where asked == nonce && to == sampleRecord(relay).id:
                        guard let index = (0..<120).first(where: { sampleRecord($0).id.handle == handle }) else {
                            continue
                        }
                        let word = sampleAccusation(relay, of: index, version: Self.first, phi: 4)
                        machine.receive(
                            encoded(.nack(nonce: asked, version: Self.first, word)),
                            from: to,
                            at: now,
                            into: &outbox
                        )
                    default: break
                    }
                }
                outbox.removeAll()
            }
            return target.flatMap { machine.status(of: $0) }
        }
        // Chance picks the relays.
        var believed: Set<Int> = []
        for seed in 1...6 as ClosedRange<UInt64> {
            for relay in Array(1..<12) + Array(100..<104) where nacked(by: relay, seed) == .suspect {
                believed.insert(relay)
            }
        }
        #expect(believed.count > 3)
        #expect(believed.allSatisfy { $0 < 12 })
    }

    /// One accuser, refuted at each version.
    private func refutedOften(_ times: Int, settings: Settings = Settings()) -> Membership {
        var machine = sampleMachine(12, settings: settings)
        for round in 0..<times {
            let target = 3 + round
            _ = hear(&machine, [suspicion(target, [1])], at: 10)
            var refuted = sampleRecord(target, incarnation: 1)
            refuted.flags = .refuting
            refuted.signature = SampleSigner(key: sampleKey(target)).sign(refuted.signedBytes)
            _ = hear(&machine, [.record(refuted)], at: 10)
        }
        return machine
    }

    @Test("who was refuted twice lately raises no third suspicion alone, until that has faded") func credit() {
        var machine = refutedOften(2)
        _ = hear(&machine, [suspicion(9, [1])], at: 20)
        #expect(machine.status(of: sampleRecord(9).id) == .alive)
        #expect(machine.counters.discounted == 1)
        _ = hear(&machine, [suspicion(9, [1])], at: 130_000_000)
        #expect(machine.status(of: sampleRecord(9).id) == .suspect)
        var once = refutedOften(1)
        _ = hear(&once, [suspicion(9, [1])], at: 20)
        #expect(once.status(of: sampleRecord(9).id) == .suspect)
    }

    @Test("beside another witness, or with the switch off, his word counts as before") func creditBeside() {
        var machine = refutedOften(4)
        _ = hear(&machine, [suspicion(9, [2])], at: 20)
        _ = hear(&machine, [suspicion(9, [1])], at: 20)
        #expect(machine.evidence(against: sampleRecord(9).id)?.accusations.count == 2)
        var settings = Settings()
        settings.accuserDiscount = false
        var off = refutedOften(4, settings: settings)
        _ = hear(&off, [suspicion(9, [1])], at: 20)
        #expect(off.status(of: sampleRecord(9).id) == .suspect)
    }

    @Test("a suspicion that others shared costs its author nothing when it is refuted") func sharedError() {
        var machine = sampleMachine(12)
        for target in 3..<7 {
            _ = hear(&machine, [suspicion(target, [1, 2])], at: 10)
            var refuted = sampleRecord(target, incarnation: 1)
            refuted.flags = .refuting
            refuted.signature = SampleSigner(key: sampleKey(target)).sign(refuted.signedBytes)
            _ = hear(&machine, [.record(refuted)], at: 10)
        }
        _ = hear(&machine, [suspicion(9, [1])], at: 20)
        #expect(machine.status(of: sampleRecord(9).id) == .suspect)
    }

    @Test("one liar cannot make a healthy member look unstable, however often he accuses it") func liar() {
        func usableTime(discount: Bool) -> (usable: Int, versions: UInt32) {
            var settings = Settings()
            settings.accuserDiscount = discount
            var observer = sampleMachine(12, settings: settings)
            var victim = sampleMachine(12, settings: settings, seed: 3, own: 5)
            var usable = 0
            for second in 1...600 {
                let now = Micros(second) * 1_000_000
                let rumor = suspicion(5, [1], version: victim.ownRecord.version)
                _ = hear(&observer, [rumor], at: now)
                _ = hear(&victim, [rumor], at: now)
                _ = hear(&observer, [.record(victim.ownRecord)], at: now + 1_000)
                if observer.isUsable(sampleRecord(5).id) { usable += 1 }
            }
            return (usable, victim.ownRecord.version.incarnation)
        }
        let with = usableTime(discount: true)
        #expect(with.usable == 600)
        #expect(with.versions <= 10)
        #expect(usableTime(discount: false).usable < 10)
    }

    @Test("claims of its death do not drive a node's versions up, and do not count as refutations") func claims() {
        var observer = sampleMachine(12)
        var victim = sampleMachine(12, seed: 3, own: 5)
        for step in 1...600 {
            let now = Micros(step) * 1_000_000
            let version = victim.ownRecord.version
            var outbox: [Directive] = []
            // The claim and the accusation come together, so that both answers are one step for the others.
            let claim = Message.ping(nonce: 1, quietSight, Belief(version: version, status: .dead))
            victim.receive(encoded(claim), from: sampleRecord(1).id, at: now, into: &outbox)
            let rumor = suspicion(5, [1], version: victim.ownRecord.version)
            _ = hear(&victim, [rumor], at: now)
            _ = hear(&observer, [rumor, .record(victim.ownRecord)], at: now + 1_000)
            #expect(observer.isUsable(sampleRecord(5).id))
        }
        #expect(victim.ownRecord.version.incarnation <= 130)
    }

    @Test("a newcomer buries nobody on one member's word, and whoever a quorum accuses") func tombstones() {
        func status(_ accusers: [Int]) -> Status? {
            var machine = sampleMachine(5)
            let target = sampleRecord(40)
            let entry = Frame.Entry(
                record: target,
                status: .dead,
                ageMicros: 5,
                accusations: accusers.map { sampleAccusation($0, of: 40, version: target.version, phi: 4) }
            )
            var outbox: [Directive] = []
            let frame = Frame.tell(decrees: [], entries: [entry])
            machine.receiveFrame(frame.encoded(), from: sampleRecord(1).id, at: 10, into: &outbox)
            return machine.status(of: target.id)
        }
        #expect(status([1, 2, 3]) == .dead)
        #expect(status([1]) == .alive)
        #expect(status([]) == .alive)
    }

    @Test("what a member says of its view is remembered with the time, and counted for agreement") func agreement() {
        var machine = sampleMachine(4)
        #expect(machine.agreement.unheard == 3)
        #expect(machine.member(sampleRecord(1).id)?.viewDigest == nil)
        var outbox: [Directive] = []
        for (index, digest) in [(1, machine.viewDigest), (2, 77)] {
            let sight = Sight(digest: digest, flags: [], health: 0)
            machine.receive(encoded(.gossip(sight)), from: sampleRecord(index).id, at: 50, into: &outbox)
        }
        #expect(machine.member(sampleRecord(2).id)?.viewDigest == 77)
        #expect(machine.member(sampleRecord(2).id)?.heardAt == 50)
        #expect((machine.agreement.agreeing, machine.agreement.differing, machine.agreement.unheard) == (1, 1, 1))
        _ = hear(&machine, [.decree(sampleDecree(expelling: 3))], at: 60)
        #expect((machine.agreement.outdated, machine.agreement.differing) == (1, 1), "only the teller spoke since")
    }
}
