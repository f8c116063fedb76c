import NIOCore
import Synchronization

/// What all workers of a run share: whether it goes on, how fast, and numbers for what they write.
final class Course: Sendable {
    private let isOver = Atomic(false)
    private let last = Atomic<UInt64>(0)
    /// How long a worker waits from one step to the next at least.
    let nanosPerStep: UInt64
    /// Keeps the pace: thousands of short waits cost less on the loop of the workers than as sleeps of their tasks.
    private let loop: any EventLoop

    init(nanosPerStep: UInt64 = 0, on loop: any EventLoop) {
        self.nanosPerStep = nanosPerStep
        self.loop = loop
    }

    /// A number that no other write of the run has.
    func number() -> UInt64 { last.add(1, ordering: .relaxed).newValue }

    func end() { isOver.store(true, ordering: .sequentiallyConsistent) }

    var goesOn: Bool { !isOver.load(ordering: .sequentiallyConsistent) }

    /// Steps until the run is over, at the pace of the course.
    nonisolated(nonsending) func pace(_ step: () async -> Void) async {
        while goesOn {
            let begin = Clock.nanoseconds()
            await step()
            let spent = Clock.nanoseconds() - begin
            if spent < nanosPerStep { await rest(nanosPerStep - spent) }
        }
    }

    private nonisolated(nonsending) func rest(_ nanos: UInt64) async {
        // A loop that is shut down refuses: then the run is over.
        try? await loop.scheduleTask(in: .nanoseconds(Int64(nanos))) {}.futureResult.get()
    }
}
