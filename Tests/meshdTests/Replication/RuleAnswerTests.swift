import Mesh
import NIOHTTP1
import Store
import Testing

@testable import meshd

/// What people are told of a rule, and what a target's answers mean: tables.
@Suite struct RuleAnswerTests {
    private static func answer(
        _ reports: [ReplicationReport],
        unanswered: [String] = [],
        _ change: (inout ReplicationRule) -> Void = { _ in }
    ) -> RuleAnswer {
        var rule = ReplicationRule(
            id: 1,
            bucket: BucketID(rawValue: 1),
            createdMillis: 0,
            target: .init(
                endpoint: "http://x",
                region: "r",
                bucket: "b",
                prefix: "",
                accessKey: "a",
                secret: Secret("s")
            )
        )
        change(&rule)
        return RuleAnswer(
            rule,
            bucket: "b",
            copies: 3,
            reports: reports.enumerated().map { ("n\($0.offset + 1)", $0.element) },
            unanswered: unanswered,
            nowMillis: 100_000
        )
    }

    private static func report(_ change: (inout ReplicationReport) -> Void = { _ in }) -> ReplicationReport {
        var report = ReplicationReport(rule: "1")
        change(&report)
        return report
    }

    @Test("the state says what a person is to think of it, the worst first")
    func states() {
        let failure = ReplicationReport.Failure(millis: 1, key: nil, sentence: "the target is on fire")
        let cases: [(RuleAnswer, RuleAnswer.State, String)] = [
            (Self.answer([Self.report()]), .caughtUp, "everything is there"),
            (Self.answer([Self.report()], unanswered: ["n2"]), .unknown, "without n2"),
            (Self.answer([]), .unknown, "without any node"),
            (Self.answer([Self.report { $0.queued = 1 }]), .working, "1 change waits"),
            (Self.answer([Self.report { $0.isFilling = true }]), .filling, "looked through"),
            (Self.answer([Self.report { $0.queued = 2 }]) { $0.schedule = .interval(60) }, .waiting, "every 60 s"),
            (Self.answer([Self.report { $0.queued = 2 }]) { $0.isPaused = true }, .paused, "2 changes wait"),
            (
                Self.answer([Self.report { ($0.queued, $0.restUntilMillis, $0.lastFailure) = (1, 101_500, failure) }]),
                .failing, "the target is on fire; the next try is in 2 s"
            ),
            (
                Self.answer([Self.report { ($0.queued, $0.troubles, $0.lastFailure) = (1, 1, failure) }]),
                .failing, "because of their objects"
            ),
        ]
        for (answer, state, words) in cases {
            #expect(answer.state == state && answer.sentence.contains(words), "\(answer.sentence)")
        }
    }

    @Test("each change waits with every holder, and counts once")
    func counts() {
        let reports = [3, 3, 4].map { queued in
            Self.report { ($0.queued, $0.objectsSent, $0.oldestMillis) = (queued, 5, 90_000 + UInt64(queued)) }
        }
        let answer = Self.answer(reports)
        #expect(answer.queued == 4 && answer.objectsSent == 15 && answer.lagSeconds == 9)
        #expect(answer.nodes.map(\.queued) == [3, 3, 4])
        #expect(Self.answer([Self.report { $0.oldestMillis = 5 }]).lagSeconds == nil)
    }

    @Test("what a target answers is its own trouble, the object's, or settled")
    func failures() {
        func failure(_ status: Int, _ code: String = "") -> ReplicationFailure {
            let body = code.isEmpty ? "" : "<Error><Code>\(code)</Code><Message>so &amp; so</Message></Error>"
            return TargetAnswer(status: status, headers: [:], body: body).failure(about: "writing")
        }
        for (status, code) in [
            (500, ""), (503, "SlowDown"), (403, "AccessDenied"), (401, ""), (404, "NoSuchBucket"), (404, ""),
            (429, ""), (301, "PermanentRedirect"),
        ] { #expect(failure(status, code).isOfTarget, "\(status) \(code)") }
        for (status, code) in [
            (400, "KeyTooLongError"), (404, "NoSuchUpload"), (412, ""), (413, ""), (501, "NotImplemented"),
        ] {
            #expect(!failure(status, code).isOfTarget, "\(status) \(code)")
        }
        #expect(failure(409, "ReplicationLoop") == .superseded && failure(409, "ReplicationSuperseded") == .superseded)
        #expect(failure(400, "X").sentence.contains("400 X: so & so"))
    }
}
