import Glibc
import Mesh
import Store
import Synchronization

/// Reads how much this process takes of its machine, from what Linux shows under `/proc` and tells of its own time.
final class MachineGauge: Sendable {
    private struct Sample {
        var at: ContinuousClock.Instant
        var cpuMicros: UInt64
        var percent: Double?
    }

    /// Shorter spans say more of the moment of asking than of the process.
    private static let spanLeast = Duration.seconds(1)
    private let sample: Mutex<Sample>

    init() { sample = Mutex(Sample(at: .now, cpuMicros: Self.cpuMicros())) }

    /// Of all threads since the start, in user and system mode together.
    static func cpuMicros() -> UInt64 {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        func micros(_ time: timeval) -> UInt64 { UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_usec) }
        return micros(usage.ru_utime) + micros(usage.ru_stime)
    }

    /// The second field of /proc/self/statm, in pages; nil where there is no such file.
    static func residentBytes() -> UInt64? {
        let page = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
        return fields("/proc/self/statm").flatMap { $0.count > 1 ? UInt64($0[1]) : nil }.map { $0 * page }
    }

    var report: MachineReport {
        var report = MachineReport()
        report.cpuPercent = cpuPercent()
        report.residentBytes = Self.residentBytes()
        report.load = Self.fields("/proc/loadavg").flatMap { $0.first.flatMap { Double($0) } }
        let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        if cores > 0 { report.cores = cores }
        for line in Self.text("/proc/meminfo")?.split(separator: "\n") ?? [] {
            // `MemTotal:       24576000 kB`
            let fields = line.split(separator: " ")
            guard fields.count >= 2, let kibibytes = UInt64(fields[1]) else { continue }
            if fields[0] == "MemTotal:" { report.memoryBytes = kibibytes << 10 }
            if fields[0] == "MemAvailable:" { report.memoryFreeBytes = kibibytes << 10 }
        }
        return report
    }

    /// Since the last look that is long enough ago; nil before there is one.
    private func cpuPercent() -> Double? {
        let (now, cpu) = (ContinuousClock.now, Self.cpuMicros())
        return sample.withLock { sample in
            let span = now - sample.at
            if span >= Self.spanLeast {
                let percent = Double(cpu - min(cpu, sample.cpuMicros)) / 1e6 / (span / .seconds(1)) * 100
                sample = Sample(at: now, cpuMicros: cpu, percent: (percent * 10).rounded() / 10)
            }
            return sample.percent
        }
    }

    private static func text(_ path: String) -> String? {
        (try? SmallFile.read(path)).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func fields(_ path: String) -> [Substring]? { text(path)?.split(separator: " ") }
}
