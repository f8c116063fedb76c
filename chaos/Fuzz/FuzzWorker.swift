import Glibc

/// Sends one case after the other, looks after its canary in between, and judges each outcome. For a thread of its own.
struct FuzzWorker {
    /// Cases between two looks at the canary.
    private static let casesPerCanary = 8

    private let port: Int
    private let number: Int
    private let verdict: Verdict
    private var plan: FuzzPlan
    /// Keys whose PUT was granted.
    private(set) var granted: Set<String> = []

    init(_ requests: FuzzRequests, seed: UInt64, number: Int, verdict: Verdict) {
        port = requests.target.port
        self.number = number
        self.verdict = verdict
        plan = FuzzPlan(requests, seed: seed, worker: number)
    }

    mutating func work(until deadline: UInt64) {
        repeat {
            for _ in 0..<Self.casesPerCanary where Clock.nanoseconds() < deadline { _ = run(plan.next()) }
            let canary = plan.canary()
            _ = run(canary.put)
            guard let answers = run(canary.get) else { continue }
            verdict.check(
                answers.lastBody == FuzzRequests.body("canary-\(number)"),
                "the canary of worker \(number) came back with other bytes",
                around: [canary.get.shown()]
            )
        } while Clock.nanoseconds() < deadline
    }

    private mutating func run(_ fuzz: FuzzCase) -> RawAnswers? {
        do {
            let (answers, end) = try deliver(fuzz)
            for status in answers.statuses { verdict.count("\(fuzz.kind), \(status)") }
            if answers.statuses.isEmpty { verdict.count("\(fuzz.kind), \(silence(fuzz, end))") }
            let objection = fuzz.objection(answers, end)
            verdict.check(
                objection == nil,
                "\(fuzz.kind): \(objection ?? "")",
                around: [fuzz.shown(), String(decoding: answers.lastBody.prefix(512), as: UTF8.self)]
            )
            if let key = fuzz.key, answers.statuses.contains(where: { (200..<300).contains($0) }) {
                granted.insert(key)
            }
            return answers
        } catch {
            verdict.fail("\(fuzz.kind): \(error)", around: [fuzz.shown()])
            return nil
        }
    }

    private func silence(_ fuzz: FuzzCase, _ end: RawConnection.End) -> String {
        if case .reset = fuzz.delivery { return "reset by us" }
        return end == .silent ? "silent" : "closed"
    }

    private func deliver(_ fuzz: FuzzCase) throws -> (RawAnswers, RawConnection.End) {
        let connection = try RawConnection(port: port)
        switch fuzz.delivery {
        case .whole(let answers):
            _ = connection.send(fuzz.bytes[...])
            return connection.receive(answers: answers)
        case .halfClosed:
            _ = connection.send(fuzz.bytes[...])
            connection.endSending()
            return connection.receive(answers: nil)
        case .reset:
            _ = connection.send(fuzz.bytes[...])
            connection.reset()
            return (RawAnswers(), .closed)
        case .slow(let micros):
            for index in fuzz.bytes.indices {
                guard connection.send(fuzz.bytes[index...index]) else { break }
                usleep(micros)
            }
            return connection.receive(answers: 1)
        }
    }
}
