import Swim
import Testing

extension Rumors {
    /// One datagram's worth of telling.
    mutating func tell(transmits: Int, examinedMax: Int, write: (Int) -> Bool) {
        var walk = walk(examinedMax: examinedMax)
        while let slot = next(&walk) {
            if write(slot) { accept(slot, &walk) } else { pass(&walk) }
        }
        end(walk, transmits: transmits)
    }
}

@Suite struct PartsTests {
    @Test("deadlines come out as from a sorted list, ties in order of arrival") func deadlinesAreSorted() {
        let seed: UInt64 = 11
        var random = Random(seed: seed)
        var deadlines = Deadlines()
        var model: [(at: Micros, order: Int)] = []
        for order in 0..<3_000 {
            let at = Micros(random.below(500))
            deadlines.add(.answer, subject: UInt64(order), at: at)
            model.append((at, order))
            if order % 3 == 0 {
                model.sort { ($0.at, $0.order) < ($1.at, $1.order) }
                #expect(deadlines.next == model[0].at, "seed \(seed)")
                #expect(deadlines.take(at: model[0].at)?.subject == UInt64(model[0].order), "seed \(seed)")
                model.removeFirst()
            }
        }
        #expect(deadlines.take(at: -1) == nil)
        #expect(deadlines.count == model.count)
    }

    @Test("each traversal asks every member once, through any joins and leaves") func probeListIsFair() {
        let seed: UInt64 = 12
        var random = Random(seed: seed)
        var list = ProbeList()
        #expect(list.next(random: &random) == nil)
        for slot in 0..<50 { list.add(slot, random: &random) }
        var orders: Set<[Int]> = []
        for _ in 0..<4 {
            let order = (0..<50).map { _ in list.next(random: &random) ?? -1 }
            #expect(order.sorted() == Array(0..<50), "seed \(seed)")
            orders.insert(order)
        }
        #expect(orders.count == 4, "the order must change with each traversal")
        // Leaving in the middle of a traversal neither repeats nor skips any of those who stay.
        var seen: [Int] = []
        for step in 0..<25 {
            seen.append(list.next(random: &random) ?? -1)
            if step % 5 == 0 { list.remove(seen[step / 2]) }
        }
        while seen.count < 200, let next = list.next(random: &random), !seen.contains(next) { seen.append(next) }
        #expect(seen.count == 50, "seed \(seed)")
    }

    @Test("rumors go out least told first, each as often as asked, and then are gone") func rumorsAreFair() {
        var rumors = Rumors()
        for slot in 0..<10 { rumors.add(slot) }
        rumors.add(3)
        #expect(rumors.count == 10)
        var told = [Int: Int]()
        var lastCounts: [Int] = []
        for _ in 0..<100 where !rumors.isEmpty {
            var room = 3
            lastCounts = []
            rumors.tell(transmits: 6, examinedMax: 12) { slot in
                guard room > 0 else { return false }
                room -= 1
                told[slot, default: 0] += 1
                lastCounts.append(told[slot] ?? 0)
                return true
            }
            let least = (0..<10).map { told[$0] ?? 0 }.min() ?? 0
            #expect((lastCounts.max() ?? 0) - least <= 2)
        }
        #expect(rumors.isEmpty)
        #expect((0..<10).allSatisfy { told[$0] == 6 })
    }

    @Test("a newer rumor starts over, a removed one is not told") func rumorReplaced() {
        var rumors = Rumors()
        rumors.add(1)
        rumors.add(2)
        rumors.tell(transmits: 5, examinedMax: 1) { _ in true }
        rumors.add(1)
        rumors.remove(2)
        var told: [Int] = []
        for _ in 0..<10 {
            rumors.tell(transmits: 5, examinedMax: 9) { slot in
                told.append(slot)
                return true
            }
        }
        #expect(told == [1, 1, 1, 1, 1])
    }

    @Test("the logarithms agree with what is known") func logarithms() {
        for (x, y) in [(1.0, 0.0), (2, 1), (1024, 10), (0.125, -3), (1.4142135623730951, 0.5)] {
            #expect(abs(Logarithm.base2(x) - y) < 1e-12)
        }
        #expect(abs(Logarithm.base10(1e-8) + 8) < 1e-11)
        #expect(abs(Logarithm.natural(2.718281828459045) - 1) < 1e-12)
        for x in stride(from: -9.3, to: 9.3, by: 0.37) {
            #expect(abs(Logarithm.base2(Logarithm.exp2(x)) - x) < 1e-9)
        }
    }

    @Test("phi grows with time and falls with the loss that is believed") func phiIsMonotone() {
        var trips = RoundTrips()
        for sample in 0..<400 { trips.record(300 + Micros(sample % 40)) }
        var silences = Silences()
        for question in 0..<3 {
            silences.add(1, askedAt: Micros(question) * 1_000_000, apart: 100_000, now: Micros(question) * 1_000_000)
        }
        var last = -1.0
        for step in 0..<40 {
            let phi = silences.phi(
                1,
                now: 2_000_000 + Micros(step) * 50,
                loss: 0.01,
                selfFault: 0,
                trips: trips,
                scale: 1
            )
            #expect(phi >= last)
            last = phi
        }
        #expect(abs(last - 6) < 0.4 + 0.01)
        for loss in [0.05, 0.1, 0.25, 0.5] {
            let phi = silences.phi(1, now: 9_000_000, loss: loss, selfFault: 0, trips: trips, scale: 1)
            #expect(phi < last)
            last = phi
        }
    }

