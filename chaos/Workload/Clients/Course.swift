import NIOCore
import Synchronization

/// What all workers of a run share: whether it goes on, how fast, and numbers for what they write.
final class Course: Sendable {
    /// Workers that wait are woken together, at multiples of this: to wake the harness for each of a thousand requests a
    /// second takes more from the nodes than the requests.
    private static let nanosPerTick: UInt64 = 4_000_000

    private let isOver = Atomic(false)
    private let last = Atomic<UInt64>(0)
    private let workers = Atomic<UInt64>(0)
    /// How long a worker takes from one step to the next, if the nodes let it.
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
        var due = Clock.nanoseconds() + phase()
        while goesOn {
            let now = Clock.nanoseconds()
            if due > now { await rest(from: now, until: due) } else { due = now }
            guard goesOn else { return }
            await step()
            due += nanosPerStep
        }
    }

    /// Workers that begin together do not step together: each next one begins in the widest gap that is left.
    private func phase() -> UInt64 {
        let number = workers.add(1, ordering: .relaxed).newValue
        return (number &* SeededRandom.step).multipliedFullWidth(by: nanosPerStep).high
    }

    private nonisolated(nonsending) func rest(from now: UInt64, until due: UInt64) async {
        let tick = (due + Self.nanosPerTick - 1) / Self.nanosPerTick * Self.nanosPerTick
        // A loop that is shut down refuses: then the run is over.
        try? await loop.scheduleTask(in: .nanoseconds(Int64(tick - now))) {}.futureResult.get()
    }
}
