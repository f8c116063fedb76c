import NIOCore
import Synchronization

/// All that was done to one key, in the order of the clock.
final class RegisterHistory: Sendable {
    typealias Value = RegisterOperation.Value

    /// Past this a key is left alone and another takes its place: deciding stays cheap.
    private static let operationsMax = 240
    private static let unknownMax = 16

    private struct State {
        var operations: [RegisterOperation] = []
        var patterns: [Value: Pattern] = [:]
        /// Writes by the ETag that they were acknowledged with, or read with.
        var etags: [String: Value] = [:]
        var running = 0
    }

    let bucket: String
    let key: String
    private let state = Mutex(State())

    init(bucket: String, key: String) {
        self.bucket = bucket
        self.key = key
    }

    /// Before it is sent: somebody may read it before it is acknowledged.
    func begin(_ pattern: Pattern?) {
        state.withLock { state in
            state.running += 1
            if let pattern { state.patterns[pattern.operation] = pattern }
        }
    }

    /// With nil when it had no effect or only looked and failed.
    func end(_ operation: RegisterOperation?) {
        state.withLock { state in
            state.running -= 1
            if let operation { state.operations.append(operation) }
        }
    }

    func pattern(_ value: Value) -> Pattern? { state.withLock { $0.patterns[value] } }

    func note(etag: String, of value: Value) { state.withLock { $0.etags[etag] = value } }

    var operations: [RegisterOperation] { state.withLock { $0.operations } }

    /// Nothing is under way.
    var isQuiet: Bool { state.withLock { $0.running == 0 } }

    var isFull: Bool {
        state.withLock { state in
            state.operations.count >= Self.operationsMax
                || state.operations.reduce(0) { $0 + ($1.end == nil ? 1 : 0) } >= Self.unknownMax
        }
    }

    /// Decides, and says what is wrong.
    func judge(_ verdict: Verdict) {
        let operations = operations.sorted { $0.begin < $1.begin }
        switch Linearizability.judge(operations) {
        case .holds: verdict.pass(.linearizable)
        case .undecided: verdict.count("keys not decided, too much at once")
        case .broken(let index, let possible):
            let wrong = operations[index]
            let names = possible.map { $0.map { "#\($0)" } ?? "nothing" }.sorted()
            verdict.fail(
                promise: .linearizable,
                "\(bucket)/\(key): \(wrong), when it could only hold \(names.joined(separator: ", "))",
                around: Self.around(wrong, operations)
            )
        }
    }

    /// What was going on at that time, and unanswered before it.
    private static func around(_ wrong: RegisterOperation, _ operations: [RegisterOperation]) -> [String] {
        let end = wrong.end ?? .max
        let before = operations.filter { $0.begin < end }
        return before.suffix(24).map { ($0 == wrong ? "> " : "  ") + $0.description }
    }
}
