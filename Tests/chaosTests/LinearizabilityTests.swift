import Testing

@testable import chaos

/// The search is shown histories that are right and histories that are wrong, each wrong by one thing.
@Suite struct LinearizabilityTests {
    private func judge(_ operations: [(RegisterOperation.Kind, UInt64, UInt64?)]) -> Linearizability.Verdict {
        Linearizability.judge(
            operations.map { RegisterOperation(kind: $0.0, client: 1, node: 1, begin: $0.1, end: $0.2) }
        )
    }

    private func holds(_ operations: [(RegisterOperation.Kind, UInt64, UInt64?)]) -> Bool {
        judge(operations) == .holds
    }

    @Test("one after the other: each read sees the last write")
    func inOrder() {
        #expect(
            holds([(.read(nil), 0, 1), (.write(1), 2, 3), (.read(1), 4, 5), (.write(nil), 6, 7), (.read(nil), 8, 9)])
        )
        #expect(!holds([(.write(1), 2, 3), (.read(nil), 4, 5)]), "a lost write")
        #expect(!holds([(.write(1), 0, 1), (.write(2), 2, 3), (.read(1), 4, 5)]), "a stale read")
        #expect(!holds([(.write(1), 0, 1), (.write(nil), 2, 3), (.read(1), 4, 5)]), "a resurrection")
        #expect(!holds([(.read(1), 0, 1), (.write(1), 2, 3)]), "a read of the future")
    }

    @Test("beside a write a read may see either, but two reads in a row may not go back")
    func beside() {
        let write: (RegisterOperation.Kind, UInt64, UInt64?) = (.write(1), 0, 10)
        #expect(holds([write, (.read(nil), 1, 2), (.read(1), 3, 4)]))
        #expect(!holds([write, (.read(1), 1, 2), (.read(nil), 3, 4)]))
        #expect(holds([write, (.read(1), 1, 5), (.read(nil), 2, 6)]), "the reads are beside one another")
    }

    @Test("what was not answered may happen at any later time, or never, but not twice and not early")
    func unanswered() {
        let lost: (RegisterOperation.Kind, UInt64, UInt64?) = (.write(7), 2, nil)
        #expect(holds([(.write(1), 0, 1), lost, (.read(1), 3, 4)]))
        #expect(holds([(.write(1), 0, 1), lost, (.read(1), 3, 4), (.read(7), 90, 91)]))
        #expect(holds([lost, (.write(1), 3, 4), (.read(7), 5, 6)]))
        #expect(!holds([lost, (.read(7), 3, 4), (.write(1), 5, 6), (.read(7), 7, 8)]), "it cannot happen twice")
        #expect(!holds([(.read(7), 0, 1), lost]), "it cannot happen before it was sent")
        #expect(!holds([lost, (.read(7), 3, 4), (.read(nil), 5, 6)]), "having happened it stays")
    }

    @Test("an answered write with a condition found it true, a refused one found it false")
    func conditions() {
        let create: RegisterOperation.Kind = .swap(.isAbsent, 1)
        #expect(holds([(create, 0, 1), (.refusal(.isAbsent), 2, 3), (.read(1), 4, 5)]))
        #expect(!holds([(create, 0, 1), (.swap(.isAbsent, 2), 2, 3)]), "two creators")
        #expect(!holds([(create, 0, 10), (.swap(.isAbsent, 2), 0, 10)]), "two creators at once")
        #expect(!holds([(.refusal(.isAbsent), 0, 1)]), "refused by nobody")
        #expect(holds([(create, 0, 1), (.swap(.holds(1), 2), 2, 3), (.refusal(.holds(1)), 4, 5)]))
        #expect(!holds([(create, 0, 1), (.swap(.holds(1), 2), 2, 9), (.swap(.holds(1), 3), 2, 9)]), "a lost update")
        #expect(!holds([(create, 0, 1), (.refusal(.holds(1)), 2, 3)]), "it was true all the time")
        #expect(holds([(create, 0, 1), (.write(nil), 2, 3), (.swap(.isAbsent, 5), 4, 5), (.read(5), 6, 7)]))
    }

    @Test("an unanswered swap that another one stands on has happened")
    func chain() {
        let lost: (RegisterOperation.Kind, UInt64, UInt64?) = (.swap(.holds(1), 2), 2, nil)
        #expect(holds([(.write(1), 0, 1), lost, (.swap(.holds(2), 3), 3, 4), (.read(3), 5, 6)]))
        #expect(!holds([(.write(1), 0, 1), lost, (.swap(.holds(2), 3), 3, 4), (.swap(.holds(1), 4), 5, 6)]))
        #expect(!holds([(.write(9), 0, 1), lost, (.read(2), 3, 4)]), "its condition was never true")
    }

    @Test("a blind write between a value and its swap is found out")
    func between() {
        // The write was over before the swap began, so that the swap's condition was no longer true.
        #expect(!holds([(.write(1), 0, 1), (.write(2), 2, 3), (.swap(.holds(1), 3), 4, 5)]))
        #expect(holds([(.write(1), 0, 1), (.write(2), 2, 6), (.swap(.holds(1), 3), 4, 5), (.read(2), 7, 8)]))
        #expect(holds([(.write(1), 0, 1), (.write(2), 2, 6), (.swap(.holds(1), 3), 4, 5), (.read(3), 7, 8)]) == false)
    }

    @Test("the anomaly names the answer that nothing explains and what was possible")
    func names() {
        let verdict = judge([(.write(1), 0, 1), (.write(2), 2, 3), (.read(1), 4, 5)])
        #expect(verdict == .broken(operation: 2, possible: [2]))
    }

    @Test("forty unanswered writes are decided all the same", .timeLimit(.minutes(10)))
    func crowd() {
        var operations: [(RegisterOperation.Kind, UInt64, UInt64?)] = (0..<40).map { (.write($0), $0, nil) }
        operations += (0..<30).map { (.read($0), 100 + 2 * $0, 101 + 2 * $0) }
        #expect(holds(operations))
        #expect(!holds(operations + [(.read(3), 500, 501)]), "each of them happens once")
    }

    @Test("more at once than a word has bits is undecided, not right")
    func overflow() {
        #expect(judge((0..<70).map { (.write($0), 1, nil) }) == .undecided)
    }

    @Test("histories of a true register pass, and fail when one read is made to see another write")
    func generated() {
        for seed in 0..<60 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var (operations, reads) = Self.history(&random)
            let verdict = Linearizability.judge(operations)
            #expect(verdict == .holds, "seed \(seed)")
            guard let index = reads.randomElement(using: &random) else { continue }
            // Number 999 was written by somebody who began after that read was over.
            let read = operations[index]
            operations[index] = RegisterOperation(
                kind: .read(999),
                client: 1,
                node: 1,
                begin: read.begin,
                end: read.end
            )
            operations.append(
                RegisterOperation(kind: .write(999), client: 1, node: 1, begin: (read.end ?? 0) + 1, end: nil)
            )
            #expect(Linearizability.judge(operations) != .holds, "seed \(seed)")
        }
    }

    /// Operations of five clients, each of which takes effect at one moment between its ends.
    private static func history(_ random: inout SeededRandom) -> ([RegisterOperation], reads: [Int]) {
        struct Running {
            let begin: UInt64
            let at: UInt64
            let end: UInt64
            let client: Int
        }
        var running: [Running] = []
        for client in 0..<5 {
            var now = UInt64.random(in: 0..<20, using: &random)
            for _ in 0..<30 {
                let begin = now + .random(in: 1...20, using: &random)
                let at = begin + .random(in: 1...30, using: &random)
                let end = at + .random(in: 1...30, using: &random)
                running.append(Running(begin: begin, at: at, end: end, client: client))
                now = end
            }
        }
        running.sort { ($0.at, $0.client) < ($1.at, $1.client) }
        var value: UInt64?
        var operations: [RegisterOperation] = []
        var reads: [Int] = []
        for (index, one) in running.enumerated() {
            let number = UInt64(index + 1)
            let kind: RegisterOperation.Kind
            var isAnswered = true
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                isAnswered = !random.oneIn(4)
                // Without an answer it happens half of the time.
                if isAnswered || random.oneIn(2) { value = number }
                kind = .write(number)
            case 1:
                value = nil
                kind = .write(nil)
            case 2:
                kind = value == nil ? .swap(.isAbsent, number) : .refusal(.isAbsent)
                if value == nil { value = number }
            case 3:
                if let held = value {
                    kind = .swap(.holds(held), number)
                    value = number
                } else {
                    kind = .refusal(.holds(number))
                }
            default:
                kind = .read(value)
                reads.append(operations.count)
            }
            operations.append(
                RegisterOperation(
                    kind: kind,
                    client: one.client,
                    node: 1,
                    begin: one.begin,
                    end: isAnswered ? one.end : nil
                )
            )
        }
        return (operations, reads)
    }
}
