package import Swim

extension LayoutConduct {
    /// How buckets are spread of which some keys would have no majority while this node is away.
    package func spreadsBereft(without node: NodeID) async -> [Spread] {
        let around = await surroundings()
        return driver.book.current.without(around.goneBuckets).spreadsBereft(without: node, around)
    }

    /// What these wishes would come to if they were carried out now, one after the other; nothing is proposed.
    package func preview(_ wishes: [LayoutWish], isForced: Bool) async -> WishVerdict {
        guard driver.isReady else { return .refused("This node has not come into its mesh yet.") }
        guard !driver.isRemoved else { return .refused("This node was removed from the mesh: ask a member.") }
        let around = await surroundings()
        var layout = driver.book.current
        var notes: [String] = []
        var isChange = false
        for wish in wishes {
            switch layout.judge(wish, isForced: isForced, around: around, membersMax: membersMax) {
            case .propose(let next, let more):
                layout = next
                notes += more
                isChange = true
            case .alreadySo: continue
            case let other: return other
            }
        }
        return isChange ? .propose(layout, notes: notes) : .alreadySo
    }
}
