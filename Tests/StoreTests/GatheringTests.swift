import Testing

@testable import Store

@Suite struct GatheringTests {
    private static let millis: UInt64 = 1_000_000

    @Test("the committer waits for more only where it had to wait for a processor, and several write")
    func windows() {
        var gathering = Gathering()
        #expect(gathering.isDue(nowNanos: 0))
        gathering.note(nowNanos: 0, delayNanos: 5_000 * Self.millis)
        #expect(gathering.windowNanos(behind: 100) == 0, "nothing is known of the time before")
        #expect(!gathering.isDue(nowNanos: 99 * Self.millis) && gathering.isDue(nowNanos: 100 * Self.millis))
        // 9 of 100 ms, then 11.
        gathering.note(nowNanos: 100 * Self.millis, delayNanos: 5_009 * Self.millis)
        #expect(gathering.windowNanos(behind: 100) == 0)
        gathering.note(nowNanos: 200 * Self.millis, delayNanos: 5_020 * Self.millis)
        #expect(gathering.windowNanos(behind: 3) == 1_500_000)
        #expect(gathering.windowNanos(behind: 2) == 0 && gathering.windowNanos(behind: 0) == 0)
        gathering.note(nowNanos: 300 * Self.millis, delayNanos: 5_020 * Self.millis)
        #expect(gathering.windowNanos(behind: 100) == 0)
    }

    @Test("where the system does not tell, nothing waits; a count that goes back is none")
    func unknown() {
        var gathering = Gathering()
        gathering.note(nowNanos: 0, delayNanos: 0)
        gathering.note(nowNanos: 100, delayNanos: 90)
        #expect(gathering.windowNanos(behind: 9) > 0)
        gathering.note(nowNanos: 200, delayNanos: 50)
        #expect(gathering.windowNanos(behind: 9) == 0)
        gathering.note(nowNanos: 300, delayNanos: 140)
        gathering.note(nowNanos: 400, delayNanos: nil)
        #expect(gathering.windowNanos(behind: 9) == 0)
    }

    @Test(
        "of the kernel's three numbers the second is how long a thread waited",
        arguments: [
            ("12 34 5\n", 34), ("12 34", 34), ("12 34\n", 34), ("12", nil), ("", nil), ("a b c\n", nil),
        ] as [(String, UInt64?)]
    )
    func delay(_ line: String, _ nanos: UInt64?) { #expect(RunDelay.nanos(of: Array(line.utf8)) == nanos) }
}
