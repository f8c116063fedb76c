import NIOCore
import NIOHTTP1
import Testing

@testable import chaos

/// Each checker of a mesh passes what is right and fails what is wrong.
@Suite struct MeshCheckerTests {
    // MARK: Listings

    private func presence(_ make: (UInt64, UInt64?), _ delete: (UInt64, UInt64?)? = nil) -> Presence {
        var presence = Presence(makeBegin: make.0)
        presence.makeEnd = make.1
        presence.deleteBegin = delete?.0
        presence.deleteEnd = delete?.1
        presence.size = 5
        return presence
    }

    private func listing(_ keys: [String], _ prefixes: [String] = [], at times: (UInt64, UInt64) = (100, 200))
        -> ListingCheck.Answer
    {
        ListingCheck.Answer(
            entries: keys.map { ListingCheck.Entry(key: $0, size: 5) },
            prefixes: prefixes,
            begin: times.0,
            end: times.1
        )
    }

    private var shelf: [String: Presence] {
        [
            "s/a/1": presence((1, 2)), "s/a/2": presence((1, 2), (3, 4)), "s/b/3": presence((1, nil)),
            "s/b/4": presence((150, 160)), "s/c/5": presence((1, 2), (150, nil)), "s/c/6": presence((300, 301)),
            "t/7": presence((1, 2)),
        ]
    }

    private func objections(_ answer: ListingCheck.Answer, delimiter: String? = nil) -> [String] {
        ListingCheck(query: .init(prefix: "s/", delimiter: delimiter), known: shelf).objections(answer)
    }

    @Test("a listing may have or miss what was written or deleted beside it")
    func rightListings() {
        #expect(objections(listing(["s/a/1"])).isEmpty)
        #expect(objections(listing(["s/a/1", "s/b/3", "s/b/4", "s/c/5"])).isEmpty)
        #expect(objections(listing([], ["s/a/"]), delimiter: "/").isEmpty)
        #expect(objections(listing([], ["s/a/", "s/b/", "s/c/"]), delimiter: "/").isEmpty)
    }

    @Test("a listing without an acknowledged key, or with one that is deleted, unknown or of the future, is wrong")
    func wrongListings() {
        #expect(!objections(listing(["s/c/5"])).isEmpty, "s/a/1 is missing")
        #expect(!objections(listing(["s/a/1", "s/a/2"])).isEmpty, "s/a/2 was deleted")
        #expect(!objections(listing(["s/a/1", "s/c/6"])).isEmpty, "s/c/6 was written later")
        #expect(!objections(listing(["s/a/1", "s/x"])).isEmpty, "s/x was never written")
        #expect(!objections(listing(["s/a/1", "s/a/1"])).isEmpty, "a key twice")
        #expect(!objections(listing(["s/b/4", "s/a/1"])).isEmpty, "out of order")
        #expect(!objections(listing([], []), delimiter: "/").isEmpty, "the folder of s/a/1 is missing")
        #expect(!objections(listing(["s/a/1"], ["s/a/"]), delimiter: "/").isEmpty, "a key beside its folder")
        #expect(!objections(listing([], ["s/a/", "s/z/"]), delimiter: "/").isEmpty, "a folder of nothing")
        var answer = listing(["s/a/1"])
        answer.entries = [.init(key: "s/a/1", size: 6)]
        #expect(!objections(answer).isEmpty, "another size")
        #expect(!objections(listing(["s/a/1"], at: (400, 500))).isEmpty, "s/b/4 and s/c/6 are missing by then")
    }

    @Test("a refused PUT never shows")
    func refused() {
        var refused = presence((1, nil))
        refused.isNever = true
        let check = ListingCheck(query: .init(prefix: ""), known: ["k": refused])
        #expect(check.objections(listing([])).isEmpty)
        #expect(!check.objections(listing(["k"])).isEmpty)
    }

    // MARK: Races

    private func race(_ outcomes: [RaceCheck.Outcome], before: UInt64? = nil, after: UInt64?) -> RaceCheck {
        let numbered = outcomes.enumerated().map { (UInt64($0.offset + 1), $0.element) }
        return RaceCheck(outcomes: Dictionary(uniqueKeysWithValues: numbered), before: before, after: after)
    }

    @Test("a race has one winner, whom the key shows")
    func races() {
        #expect(race([.won, .lost, .lost], after: 1).objection == nil)
        #expect(race([.won, .unknown, .withdrawn], after: 1).objection == nil)
        #expect(race([.unknown, .lost], after: 1).objection == nil, "the winner was not told")
        #expect(race([.unknown, .withdrawn], before: 9, after: 9).objection == nil, "nobody won")
        #expect(race([.won, .won], after: 1).objection != nil, "two winners")
        #expect(race([.won, .lost], after: 2).objection != nil, "the loser's bytes")
        #expect(race([.won, .lost], after: nil).objection != nil, "the winner's write is lost")
        #expect(race([.lost, .lost], after: nil).objection != nil, "no winner")
        #expect(race([.won, .unknown], after: 2).objection != nil, "one was told, another took it")
        #expect(race([.lost, .withdrawn], before: 9, after: 9).objection != nil, "lost against nobody")
        #expect(race([.withdrawn, .lost], after: 1).objection != nil, "what had no effect has one")
    }

