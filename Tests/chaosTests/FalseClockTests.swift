import FoundationEssentials
import NIOPosix
import Testing

@testable import chaos

@Suite struct FalseClockTests {
    /// A clock in a folder of its own.
    private func make() async throws -> (FalseClock, folder: String) {
        try #require(FalseClock.isPossible, "a C compiler comes with Swift")
        let folder = FileManager.default.temporaryDirectory.path + "/clock-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return (try await FalseClock(folder: folder, on: MultiThreadedEventLoopGroup.singleton), folder)
    }

    /// What `date` says under the clock, in seconds from the right time.
    private func error(_ clock: FalseClock, _ folder: String) async throws -> Double {
        let group = MultiThreadedEventLoopGroup.singleton
        let before = Date.now.timeIntervalSince1970
        let output = "\(folder)/date"
        let text = try await Tool.must(
            ["/bin/date", "+%s.%N"],
            environment: clock.environment,
            output: output,
            on: group
        )
        let after = Date.now.timeIntervalSince1970
        let told = try #require(Double(text.filter { !$0.isNewline }))
        return told - (before + after) / 2
    }

    @Test("a false clock is as wrong as it is set, at once, and right again")
    func lies() async throws {
        let (clock, folder) = try await make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try await abs(error(clock, folder)) < 10)
        try clock.set(seconds: 840)
        #expect(try await abs(error(clock, folder) - 840) < 10)
        try clock.set(seconds: -500)
        #expect(try await abs(error(clock, folder) + 500) < 10)
        // A thousand times as fast, so that a fifth of a second is 200.
        try clock.set(seconds: 0, rate: 1_001)
        try await Task.sleep(for: .milliseconds(200))
        #expect(try await error(clock, folder) > 150)
        try clock.set(seconds: 0)
        #expect(try await abs(error(clock, folder)) < 10)
    }

    @Test("timers are on time however wrong the clock is")
    func timersAreRight() async throws {
        let (clock, folder) = try await make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try clock.set(seconds: 800)
        // A timer with an absolute time of the monotonic clock, as Dispatch has them.
        let program = """
            #include <stdint.h>
            #include <stdio.h>
            #include <sys/timerfd.h>
            #include <time.h>
            #include <unistd.h>
            int main(void) {
                struct itimerspec when = {0};
                int timer = timerfd_create(CLOCK_MONOTONIC, 0);
                clock_gettime(CLOCK_MONOTONIC, &when.it_value);
                when.it_value.tv_sec += 1;
                timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, 0);
                timerfd_gettime(timer, &when);
                printf("%ld", (long)when.it_value.tv_sec);
            }
            """
        try Data(program.utf8).write(to: URL(filePath: "\(folder)/timer.c"))
        let compiler = try #require(FalseClock.compiler)
        let group = MultiThreadedEventLoopGroup.singleton
        _ = try await Tool.must(
            [compiler, "-o", "\(folder)/timer", "\(folder)/timer.c"],
            output: "\(folder)/log",
            on: group
        )
        let left = try await Tool.must(
            ["\(folder)/timer"],
            environment: clock.environment,
            output: "\(folder)/log",
            on: group
        )
        #expect(try #require(Int(left)) <= 1)
    }
}
