import Synchronization

/// What all workers of a run share: whether it goes on, how fast, and numbers for what they write.
final class Course: Sendable {
    private let isOver = Atomic(false)
    private let last = Atomic<UInt64>(0)
    /// How long a worker waits from one step to the next at least.
    let nanosPerStep: UInt64

    init(nanosPerStep: UInt64 = 0) { self.nanosPerStep = nanosPerStep }

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
            // A sleep that is cancelled ends early, and the run with it.
            if spent < nanosPerStep { try? await Task.sleep(nanoseconds: nanosPerStep - spent) }
        }
    }
}
