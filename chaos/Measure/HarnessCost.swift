import Glibc

/// What the harness itself takes from the machine that the nodes run on.
struct HarnessCost: Sendable {
    private let cpuMicros: Int64
    private let at: UInt64

    /// As of now, for this process without its children.
    init() {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        cpuMicros = Self.micros(usage.ru_utime) + Self.micros(usage.ru_stime)
        at = Clock.nanoseconds()
    }

    private static func micros(_ time: timeval) -> Int64 { Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_usec) }

    /// The share of one core since an earlier moment, in percent.
    func percent(since earlier: HarnessCost) -> Double {
        guard at > earlier.at else { return 0 }
        return Double(cpuMicros - earlier.cpuMicros) * 100_000 / Double(at - earlier.at)
    }

    func seconds(since earlier: HarnessCost) -> Double { Double(at - earlier.at) / 1e9 }
}
