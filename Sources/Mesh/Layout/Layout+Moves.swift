internal import NIOCore
package import Store
internal import Swim

/// Judges whether a bucket may move, and says what that means.
extension Layout {
    func judgeMove(
        _ bucket: BucketID,
        _ base: Int,
        _ scope: Pool.Scope?,
        _ around: LayoutSurroundings
    ) -> WishVerdict {
        let before = span(of: bucket, base: base)
        if pool(before.next.pool)?.scope == scope { return .alreadySo }
        if isSole != nil { return .refused("There is one node, and everything is on it.") }
        if let objection = scope.flatMap(objection) { return .refused(objection) }
        guard let layout = moving(bucket, base: base, to: scope, gone: around.goneBuckets) else {
            guard scope != nil, pools.count >= Pool.countMax else { return .refused(Self.tooManySpreads) }
            return .refused(
                "Buckets are on \(Pool.countMax) choices of nodes already, the most that a layout keeps: choose nodes on "
                    + "which others are, or move some back."
            )
        }
        guard layout.encoded.readableBytes <= Self.bytesMax else {
            let most = "The layout would be larger than \(Self.bytesMax >> 10) KiB"
            return .refused("\(most): choose nodes on which others are.")
        }
        // It would wait for who is away of those that are to take something over. On the way back that is nobody.
        let away = layout.isJoint ? layout.syncers.filter { node in !isThere(node, around) } : []
        guard away.isEmpty else { return .refused(Self.awaited(away, for: "No bucket is moved")) }
        return .propose(layout, notes: notes(layout.span(of: bucket, base: base).next, layout))
    }

    private func isThere(_ node: NodeID, _ around: LayoutSurroundings) -> Bool {
        member(node).map(around.isAlive) ?? false
    }

    /// Why no bucket can be on these nodes, as a sentence.
    private func objection(to scope: Pool.Scope) -> String? {
        switch scope {
        case .nodes(let nodes):
            guard (1...Pool.Scope.countMax).contains(nodes.count) else { return Self.badCount("nodes") }
            if let stranger = nodes.filter({ member($0) == nil }).min() {
                return "No node \(stranger) is in the layout."
            }
            let able = Set(members(of: scope).map(\.node))
            guard let idle = nodes.subtracting(able).min() else { return nil }
            return "\(idle) is to hold nothing: give it a share first, or leave it out."
        case .zones(let zones):
            guard (1...Pool.Scope.countMax).contains(zones.count) else { return Self.badCount("zones") }
            let known = Set(eligible.map { members[$0].zone })
            guard let stranger = zones.subtracting(known).min() else { return nil }
            return "No node of the zone \(stranger) holds anything: the zones are \(Wording.list(known.sorted()))."
        }
    }

    private static func badCount(_ what: String) -> String { "A bucket is on 1 to \(Pool.Scope.countMax) \(what)." }

    /// Whether a bucket has fewer copies than now when it is on these nodes.
    package func hasFewerCopies(_ bucket: BucketID, base: Int, on scope: Pool.Scope?) -> Bool {
        let before = span(of: bucket, base: base).next
        let wanted = min(before.copies, target(of: before.pool).copiesMax)
        let possible = min(before.copies, scope.map { members(of: $0).count } ?? target.copiesMax)
        return possible < wanted
    }

    /// What is different for a bucket that is there.
    private func notes(_ spread: Spread, _ layout: Layout) -> [String] {
        var notes = [layout.shortage(of: spread)].compactMap(\.self)
        guard spread.pool != .whole else { return notes }
        switch min(spread.copies, layout.target(of: spread.pool).copiesMax) {
        case 1: notes.append("With one copy an object is gone when the disk that holds it is.")
        case 2: notes.append("With two copies a key cannot be used while one of its two nodes is away.")
        default: break
        }
        return notes
    }

    /// What is said where there are fewer nodes than copies; nil: there are enough.
    func shortage(of spread: Spread) -> String? {
        let possible = min(spread.copies, target(of: spread.pool).copiesMax)
        guard possible < spread.copies else { return nil }
        let when =
            switch pool(spread.pool)?.scope {
            case .nodes: "when more are chosen"
            case .zones: "when nodes come to these zones"
            case nil: "when nodes come"
            }
        return "The bucket wants \(spread.copies) copies, and there are nodes for \(possible): it gets more \(when)."
    }

    static let tooManySpreads =
        "\(BucketSpread.countMax) buckets have other numbers of copies than they were made with, or were moved, the most "
        + "that a layout keeps: make a new bucket with --copies instead, or change some back."

    /// What buckets have less of when their pool gets smaller.
    func fewerInPools(_ layout: Layout) -> [String] {
        pools.compactMap { pool in
            guard let before = pool.target?.copiesMax, let after = layout.pool(pool.id)?.target?.copiesMax,
                let wanted = spreads.filter({ $0.next.pool == pool.id }).map(\.next.copies).max(),
                after < min(before, wanted)
            else { return nil }
            return "Buckets on chosen nodes that want \(wanted) copies will have \(after)."
        }
    }

    /// Why the last node of a pool does not go.
    static func lastOfPool(_ pools: [Pool], _ layout: Layout) -> String {
        let count = layout.spreads.count { entry in pools.contains { $0.id == entry.next.pool } }
        let buckets = Wording.count(count, "bucket is", "buckets are")
        let them = count == 1 ? "it" : "them"
        return "\(buckets) on nodes of which none would be left: move \(them) first, with `meshd bucket move`."
    }
}
