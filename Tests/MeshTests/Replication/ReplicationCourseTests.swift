import Store
import Swim
import Testing

@testable import Mesh

/// Who works at which key, and when.
@Suite struct ReplicationCourseTests {
    private static let nodes = (1...4).map { NodeID(high: 0, low: UInt64($0)) }
    private func duty(
        _ course: inout ReplicationCourse,
        own: Int,
        dead: Set<Int> = [],
        queued: UInt64 = 0,
        now: UInt64
    ) -> ReplicationCourse.Duty {
        course.duty(
            queuedMillis: queued,
            keepers: Array(Self.nodes[0..<3]),
            own: Self.nodes[own],
            isUsable: { node in !dead.contains { Self.nodes[$0] == node } },
            nowMillis: now
        )
    }

    @Test("of those that would answer exactly one works at a key, once all have seen the same for a while")
    func oneWorks() {
        for dead in [[], [0], [1], [2], [0, 1], [0, 2], [1, 2]] as [Set<Int>] {
            let living = (0..<3).filter { !dead.contains($0) }
            let duties = living.map { own in
                var course = ReplicationCourse()
                _ = duty(&course, own: own, dead: dead, now: 1_000_000)
                return duty(&course, own: own, dead: dead, now: 2_000_000)
            }
            #expect(duties.count { $0 == .work } == 1, "\(dead)")
            #expect(duties.first == .work)
            for other in duties.dropFirst() { #expect(other == .hand(Self.nodes[living[0]])) }
        }
    }

    @Test("the first begins at once, who stands in for it waits for what it may have sent")
    func patience() {
        var course = ReplicationCourse()
        #expect(duty(&course, own: 0, now: 0) == .work)
        // However long the key has waited: what counts is how long the first one has been away.
        #expect(duty(&course, own: 1, dead: [0], now: 500_000) == .wait)
        #expect(duty(&course, own: 1, dead: [0], now: 529_999) == .wait)
        #expect(duty(&course, own: 1, dead: [0], now: 530_000) == .work)
        #expect(duty(&course, own: 1, queued: 530_000, now: 530_001) == .wait)
        #expect(duty(&course, own: 1, dead: [0], now: 540_000) == .wait)
        course = ReplicationCourse()
        #expect(duty(&course, own: 1, now: 19_999) == .wait)
        #expect(duty(&course, own: 1, now: 20_000) == .hand(Self.nodes[0]))
        // Who has no place there any more gives its keys away.
        #expect(duty(&course, own: 3, now: 0) == .wait && duty(&course, own: 3, now: 20_000) == .hand(Self.nodes[0]))
    }

    @Test("a target that fails is left alone, twice as long each time, and tried as before once it answers")
    func rests() {
        var course = ReplicationCourse()
        var now: UInt64 = 0
        var rests: [UInt64] = []
        for _ in 0..<12 {
            course.failed(Key("k"), .unreachable("x"), nowMillis: now)
            // What was under way beside it fails too, and counts no second time.
            course.failed(Key("l"), .unreachable("x"), nowMillis: now)
            rests.append(course.restUntilMillis - now)
            #expect(course.rests(nowMillis: now))
            now = course.restUntilMillis
            #expect(!course.rests(nowMillis: now))
        }
        #expect(rests.prefix(4) == [1_000, 2_000, 4_000, 8_000] && rests.last == 300_000)
        course.succeeded(Key("k"))
        course.failed(Key("k"), .refused("x"), nowMillis: now)
        #expect(course.restUntilMillis - now == 1_000 && course.troublesCount == 0)
    }

    @Test("a key that fails for itself waits, and the others go on")
    func troubles() {
        var course = ReplicationCourse()
        course.failed(Key("bad"), .object("too long"), nowMillis: 0)
        #expect(!course.rests(nowMillis: 0) && course.troublesCount == 1)
        #expect(!course.admits(Key("bad"), nowMillis: 9_999) && course.admits(Key("good"), nowMillis: 0))
        #expect(course.admits(Key("bad"), nowMillis: 10_000))
        course.failed(Key("bad"), .source("x"), nowMillis: 10_000)
        #expect(!course.admits(Key("bad"), nowMillis: 29_999) && course.admits(Key("bad"), nowMillis: 30_000))
        course.succeeded(Key("bad"))
        #expect(course.troublesCount == 0)
        for index in 0..<1_001 { course.failed(Key("k\(index)"), .object("x"), nowMillis: 0) }
        #expect(course.troublesCount == 1_000 && course.rests(nowMillis: 0))
        course.hurry()
        #expect(course.troublesCount == 0 && !course.rests(nowMillis: 0))
    }

    @Test("others are told of their keys page by page: at once while something was new to them, else after a rest")
    func handing() {
        var course = ReplicationCourse()
        #expect(course.mayHand(Key("a"), nowMillis: 0))
        course.handed(upTo: Key("m"), fresh: 3, nowMillis: 0)
        #expect(course.mayHand(Key("n"), nowMillis: 0) && !course.mayHand(Key("m"), nowMillis: 0))
        course.handed(upTo: Key("p"), fresh: 0, nowMillis: 0)
        #expect(!course.mayHand(Key("q"), nowMillis: 19_999) && course.mayHand(Key("q"), nowMillis: 20_000))
        // The end of a pass in the rest does not begin a new round: it goes on behind the last one.
        course.passed(nowMillis: 1_000)
        #expect(!course.mayHand(Key("a"), nowMillis: 60_000))
        course.handed(upTo: Key("z"), fresh: 1, nowMillis: 60_000)
        course.passed(nowMillis: 60_000)
        #expect(!course.mayHand(Key("a"), nowMillis: 79_999) && course.mayHand(Key("a"), nowMillis: 80_000))
        // A round that ended in a rest begins again when nothing is left behind it.
        course.handed(upTo: Key("z"), fresh: 0, nowMillis: 120_000)
        course.passed(nowMillis: 180_000)
        #expect(course.mayHand(Key("a"), nowMillis: 240_000))
    }

    @Test("a continuous rule goes on while there is work, one with an interval waits for it")
    func passes() {
        typealias Course = ReplicationCourse
        func next(_ schedule: ReplicationRule.Schedule, _ ended: UInt64, _ foundWork: Bool) -> UInt64 {
            Course.nextPass(schedule, begunMillis: 5_000, endedMillis: ended, foundWork: foundWork)
        }
        #expect(next(.continuous, 7_000, true) == 7_000)
        // Over much that is for others it does not go all the time.
        #expect(next(.continuous, 5_010, false) == 6_010 && next(.continuous, 7_000, false) == 47_000)
        #expect(next(.interval(60), 7_000, true) == 65_000)
    }
}
