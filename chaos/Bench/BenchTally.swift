/// What one client, or all of them, did to a store and how long it took.
struct BenchTally: Sendable {
    struct Kind: Sendable {
        /// From when the request was due. In a closed loop that is when it was sent.
        var response = Histogram(bits: 8)
        /// From when it was sent.
        var service = Histogram(bits: 8)
        var bytes = 0
        var errors = 0
    }

    /// Different errors that are told apart; the rest is counted as one.
    private static let errorsMax = 16

    private(set) var kinds: [BenchOperation: Kind] = [:]
    private(set) var errors: [String: Int] = [:]
    /// Due, and not sent when the time was over.
    var unsent = 0

    mutating func add(_ operation: BenchOperation, due: UInt64, sent: UInt64, end: UInt64, bytes: Int) {
        kinds[operation, default: Kind()].response.add(nanos: end - due)
        kinds[operation, default: Kind()].service.add(nanos: end - sent)
        kinds[operation, default: Kind()].bytes += bytes
    }

    /// One that came to nothing has no latency: its time says something about timeouts, not about the store.
    mutating func fail(_ operation: BenchOperation, _ why: String) {
        kinds[operation, default: Kind()].errors += 1
        errors[errors[why] != nil || errors.count < Self.errorsMax ? why : "others", default: 0] += 1
    }

    mutating func add(_ other: BenchTally) {
        for (operation, kind) in other.kinds {
            kinds[operation, default: Kind()].response.add(kind.response)
            kinds[operation, default: Kind()].service.add(kind.service)
            kinds[operation, default: Kind()].bytes += kind.bytes
            kinds[operation, default: Kind()].errors += kind.errors
        }
        for (why, count) in other.errors { errors[why, default: 0] += count }
        unsent += other.unsent
    }
}
