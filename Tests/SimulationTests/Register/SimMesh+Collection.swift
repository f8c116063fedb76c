import Mesh
import Store
import Swim

/// One question to all holders: is this all you have, and does it say nothing any more?
struct SimRound: Sendable {
    let epoch: UInt64
    let lister: Int
    let rows: [Row]
    /// Holders that are still to be asked, in order.
    var left: [Int]
}

/// The rounds in which tombstones are collected, and repair between them.
extension SimMesh {
    // MARK: Rounds

    func collect() {
        guard isActive, !isCalm else { return }
        after(1 + random.below(2 * mix.collectMicros), .collect)
        round = nil
        guard layout.next == nil, layout.epoch < 4 * Self.epochsMax, layout.lost.isEmpty,
            (0..<mix.nodes).allSatisfy(hasReported)
        else { return }
        if mix.othersPercent > 0, random.below(100) < mix.othersPercent { return settleOthers() }
        let lister = layout.current[0]
        let rows = replicas[lister].keys[Self.key]?.spent ?? []
        guard !rows.isEmpty else { return }
        let begun = SimRound(epoch: layout.epoch, lister: lister, rows: rows, left: layout.current)
        round = begun
        askNext(begun)
    }

    /// A member says that it goes by the epoch, and has nothing of what it is not to have.
    private func hasReported(_ node: Int) -> Bool {
        guard isUp[node] else { return faults.contains(.surplusIgnored) && !layout.holds(node) }
        if layout.holds(node) { return replicas[node].layout.epoch == layout.epoch && !replicas[node].isLost }
        if faults.contains(.surplusIgnored) { return true }
        return replicas[node].layout.epoch == layout.epoch && (replicas[node].keys[Self.key]?.rows ?? []).isEmpty
    }

    private func askNext(_ round: SimRound) {
        guard let next = round.left.first, let there = transit(round.lister, next, .none) else { return }
        after(there, .ask(to: next, round))
    }

    func ask(_ node: Int, _ round: SimRound) {
        guard isUp[node], replicas[node].layout.epoch == round.epoch,
            let back = transit(node, round.lister, .none)
        else { return }
        after(back, .said(round, by: node, replicas[node].isSpent(round.rows, at: Self.key)))
    }

    func said(_ asked: SimRound, _ node: Int, _ isSpent: Bool) {
        guard layout.epoch == asked.epoch, asked.left.first == node, isUp[asked.lister] else { return }
        guard isSpent else {
            // It may have missed the row.
            if let there = transit(asked.lister, node, .none) {
                after(there, .push(to: node, from: asked.lister, epoch: asked.epoch, asked.rows))
            }
            return
        }
        var next = asked
        next.left.removeFirst()
        let count = layout.current.count - next.left.count
        let isEnough = faults.contains(.collectsOnQuorum) && count >= HolderSet.majority(of: layout.current.count)
        guard next.left.isEmpty || isEnough else { return askNext(next) }
        var slowest = 1
        for holder in layout.current {
            guard let there = transit(next.lister, holder, .none) else { continue }
            slowest = max(slowest, there)
            after(there, .list(to: holder, next))
        }
        guard round?.epoch == next.epoch else { return }
        round = nil
        // Decided at once, so that some have not yet heard of their list.
        settle(next.rows.map(\.stamp.t).max() ?? 0)
        // Who decides tells the rest when the lists have arrived, mostly.
        for holder in layout.current { after(slowest + random.below(2_000), .gossip(to: holder, layout)) }
    }

    /// The layout behind a round.
    private func settle(_ highest: UInt64) {
        layout = SimLayout(
            epoch: layout.epoch + 1,
            current: layout.current,
            next: nil,
            memberSince: memberships,
            settled: faults.contains(.settledStays) ? layout.settled : max(layout.settled + 1, highest),
            isCollection: true
        )
        announce()
    }

    /// Behind a round in which only other keys had tombstones: of any age, so it may be above what this one has.
    private func settleOthers() {
        let tops = replicas.compactMap { $0.keys[Self.key]?.refs.top?.stamp.t }
        settle(tops.isEmpty ? 0 : tops[random.below(tops.count)])
    }

    func reap(_ node: Int) {
        guard isUp[node] else { return }
        let rows = replicas[node].spent.rows
        let stamps = replicas[node].collect(at: Self.key)
        for row in rows where stamps.contains(row.stamp) {
            checks.reaped(row, at: Self.key, by: replicas[node])
            collected += 1
        }
    }

    // MARK: Repair

    /// Somebody brings a holder what he has, and who is none any more gives up what all holders have.
    func mend() {
        guard isActive, !isCalm else { return }
        after(1 + random.below(2 * mix.mendMicros), .mend)
        let from = random.below(mix.nodes)
        guard isUp[from], !replicas[from].isLost, let held = replicas[from].keys[Self.key], !held.rows.isEmpty else {
            return
        }
        let known = replicas[from].layout
        if !known.holds(from), known.next == nil, known.epoch == layout.epoch {
            let isSafe = known.current.allSatisfy { holder in
                let there = replicas[holder].keys[Self.key]?.refs ?? KeyRows()
                return held.rows.allSatisfy { row in
                    there.rows.contains { $0.stamp == row.stamp } || (!there.rows.isEmpty && there.isVoid(row.ref))
                }
            }
            if isSafe {
                replicas[from].keys = [:]
                checks.forget(from)
                return
            }
        }
        let holders = known.current.filter { $0 != from }
        guard !holders.isEmpty else { return }
        let to = holders[random.below(holders.count)]
        guard let there = transit(from, to, .none) else { return }
        let delay = random.below(3) == 0 ? random.below(mix.stallMicros) : 0
        after(there + delay, .push(to: to, from: from, epoch: known.epoch, held.rows))
    }

    func push(_ to: Int, _ from: Int, _ tag: UInt64, _ rows: [Row]) {
        let epoch = faults.contains(.lateTags) ? max(tag, replicas[from].layout.epoch) : tag
        guard isUp[to], !replicas[to].isLost, replicas[to].layout.holds(to), epoch >= replicas[to].fence else { return }
        for row in rows.sorted(by: { $0.stamp < $1.stamp }) {
            let reply = replicas[to].commit(row)
            checks.look(
                at: replicas[to],
                after: ReplicaCall(epoch: max(epoch, replicas[to].fence), .commit(row)),
                reply,
                layout
            )
        }
    }
}
