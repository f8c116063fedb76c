import Glibc

/// What happens to the daemon next, decided by the seed alone.
struct KillPlan {
    enum Fault: Equatable {
        /// `kill -9` that many milliseconds after the load began.
        case killUnderLoad(afterMillis: Double)
        /// `kill -9` that soon after the process was started: during recovery, mostly.
        case killDuringStart(afterMillis: Double)
        /// A graceful stop under load, and a doctor's visit.
        case stopUnderLoad(afterMillis: Double)
    }

    /// Long enough for every kind of request to be in flight, short enough for hundreds in a few minutes.
    let millisMean: Double
    private static let millisMax = 3000.0
    private static let millisToStart = 120.0
    private var random: SeededRandom

    init(seed: UInt64, millisMean: Double) {
        random = SeededRandom(seed: seed, label: 0xFA17)
        self.millisMean = millisMean
    }

    mutating func next() -> Fault {
        let choice = random.fraction()
        let delay = min(Self.millisMax, -log(1 - random.fraction()) * millisMean)
        if choice < 0.10 { return .killDuringStart(afterMillis: random.fraction() * Self.millisToStart) }
        if choice < 0.13 { return .stopUnderLoad(afterMillis: delay) }
        return .killUnderLoad(afterMillis: delay)
    }
}
