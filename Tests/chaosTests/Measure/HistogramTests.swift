import Testing

@testable import chaos

@Suite struct HistogramTests {
    @Test("a share is told to within the promised part of it, at every precision", arguments: [3, 8, 10])
    func error(bits: Int) {
        var random = SeededRandom(seed: 7, label: UInt64(bits))
        var values = (0..<5000).map { _ in random.next() >> UInt64.random(in: 34...63, using: &random) }
        var histogram = Histogram(bits: bits)
        for value in values { histogram.add(micros: value) }
        values.sort()
        for share in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let exact = values[Int((Double(values.count) * share).rounded(.up)) - 1]
            let told = histogram.micros(share)
            #expect(told >= exact && told <= exact + exact >> UInt64(bits), "\(share): \(told) for \(exact)")
        }
        #expect(histogram.micros(0) == values[0] && histogram.micros(1) == values[4999])
    }

    @Test("nothing is counted twice or lost: the steps add up and lie in order")
    func steps() {
        var histogram = Histogram(bits: 4)
        for value in 0...2000 as ClosedRange<UInt64> { histogram.add(micros: value) }
        let steps = histogram.steps
        #expect(steps.reduce(0) { $0 + $1.count } == 2001)
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.microsMax < $1.microsMax })
        var before: UInt64 = 0
        for (index, step) in steps.enumerated() where index > 0 && step.microsMax < 2000 {
            #expect(step.count == step.microsMax - before, "the step that ends with \(step.microsMax)")
            before = step.microsMax
        }
    }

    @Test("two of the same precision add up to one that counted all")
    func addition() {
        var (one, two, both) = (Histogram(bits: 6), Histogram(bits: 6), Histogram(bits: 6))
        for value in stride(from: 1, to: 100_000, by: 7) as StrideTo<UInt64> {
            if value % 2 == 0 { one.add(micros: value) } else { two.add(micros: value) }
            both.add(micros: value)
        }
        one.add(two)
        #expect(one == both)
    }

    @Test("an empty one says 0, and days are counted as the most that it knows")
    func edges() {
        var histogram = Histogram()
        #expect(histogram.micros(0.5) == 0 && histogram.millisMean == 0 && histogram.steps.isEmpty)
        histogram.add(micros: .max)
        histogram.add(nanos: 0)
        #expect(histogram.count == 2 && histogram.micros(1) >= 1 << 32 && histogram.micros(0.5) == 0)
    }
}

@Suite struct PulseTests {
    @Test("each request is counted in the second in which it ended")
    func slots() {
        var pulse = Pulse(begin: 1_000)
        pulse.add(end: 1_000 + 999_999_999, nanos: 1_000_000, isAnswered: true)
        pulse.add(end: 1_000 + 2_000_000_000, nanos: 5_000_000, isAnswered: false)
        #expect(pulse.slots.map(\.answered) == [1, 0, 0] && pulse.slots.map(\.failed) == [0, 0, 1])
        #expect(pulse.slots[2].latencies.count == 1)
    }

    @Test("a run of hours keeps its number of slots and loses no request")
    func widening() {
        var pulse = Pulse(begin: 0)
        for second in 0..<5000 as Range<UInt64> {
            pulse.add(end: second * 1_000_000_000, nanos: 1000, isAnswered: second % 3 > 0)
        }
        #expect(pulse.slots.count <= Pulse.slotsMax && pulse.nanosPerSlot == 16_000_000_000)
        #expect(pulse.slots.reduce(0) { $0 + $1.answered + $1.failed } == 5000)
        #expect(pulse.slots.reduce(0) { $0 + $1.latencies.count } == 5000)
    }

    @Test("what ended before the beginning is left out, it does not trap")
    func before() {
        var pulse = Pulse(begin: 100)
        pulse.add(end: 99, nanos: 1, isAnswered: true)
        #expect(pulse.slots.isEmpty)
    }
}

@Suite struct TrafficTests {
    @Test("the last requests are kept in the order in which they ended, and no more than that")
    func last() {
        let traffic = Traffic(begin: 0)
        for number in 0..<1300 as Range<UInt64> {
            traffic.add(
                Traffic.Entry(client: 1, node: 2, begin: number, end: number + 1, what: "\(number)", outcome: "200"),
                isAnswered: number % 10 > 0,
                isCalm: true
            )
        }
        #expect(traffic.last(3).map(\.what) == ["1297", "1298", "1299"])
        #expect(traffic.last(5000).count == 512)
        #expect(traffic.counts.requests == 1300 && traffic.counts.failed == 130)
    }
}
