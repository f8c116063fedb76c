/// Counts times by how long they were, to within a fixed share of each: some thousand counters for microseconds to an
/// hour.
///
/// The layout is that of Gil Tene's HdrHistogram: each doubling has the same number of steps, so that the error is
/// relative. A histogram never samples and never forgets; two of the same precision add up.
struct Histogram: Sendable, Equatable {
    /// An hour and more; what takes longer is counted as this.
    private static let microsCounted: UInt64 = 1 << 32

    /// Each doubling has two to the power of this many steps: 10 is an error below 0.1 %, 3 one below 13 %.
    let bits: Int
    private(set) var counts: [UInt64]
    private(set) var count: UInt64 = 0
    private var microsSum: UInt64 = 0
    private(set) var microsMin: UInt64 = .max
    private(set) var microsMax: UInt64 = 0

    /// `bits` is 1 to 14.
    init(bits: Int = 10) {
        precondition((1...14).contains(bits))
        self.bits = bits
        counts = [UInt64](repeating: 0, count: Self.index(Self.microsCounted, bits) + 1)
    }

    mutating func add(nanos: UInt64) { add(micros: nanos / 1000) }

    mutating func add(micros: UInt64) {
        counts[Self.index(min(micros, Self.microsCounted), bits)] += 1
        count += 1
        microsSum &+= micros
        microsMin = min(microsMin, micros)
        microsMax = max(microsMax, micros)
    }

    /// Adds all that the other has counted; both must have the same precision.
    mutating func add(_ other: Histogram) {
        precondition(bits == other.bits)
        for index in counts.indices where other.counts[index] > 0 { counts[index] += other.counts[index] }
        count += other.count
        microsSum &+= other.microsSum
        microsMin = min(microsMin, other.microsMin)
        microsMax = max(microsMax, other.microsMax)
    }

    /// The least number of microseconds within which that share of all was done, or at most one step more; 0 when
    /// nothing was counted.
    func micros(_ share: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        var left = Int64((Double(count) * min(1, max(0, share))).rounded(.up))
        if left <= 0 { return microsMin }
        for (index, count) in counts.enumerated() where count > 0 {
            left -= Int64(count)
            if left <= 0 { return min(microsMax, Self.bounds(index, bits).upperBound) }
        }
        return microsMax
    }

    func millis(_ share: Double) -> Double { Double(micros(share)) / 1000 }

    var millisMean: Double { count == 0 ? 0 : Double(microsSum) / Double(count) / 1000 }

    /// Every step that something was counted in, as the largest number of microseconds that belongs to it.
    var steps: [(microsMax: UInt64, count: UInt64)] {
        counts.enumerated().filter { $0.element > 0 }.map { (Self.bounds($0.offset, bits).upperBound, $0.element) }
    }

    /// Below two to the power of `bits` each number has a step of its own; above, each doubling has that many.
    private static func index(_ micros: UInt64, _ bits: Int) -> Int {
        let exponent = max(0, 63 - micros.leadingZeroBitCount - bits)
        return exponent << bits + Int(micros >> UInt64(exponent))
    }

    /// All numbers of microseconds that are counted there.
    private static func bounds(_ index: Int, _ bits: Int) -> ClosedRange<UInt64> {
        let exponent = max(0, index >> bits - 1)
        let step = UInt64(index - exponent << bits)
        return step << UInt64(exponent)...((step + 1) << UInt64(exponent)) - 1
    }
}

extension Histogram {
    /// The usual shares in one line.
    var text: String {
        let shares = [(0.5, "half"), (0.99, "99 %"), (0.999, "99.9 %"), (1, "all")]
        return shares.map { "\($0.1) within \(millis($0.0)) ms" }.joined(separator: ", ")
    }
}
