/// A counter that clients raise by reading it and writing one more on condition that it has not changed.
struct CounterTally: Sendable {
    private var acknowledged: [Int: UInt64] = [:]
    private var unknown = 0
    /// The largest value that anybody has begun to write.
    private var begun = 0
    /// The largest value that was acknowledged or read.
    private(set) var reached = 0

    var increments: Int { acknowledged.count }

    /// A client begins to raise it to `value`.
    mutating func begin(_ value: Int) { begun = max(begun, value) }

    /// It was told that the counter is at `value` by its doing. What is wrong with that, if anything.
    mutating func acknowledge(_ value: Int, by write: UInt64) -> String? {
        reached = max(reached, value)
        if let other = acknowledged.updateValue(write, forKey: value) {
            return "#\(other) and #\(write) were both told that they raised the counter to \(value)"
        }
        return nil
    }

    mutating func lose() { unknown += 1 }

    /// A read that began when `reached` was `least` saw `value`.
    mutating func read(_ value: Int, least: Int) -> String? {
        reached = max(reached, value)
        if value < least { return "the counter was at \(least), then it was read as \(value)" }
        if value > begun { return "the counter was read as \(value), nobody raised it above \(begun)" }
        return nil
    }

    /// What it is at the end, when nobody raises it any more.
    func close(_ value: Int) -> String? {
        if value < acknowledged.count || value > acknowledged.count + unknown {
            return
                "the counter ended at \(value) after \(acknowledged.count) increments and \(unknown) without an answer"
        }
        return nil
    }
}
