import NIOCore
import NIOHTTP1

private enum RaceOutcome: Sendable {
    case won
    case refused
    case unknown
}

/// Racers for one key at a time, with `If-None-Match: *` or `If-Match`: exactly one of them may win.
actor Races {
    private static let racers = 4

    private let ledger: Ledger
    private let verdict: Verdict
    private var random: SeededRandom

    init(seed: UInt64, ledger: Ledger, verdict: Verdict) {
        random = SeededRandom(seed: seed, label: 0x2ACE)
        self.ledger = ledger
        self.verdict = verdict
    }

    /// Races on until the daemon is gone.
    func work(_ round: Round) async {
        while !round.isOver, await race(round) {}
    }

    /// False when the daemon stopped answering.
    private func race(_ round: Round) async -> Bool {
        let number = ledger.operation()
        let key = "race/\(number % 512)/\(number)"
        let condition: (String, String)
        if random.oneIn(2) {
            guard let etag = await base(key, round) else { return false }
            condition = ("If-Match", etag)
        } else {
            condition = ("If-None-Match", "*")
        }
        let size = random.oneIn(8) ? 200 << 10 : 64
        let operations = (0..<Self.racers).map { _ in ledger.operation() }
        let racing = Racer(ledger: ledger, verdict: verdict)
        let outcomes = await withTaskGroup(of: (UInt64, RaceOutcome).self) { group in
            for operation in operations {
                let pattern = Pattern(key: key, operation: operation, size: size)
                group.addTask { (operation, await racing.run(key, pattern, condition, round)) }
            }
            return await group.reduce(into: [UInt64: RaceOutcome]()) { $0[$1.0] = $1.1 }
        }
        let winners = operations.filter { outcomes[$0] == .won }
        let unknown = operations.filter { outcomes[$0] == .unknown }
        verdict.count("races")
        verdict.check(
            winners.count == 1 || winners.isEmpty && !unknown.isEmpty,
            "\(key): \(winners.count) of \(Self.racers) racers won with \(condition.0)",
            around: ledger.events(key)
        )
        if !winners.isEmpty {
            for operation in unknown { ledger.refuse(key, operation, note: "another has won") }
        }
        return unknown.isEmpty
    }

    private func base(_ key: String, _ round: Round) async -> String? {
        let pattern = Pattern(key: key, operation: ledger.operation(), size: 100)
        let session = round.session()
        ledger.beginWrite(key, pattern.operation, .object(pattern), note: "put")
        let response = try? await session.put(KeySpace.bucket, key, pattern)
        await session.close()
        guard let response, response.status == 200 else {
            ledger.lose(key, pattern.operation, note: "\(response?.status ?? 0)")
            return nil
        }
        ledger.acknowledge(key, pattern.operation)
        return response.headers["etag"].first
    }
}

/// One racer: it sends one conditional write and notes how it ended.
private struct Racer: Sendable {
    let ledger: Ledger
    let verdict: Verdict

    @concurrent
    func run(
        _ key: String,
        _ pattern: Pattern,
        _ condition: (String, String),
        _ round: Round
    ) async -> RaceOutcome {
        let session = round.session()
        ledger.beginWrite(key, pattern.operation, .object(pattern), note: condition.0)
        let response = try? await session.put(KeySpace.bucket, key, pattern, headers: [condition])
        await session.close()
        switch response?.status {
        case 200:
            ledger.acknowledge(key, pattern.operation)
            return .won
        case 412, 409:
            ledger.refuse(key, pattern.operation, note: "\(response?.status ?? 0)")
            return .refused
        case .some(let status) where status != 503:
            verdict.fail("\(key): a racer got \(status) \(response?.text ?? "")", around: ledger.events(key))
            ledger.lose(key, pattern.operation, note: "\(status)")
            return .unknown
        default:
            ledger.lose(key, pattern.operation, note: "no answer")
            return .unknown
        }
    }
}
