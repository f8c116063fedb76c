/// Decides who may try a secret: after a few wrong ones the next try has to wait, longer each time.
///
/// A value without a clock: the caller says what time it is. Failures count for the address they come from and for the
/// access key they name. An address waits up to a quarter of an hour; a key at most a minute, because whoever names it
/// must not be able to lock its owner out.
struct SignInGuard: Sendable {
    enum Name: Hashable, Sendable {
        case address(String)
        case key(String)
    }

    /// Names that are remembered; of more, those whose wait ends first are forgotten.
    static let namesMax = 4_096
    static let addressFailuresFree = 5
    static let keyFailuresFree = 20
    static let addressWaitMillisMax: UInt64 = 15 * 60_000
    static let keyWaitMillisMax: UInt64 = 60_000
    /// Failures are forgotten when there was none for so long.
    static let memoryMillis: UInt64 = 60 * 60_000
    private static let waitMillisFirst: UInt64 = 1_000

    private struct Record {
        var failures = 0
        var lastMillis: UInt64 = 0
        var freeAtMillis: UInt64 = 0
    }

    private var records: [Name: Record] = [:]

    /// How many names have failures.
    var count: Int { records.count }

    /// Milliseconds until a secret may be tried; 0: now.
    func wait(_ names: [Name], at nowMillis: UInt64) -> UInt64 {
        names.compactMap { records[$0] }.filter { isFresh($0, nowMillis) }.map(\.freeAtMillis).max()
            .map { $0 > nowMillis ? $0 - nowMillis : 0 } ?? 0
    }

    /// A secret was wrong.
    mutating func failed(_ names: [Name], at nowMillis: UInt64) {
        for name in names {
            var record = records[name].flatMap { isFresh($0, nowMillis) ? $0 : nil } ?? Record()
            record.failures += 1
            record.lastMillis = nowMillis
            let (free, longest) = Self.limits(of: name)
            if record.failures >= free {
                let doublings = min(record.failures - free, 20)
                record.freeAtMillis = nowMillis + min(longest, Self.waitMillisFirst << UInt64(doublings))
            }
            records[name] = record
        }
        if records.count > Self.namesMax { forget(at: nowMillis) }
    }

    /// A secret was right: its owner is here, and what went wrong before is forgiven.
    mutating func succeeded(_ names: [Name]) {
        for name in names { records[name] = nil }
    }

    private func isFresh(_ record: Record, _ nowMillis: UInt64) -> Bool {
        nowMillis < record.lastMillis + Self.memoryMillis
    }

    private static func limits(of name: Name) -> (free: Int, longest: UInt64) {
        switch name {
        case .address: (addressFailuresFree, addressWaitMillisMax)
        case .key: (keyFailuresFree, keyWaitMillisMax)
        }
    }

    /// Old names first, then those that wait least: an eighth goes at once, so that this is rare.
    private mutating func forget(at nowMillis: UInt64) {
        records = records.filter { isFresh($0.value, nowMillis) }
        guard records.count > Self.namesMax else { return }
        let order = records.sorted {
            ($0.value.freeAtMillis, $0.value.lastMillis) < ($1.value.freeAtMillis, $1.value.lastMillis)
        }
        for entry in order.prefix(Self.namesMax / 8) { records[entry.key] = nil }
    }
}
