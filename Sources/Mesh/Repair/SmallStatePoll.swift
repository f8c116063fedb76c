internal import Store
internal import Swim
internal import Synchronization

/// Keeps the copy of small state and the layout on this node as new as its voters': asks one of them in turn for a sum
/// and an epoch, and takes over what is new. What was changed anywhere is known everywhere within two rounds.
final class SmallStatePoll: Sendable {
    let around: RepairSurroundings
    private let turn = Mutex(0)
    private let known = Mutex(false)

    init(_ around: RepairSurroundings) { self.around = around.unpaced }

    /// Whether this node once had all that a voter had, since it started.
    var isKnown: Bool { known.withLock { $0 } }

    /// One round. False when no voter could be asked.
    @discardableResult
    func step() async -> Bool {
        let alive = around.alive()
        let voters = around.book.current.voters.everyone.filter { $0 != around.own && alive.contains($0) }
        guard !voters.isEmpty else { return false }
        let voter = voters[
            turn.withLock { turn in
                turn = (turn + 1) % voters.count
                return turn
            }
        ]
        do {
            let theirs = try await around.peers.smallState(voter)
            if theirs.epoch > around.book.current.epoch {
                _ = await around.peers.align(voter, .staleEpoch(theirs.epoch))
            }
            let mine = around.disk.roots()?[Int(Partition.system.number)]
            // Sums are not there before the scan of a start is through: once is enough without.
            let isComparable = theirs.sum != nil && mine != nil
            if isComparable ? theirs.sum != mine : !isKnown {
                var explained = ExplainedLeaves()
                _ = try await Reconciliation(around: around, peer: voter).run([.system], .both, explained: &explained)
            }
            known.withLock { $0 = true }
            return true
        } catch {
            return false
        }
    }
}