    // MARK: Counters

    @Test("a counter goes up by one for each that was told so")
    func counters() {
        var tally = CounterTally()
        for value in 1...3 { tally.begin(value) }
        #expect(tally.acknowledge(1, by: 1) == nil && tally.acknowledge(2, by: 2) == nil)
        #expect(tally.acknowledge(2, by: 9) != nil, "a lost update")
        #expect(tally.read(2, least: 2) == nil)
        #expect(tally.read(1, least: 2) != nil, "it went back")
        #expect(tally.read(4, least: 2) != nil, "nobody raised it so far")
        #expect(tally.close(2) == nil && tally.close(3) != nil && tally.close(1) != nil)
        tally.lose()
        #expect(tally.close(3) == nil && tally.close(4) != nil)
    }

    // MARK: Uploads

    @Test("an upload is completed or aborted, and its object agrees")
    func uploads() {
        func isRight(_ completions: [UploadCheck.Answer], _ aborts: [UploadCheck.Answer], _ isThere: Bool) -> Bool {
            UploadCheck(completions: completions, aborts: aborts, isThere: isThere).objection == nil
        }
        #expect(isRight([.done], [.refused], true) && isRight([.refused], [.done], false))
        #expect(isRight([.done, .done], [], true) && isRight([.done, .refused], [], true))
        #expect(isRight([.unknown], [.refused], true) && isRight([.unknown], [.unknown], false))
        #expect(isRight([], [.withdrawn], false) && !isRight([.withdrawn], [], true))
        #expect(!isRight([.done], [.done], true), "both")
        #expect(!isRight([.done], [.refused], false), "a lost object")
        #expect(!isRight([.refused], [.done], true), "an aborted object")
        #expect(!isRight([.unknown], [.done], true), "aborted, and there")
        #expect(!isRight([.refused], [], true) && !isRight([.refused], [.refused], false), "ended by nobody")
    }

    // MARK: Buckets

    @Test("a bucket is deleted or written into, not both")
    func buckets() {
        func isRight(_ deletion: BucketCheck.Answer, _ put: BucketCheck.Answer, _ isOpen: Bool?, _ isThere: Bool?)
            -> Bool
        {
            BucketCheck(deletion: deletion, put: put, isOpen: isOpen, isThere: isThere).objection == nil
        }
        #expect(isRight(.done, .refused, false, false) && isRight(.refused, .done, true, true))
        #expect(isRight(.unknown, .unknown, nil, nil) && isRight(.unknown, .refused, true, false))
        #expect(!isRight(.done, .done, false, false), "an acknowledged object destroyed")
        #expect(!isRight(.done, .refused, true, false), "open after its end")
        #expect(!isRight(.done, .unknown, false, true), "an object in no bucket")
        #expect(!isRight(.refused, .refused, true, false), "neither")
        #expect(!isRight(.refused, .done, false, nil), "closed for nothing")
        #expect(!isRight(.refused, .done, true, false), "a lost object")
    }

    // MARK: What nodes say of themselves

    @Test("nodes are equal and at rest when nothing waits, nothing differs and nobody is missing")
    func unrest() throws {
        func standing(_ hints: String, wanted: Int, differ: Int, isChanging: Bool = false) throws -> Standing {
            let condition = """
                "condition": {"epoch": 4, "isReady": true, "repair": {"hints": [\(hints)], "wanted": \(wanted),
                "comparisons": [{"name": "n1", "atMillis": 70, "leavesDifferent": \(differ)}]}}
                """
            return try Standing(
                list: """
                    {"nodes": [
                    {"name": "n1", "state": "alive", "role": "holder", "share": 0.5, \(condition)},
                    {"name": "n2", "state": "dead", "role": "draining", "share": 0}]}
                    """,
                layout: """
                    {"layout": {"epoch": 4, "isChanging": \(isChanging), "voters": ["n1"], "members": [
                    {"name": "n1", "memberSince": 1}, {"name": "n2", "memberSince": 1}, {"name": "n2", "memberSince": 4}]}}
                    """
            )
        }
        let rest = try standing("", wanted: 0, differ: 0)
        #expect(rest.unrest(["n1"]).isEmpty)
        #expect(!rest.unrest(["n1", "n2"]).isEmpty, "n2 says nothing")
        #expect(!rest.unrest(["n1", "n3"]).isEmpty, "n3 is not known")
        #expect(try !standing("{\"objects\": 1}", wanted: 0, differ: 0).unrest(["n1"]).isEmpty, "a hint")
        #expect(try !standing("", wanted: 1, differ: 0).unrest(["n1"]).isEmpty, "a missing body")
        #expect(try !standing("", wanted: 0, differ: 1).unrest(["n1"]).isEmpty, "a difference")
        #expect(try !standing("", wanted: 0, differ: 0, isChanging: true).unrest(["n1"]).isEmpty, "a change")
        #expect(rest.memberSince("n1") == 1 && rest.memberSince("n2") == 4 && rest.memberSince("n3") == 0)
        #expect(!rest.isWaiting)
        #expect(try standing("{\"objects\": 1}", wanted: 0, differ: 0).isWaiting)
        #expect(rest.differences(["n1"], since: 60) == ([], true))
        #expect(rest.differences(["n1", "n2"], since: 80) == ([], false))
        #expect(try standing("", wanted: 0, differ: 2).differences(["n1"], since: 60).found.count == 1)
        #expect(rest.withoutPlace(["n1"]).isEmpty && !rest.withoutPlace(["n1", "n2"]).isEmpty)
        #expect(rest.isDrained("n2") && !rest.isDrained("n1") && !rest.isDrained("n3"))
        #expect(try !standing("", wanted: 0, differ: 0, isChanging: true).isDrained("n2"))
    }

