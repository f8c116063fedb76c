/// What one client saw of one operation on one key.
struct RegisterOperation: Sendable, Equatable {
    /// The number of the write whose bytes the key holds; no number: the key holds nothing.
    typealias Value = UInt64

    enum Condition: Sendable, Equatable {
        /// `If-None-Match: *`
        case isAbsent
        /// `If-Match` with the ETag of that write.
        case holds(Value)

        func isTrue(_ value: Value?) -> Bool {
            switch self {
            case .isAbsent: value == nil
            case .holds(let wanted): value == wanted
            }
        }
    }

    enum Kind: Sendable, Equatable {
        case read(Value?)
        /// A write without a condition; nil deletes.
        case write(Value?)
        /// A write that was done because its condition was true. Without an answer: it was done then, or never.
        case swap(Condition, Value?)
        /// A write that was not done because its condition was false.
        case refusal(Condition)
    }

    let kind: Kind
    let client: Int
    /// Which node was asked.
    let node: Int
    let begin: UInt64
    /// nil: no answer. It may have happened at any time since, may still happen, or never.
    let end: UInt64?

    /// What the key holds afterwards when it takes effect now; nil when it cannot be now.
    func apply(_ value: Value?) -> Value?? {
        switch kind {
        case .read(let seen): seen == value ? .some(value) : nil
        case .write(let next): .some(next)
        case .swap(let condition, let next): condition.isTrue(value) ? .some(next) : nil
        case .refusal(let condition): condition.isTrue(value) ? nil : .some(value)
        }
    }

    /// Whether it leaves the key as it is.
    var isPassive: Bool {
        switch kind {
        case .read, .refusal: true
        case .write, .swap: false
        }
    }
}

extension RegisterOperation: CustomStringConvertible {
    var description: String {
        func name(_ value: Value?) -> String { value.map { "#\($0)" } ?? "nothing" }
        func name(_ condition: Condition) -> String {
            switch condition {
            case .isAbsent: "if absent"
            case .holds(let value): "if #\(value)"
            }
        }
        let what =
            switch kind {
            case .read(let value): "read \(name(value))"
            case .write(let value): value == nil ? "delete" : "write \(name(value))"
            case .swap(let condition, let value):
                "\(value == nil ? "delete" : "write \(name(value))") \(name(condition))"
            case .refusal(let condition): "refused: \(name(condition))"
            }
        let until = end.map { "\($0 / 1000)" } ?? "no answer"
        return "\(begin / 1000)…\(until) µs  client \(client) by n\(node)  \(what)"
    }
}
