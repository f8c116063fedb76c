import Testing

@testable import chaos

@Suite struct OpenScheduleTests {
    @Test(
        "requests are due evenly and without drift, also at rates that do not divide a second",
        arguments: [1, 3, 7, 999]
    )
    func even(rate: Int) throws {
        let schedule = OpenSchedule(begin: 50, rate: rate, nanos: 1000 * 1_000_000_000)
        #expect(schedule.count == UInt64(rate) * 1000)
        for second in [0, 1, 17, 999] as [UInt64] {
            #expect(schedule.due(second * UInt64(rate)) == 50 + second * 1_000_000_000)
        }
        let first = try (0..<100).map { try #require(schedule.due($0)) }
        let gaps = zip(first, first.dropFirst()).map { $1 - $0 }
        let least = try #require(gaps.min())
        #expect(try #require(gaps.max()) - least <= 1, "gaps differ by the rounding to a nanosecond only")
    }

    @Test("nothing is due after the end, and each number has its moment within it")
    func end() throws {
        let schedule = OpenSchedule(begin: 0, rate: 300, nanos: 2_500_000_000)
        #expect(schedule.count == 750 && schedule.due(750) == nil && schedule.due(.max) == nil)
        #expect(try #require(schedule.due(749)) < 2_500_000_000)
    }

    @Test("how many should have been sent agrees with when each is due")
    func agreement() throws {
        let schedule = OpenSchedule(begin: 1_000_000, rate: 7, nanos: 3_000_000_000)
        #expect(schedule.dueCount(at: 0) == 0)
        for number in 0..<schedule.count {
            let due = try #require(schedule.due(number))
            #expect(schedule.dueCount(at: due + 1) == number + 1)
        }
        #expect(schedule.dueCount(at: .max) == schedule.count)
    }

    @Test("a request that waited for a client is measured from when it was due")
    func omission() {
        var tally = BenchTally()
        // Due every millisecond; the first answer takes 100 ms, so that the next was sent 99 ms late.
        tally.add(.get, due: 0, sent: 0, end: 100_000_000, bytes: 1)
        tally.add(.get, due: 1_000_000, sent: 100_000_000, end: 101_000_000, bytes: 1)
        let kind = tally.kinds[.get]
        #expect(kind?.response.micros(0.5) ?? 0 >= 100_000)
        #expect(kind?.service.micros(0.5) ?? .max <= 1_010)
    }

    @Test("many different errors are told by name up to a bound, and all are counted")
    func errors() {
        var tally = BenchTally()
        for number in 0..<100 { tally.fail(.put, "error \(number)") }
        #expect(tally.errors.count <= 17 && tally.errors.values.reduce(0, +) == 100)
        #expect(tally.kinds[.put]?.errors == 100)
    }

    @Test("numbers of an open loop are taken once each, and those that nobody took are told")
    func tickets() async {
        let plan = BenchPlan(
            operation: .delete,
            sizes: [1],
            concurrency: 1,
            rate: 1_000_000,
            seconds: 1,
            keys: 3,
            bucket: "b",
            seed: 1
        )
        // All of it is overdue: nobody waits.
        let tickets = BenchTickets(plan, begin: Clock.nanoseconds() - 1_500_000_000)
        let (one, two) = (await tickets.next(), await tickets.next())
        #expect(one.flatMap { one in two.map { $0 - one } } == 1000)
        #expect(tickets.unsent == 999_998)
        #expect((0..<3).map { _ in tickets.takeStock() } == [0, 1, 2] && tickets.isStockEmpty)
    }
}
