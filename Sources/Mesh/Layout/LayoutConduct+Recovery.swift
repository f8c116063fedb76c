package import Swim

/// What an operator is told who gives up a majority of the voters.
extension LayoutConduct {
    package enum RecoveryAnswer: Sendable, Hashable {
        /// A new lineage began without these; the others that did not hear of it yet are named.
        case begun(without: [NodeID], loss: WishLoss, untold: [NodeID])
        /// Only with force: this is who would be given up, and what may go with them.
        case needsForce(without: [NodeID], WishLoss)
        /// Why not, as a sentence.
        case refused(String)
    }

    /// Judges by who answers now; with force the new lineage begins at once.
    package func recover(isForced: Bool) async -> RecoveryAnswer {
        guard driver.isReady else { return .refused("This node has not come into its mesh yet.") }
        guard !driver.isRemoved else { return .refused("This node was removed from the mesh: ask a member.") }
        let around = await surroundings()
        let layout = driver.book.current
        let dead = layout.dead(around)
        guard !dead.contains(driver.own) else { return .refused("This node has no place in the layout itself.") }
        guard !layout.voters.canReachQuorum(without: Array(dead)) else {
            return .refused("Most voters answer: `meshd node remove` gives up those who do not, and loses nothing.")
        }
        let loss = layout.loss(without: dead, around)
        guard isForced else { return .needsForce(without: dead.sorted(), loss) }
        guard let next = layout.recovering(without: dead, lineage: .random(in: 1 ... .max)) else {
            return .refused("None of the nodes that answer may hold anything.")
        }
        let others = next.members.filter { $0.state != .leaving && $0.node != driver.own }.map(\.node)
        guard let told = await driver.recover(next, tell: others) else {
            return .refused("The new layout could not be written here.")
        }
        return .begun(without: dead.sorted(), loss: loss, untold: others.filter { !told.contains($0) })
    }
}
