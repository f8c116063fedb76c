internal import Synchronization

/// How calls to a node fare, for those who choose whom to ask first.
package struct LinkHealth: Sendable, Equatable {
    package var isConnected: Bool
    /// Calls that wait for their answers.
    package var inFlight: Int
    /// From call to answer, what the node does included, smoothed over about the last eight small answers; 0 before the
    /// first.
    package var roundTripMicros: UInt64
    /// Calls in a row that had no answer.
    package var failuresInRow: Int
}

/// One lane's health: written on its loop, read by every thread.
final class LinkPulse: Sendable {
    private static let smoothing: UInt64 = 8

    private let connected = Atomic<Bool>(false)
    private let waiting = Atomic<Int>(0)
    private let roundTrip = Atomic<UInt64>(0)
    private let failures = Atomic<Int>(0)
    private let agreed = Atomic<UInt8>(Links.versions.lowerBound)

    /// Of the protocol, on the newest connection.
    var version: UInt8 { agreed.load(ordering: .relaxed) }

    func note(version: UInt8) { agreed.store(version, ordering: .relaxed) }

    var isConnected: Bool { connected.load(ordering: .relaxed) }

    var inFlight: Int { waiting.load(ordering: .relaxed) }

    var health: LinkHealth {
        LinkHealth(
            isConnected: isConnected,
            inFlight: inFlight,
            roundTripMicros: roundTrip.load(ordering: .relaxed),
            failuresInRow: failures.load(ordering: .relaxed)
        )
    }

    func note(isConnected: Bool) { connected.store(isConnected, ordering: .relaxed) }

    func note(inFlight: Int) { waiting.store(inFlight, ordering: .relaxed) }

    func note(roundTripMicros sample: UInt64) {
        let smoothed = roundTrip.load(ordering: .relaxed)
        // Never 0 again after the first.
        let next = smoothed == 0 ? sample : (smoothed * (Self.smoothing - 1) + sample) / Self.smoothing
        roundTrip.store(max(1, next), ordering: .relaxed)
    }

    func noteAnswer() { if failures.load(ordering: .relaxed) != 0 { failures.store(0, ordering: .relaxed) } }

    func noteFailure() { failures.wrappingAdd(1, ordering: .relaxed) }
}