    @Test("with loss as believed, phi reaches x less often than once in 10^x") func phiIsCalibrated() {
        let seed: UInt64 = 13
        var random = Random(seed: seed)
        var trips = RoundTrips()
        for _ in 0..<300 { trips.record(200 + Micros(random.below(200))) }
        for loss in [0.05, 0.2, 0.4] {
            var runs = 0
            var reached = [Double: Int]()
            for _ in 0..<40_000 {
                runs += 1
                var silences = Silences()
                var asked: Micros = 0
                while random.unit() < loss, asked < 12_000_000 {
                    silences.add(1, askedAt: asked, apart: 100_000, now: asked)
                    asked += 1_000_000
                }
                let phi = silences.phi(1, now: asked, loss: loss, selfFault: 0, trips: trips, scale: 1)
                for level in [1.0, 2, 3] where phi >= level { reached[level, default: 0] += 1 }
            }
            for (level, bound) in [(1.0, 0.1), (2, 0.01), (3, 0.001)] {
                let share = Double(reached[level] ?? 0) / Double(runs)
                #expect(share <= bound * 1.5 + 1e-4, "loss \(loss), phi \(level), seed \(seed)")
            }
        }
    }

    @Test("the wait lies between its bounds and never grows with evidence") func waits() {
        let settings = Settings()
        var last = Micros.max
        for phi in stride(from: 0.0, through: 20, by: 0.25) {
            let wait = Suspicion.waitMicros(phi: phi, minimum: 5_000_000, maximum: 20_000_000, settings: settings)
            #expect(wait >= 5_000_000 && wait <= 20_000_000 && wait <= last)
            last = wait
        }
        #expect(last == 5_000_000)
    }

    @Test("settings that would break the protocol are refused by name") func settings() throws {
        _ = try Settings().validated()
        _ = try Settings.wan.validated()
        var broken = Settings()
        broken.timeoutMicrosMax = 2_000_000
        #expect(throws: SettingsError.self) { try broken.validated() }
        broken = Settings()
        broken.deadPhi = 3
        #expect(throws: SettingsError.self) { try broken.validated() }
        broken = Settings()
        broken.datagramBytes = 100
        #expect(throws: SettingsError.self) { try broken.validated() }
    }

    @Test("the minimum wait is five seconds, or two spreading times where that is more") func minimum() {
        let settings = Settings()
        #expect(settings.minimumMicros(members: 16, loss: 0.01) == 5_000_000)
        #expect(settings.minimumMicros(members: 10_000, loss: 0.5) > 9_000_000)
        var memberlist = Settings()
        memberlist.shortMinimum = false
        #expect(abs(memberlist.minimumMicros(members: 1024, loss: 0) - 12_041_200) < 1_000)
        #expect(settings.transmits(members: 1024) == 18)
    }

    @Test("flaps make a member unusable until they fade, a return costs a probation that doubles") func damping() {
        let settings = Settings()
        var damping = Damping()
        for second in 0..<3 {
            #expect(damping.isCalm(1, now: Micros(second) * 1_000_000))
            damping.refuted(1, times: 1, now: Micros(second) * 1_000_000, loss: 0, settings: settings)
            damping.refuted(1, times: second == 2 ? 1 : 0, now: 2_000_000, loss: 0, settings: settings)
        }
        #expect(!damping.isCalm(1, now: 3_000_000))
        _ = damping.fade(to: 100_000_000, settings: settings)
        #expect(!damping.isCalm(1, now: 100_000_000))
        _ = damping.fade(to: 260_000_000, settings: settings)
        #expect(damping.isCalm(1, now: 260_000_000))
        damping.returned(2, now: 0, settings: settings)
        #expect(!damping.isCalm(2, now: 29_000_000))
        #expect(damping.isCalm(2, now: 30_000_000))
        damping.returned(2, now: 30_000_000, settings: settings)
        #expect(!damping.isCalm(2, now: 89_000_000))
    }

    @Test("a known member's newer versions do not lift the budget of sync answers, and a newcomer's offer does")
    func syncBudget() {
        var settings = Settings()
        settings.syncAnswerBytesMax = 1
        var machine = sampleMachine(12, settings: settings)
        let other = [UInt64](repeating: 1, count: Frame.bucketCount)
        func answers(to record: Record) -> Int {
            var outbox: [Directive] = []
            let offer = Frame.offer(sums: other, own: record).encoded()
            machine.receiveFrame(offer, from: record.id, at: 10, into: &outbox)
            return outbox.filter { if case .stream = $0 { true } else { false } }.count
        }
        #expect(answers(to: sampleRecord(1)) > 0)
        for incarnation in 1...5 as ClosedRange<UInt32> {
            #expect(answers(to: sampleRecord(1, incarnation: incarnation)) == 0)
        }
        #expect(machine.counters.overLimit == 5)
        #expect(answers(to: sampleRecord(50)) > 0)
    }
}