    // MARK: What an answer means

    @Test("only what is certain is certain: errors and silence may have taken effect")
    func outcomes() {
        func kind(_ status: Int, effect: String? = nil) -> String {
            var response = HTTPResponse(status: status, headers: [:])
            if let effect { response.headers.add(name: "x-mesh-effect", value: effect) }
            return kind(.success(response))
        }
        func kind(_ result: Result<HTTPResponse, HTTPFailure>) -> String {
            switch Outcome.of(result) {
            case .answered: "answered"
            case .withoutEffect: "none"
            case .unknown: "unknown"
            }
        }
        for status in [200, 204, 404, 412] { #expect(kind(status) == "answered", "\(status)") }
        for status in [409, 500, 503, 504] {
            #expect(kind(status) == "unknown", "\(status)")
            #expect(kind(status, effect: "none") == "none", "\(status)")
        }
        #expect(kind(503, effect: "maybe") == "unknown")
        #expect(kind(.failure(.closed)) == "unknown" && kind(.failure(.timedOut(seconds: 1))) == "unknown")
        #expect(kind(.failure(.refused("no"))) == "none")
    }

    @Test("what is read is one write, whole, that somebody sent to this key")
    func reading() {
        let pattern = Pattern(key: "k", operation: 5, size: 100)
        func see(_ bytes: ByteBuffer, claims number: UInt64 = 5, status: Int = 200) -> ObjectReading.Sight {
            var response = HTTPResponse(status: status, headers: ["x-amz-meta-operation": String(number)])
            response.body = bytes
            return ObjectReading.see(response) { $0 == 5 ? pattern : nil }
        }
        func isWrong(_ sight: ObjectReading.Sight) -> Bool {
            if case .wrong = sight { true } else { false }
        }
        #expect(see(pattern.bytes) == .write(5))
        #expect(see(ByteBuffer(), status: 404) == .nothing)
        #expect(isWrong(see(pattern.bytes, claims: 6)), "nobody wrote 6")
        #expect(isWrong(see(pattern.bytes(0..<99))), "torn")
        #expect(isWrong(see(Pattern(key: "k", operation: 6, size: 100).bytes)), "another's bytes")
        #expect(isWrong(see(Pattern(key: "other", operation: 5, size: 100).bytes)), "another key's bytes")
    }

    // MARK: Faults

    @Test("a failure is excused by a fault on its node that it overlaps, not by others")
    func excuses() {
        let troubles = Troubles()
        let kill = troubles.begin(2, "kill", at: 100)
        #expect(troubles.excuse(2, 50, 150) != nil && troubles.excuse(2, 120, 130) != nil)
        #expect(troubles.excuse(1, 120, 130) == nil && troubles.excuse(2, 10, 90) == nil)
        #expect(troubles.isTroubled(2) && !troubles.isTroubled(1))
        troubles.end(kill, at: 200)
        #expect(troubles.excuse(2, 201, 202) == nil && !troubles.isTroubled(2))
        let cut = troubles.begin(nil, "partition", graceNanos: 50, at: 300)
        troubles.end(cut, at: 400)
        #expect(troubles.excuse(1, 420, 430) != nil && troubles.excuse(4, 451, 460) == nil)
    }

    @Test("the plan is the seed's: the same again, every kind, every node")
    func plan() {
        func steps(_ seed: UInt64) -> [FaultPlan.Step] {
            var plan = FaultPlan(seed: seed, kinds: [.kill, .stop])
            return (0..<20).compactMap { _ in plan.next() }
        }
        #expect(steps(1) == steps(1) && steps(1) != steps(2))
        #expect(Set(steps(1).map(\.kind)) == [.kill, .stop])
        #expect(Set(steps(1).map { $0.victim % 5 }).count == 5)
        var idle = FaultPlan(seed: 1, kinds: [])
        #expect(idle.next() == nil)
        #expect(throws: (any Error).self) { try FaultKind.list("kill,typo") }
    }
}
