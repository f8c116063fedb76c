internal import Store
internal import Swim

/// Brings peers that are back what they missed. A hint is a pointer to a row that is here; it goes when the peer has the
/// row with its bytes, or something newer. Whoever loses hints loses nothing: comparisons find the same rows later.
struct HintDrain: Sendable {
    private static let hintsAtOnce = 256

    let around: RepairSurroundings

    /// Delivers what waits for one peer, until nothing does or what is left has to wait for bytes on their way there.
    func drain(_ peer: NodeID) async throws {
        while true {
            let hints = try await around.disk.hints(for: peer, limit: Self.hintsAtOnce)
            guard !hints.isEmpty else { return }
            // A peer that left the layout, or the place in it, needs nothing from here.
            let meant = hints.filter { around.isHolder(peer, $0.address) }
            let stored = try await RowPush(around: around, peer: peer).push(meant)
            let done = hints.filter { stored[$0] != .withoutBytes }
            try await around.disk.removeHints(for: peer, done)
            around.counters.hintsDelivered.add(UInt64(done.count))
            // The peer fetches the bytes by itself; the hints stay until it has.
            guard !done.isEmpty else { return }
        }
    }
}
