import Mesh
import Store
import Swim

/// The oracle of layouts, the taking over of rows by new members, and what goes wrong with nodes and links.
extension SimMesh {
    static let epochsMax: UInt64 = 24

    func adopt(_ node: Int, _ news: SimLayout) {
        guard isUp[node], news.epoch > replicas[node].layout.epoch else { return }
        if replicas[node].adopt(news) { checks.forget(node) }
        if news.isCollection { after(random.below(4) == 0 ? random.below(mix.gossipMicros) : 0, .reap(node)) }
        guard news.next?.contains(node) == true else { return }
        pulls[node] = [:]
        for source in news.current where !news.lost.contains(source) {
            after(random.below(mix.syncMicros), .pull(to: node, from: source, epoch: news.epoch))
        }
    }

    /// Asks a member of the set of before for its rows; again, until enough have answered.
    func pull(_ to: Int, _ from: Int, _ epoch: UInt64) {
        guard layout.epoch == epoch, !synced.contains(to), pulls[to]?[from] == nil else { return }
        after(3 * mix.syncMicros, .pull(to: to, from: from, epoch: epoch))
        guard isUp[to], isUp[from], replicas[to].layout.epoch == epoch, let there = transit(to, from, .none),
            let back = transit(from, to, .none)
        else { return }
        // The question brings the layout along: what is answered is what was there when the fence went up, or later.
        if !faults.contains(.noFence) { adopt(from, replicas[to].layout) }
        guard !replicas[from].isLost, replicas[from].layout.epoch == epoch || faults.contains(.noFence) else { return }
        after(there + back, .pulled(to: to, from: from, epoch: epoch, replicas[from].keys))
    }

    func pulled(_ to: Int, _ from: Int, _ epoch: UInt64, _ keys: [Key: SimReplica.Held]) {
        guard isUp[to], replicas[to].layout.epoch == epoch, layout.epoch == epoch else { return }
        pulls[to, default: [:]][from] = keys
        let sources = (pulls[to] ?? [:]).keys.sorted()
        let needed = faults.contains(.singlePull) ? 1 : HolderSet.majority(of: layout.current.count)
        guard sources.count >= needed, !synced.contains(to) else { return }
        for source in sources { if let keys = pulls[to]?[source] { replicas[to].merge(keys) } }
        synced.insert(to)
    }

    /// One step of the layout: a change begins, or ends when all of the next set have taken over, or takes another aim.
    func churn() {
        if let next = layout.next {
            if next.allSatisfy(synced.contains) {
                decide(current: next, next: nil)
            } else if !isCalm, random.below(6) == 0 {
                decide(current: layout.current, next: target(without: nil))
            }
        } else if !isCalm, isActive, layout.epoch < Self.epochsMax {
            var lost: Int?
            if layout.current.count >= 3, random.below(100) < mix.lossPercent,
                !layout.current.contains(where: { replicas[$0].isLost })
            {
                let node = layout.current[random.below(layout.current.count)]
                replicas[node].lose()
                checks.forget(node)
                lost = node
            }
            let next = target(without: lost)
            if faults.contains(.noJoint) {
                decide(current: next, next: nil)
            } else {
                decide(current: layout.current, next: next)
            }
        }
        if layout.next != nil || (isActive && !isCalm) {
            after(isCalm ? 20_000 : 1 + random.below(2 * mix.churnMicros), .churn)
        }
    }

    /// The present set with one or two members replaced. One whose disk was lost may come in again, as a new one.
    private func target(without lost: Int?) -> [Int] {
        if mix.leaves { return Array(layout.current.prefix(1 + random.below(layout.current.count))) }
        if mix.resizes {
            let lengths = [1, 2, 3, 5].filter { $0 <= mix.nodes && $0 != layout.current.count }
            return Array(0..<lengths[random.below(lengths.count)])
        }
        if mix.moves { return pool() }
        if let lost, random.below(2) == 0 { return layout.current.filter { $0 != lost } + [lost] }
        var set = layout.current.filter { $0 != lost && !replicas[$0].isLost && !layout.lost.contains($0) }
        if set.count == layout.current.count || random.below(4) == 0, set.count > 1 || random.below(2) == 0 {
            set.remove(at: random.below(set.count))
        }
        var others = (0..<mix.nodes).filter { !layout.current.contains($0) }
        let count = max(1, min(mix.nodes, mix.copies + (random.below(5) == 0 ? random.below(3) - 1 : 0)))
        while set.count < count, !others.isEmpty { set.append(others.remove(at: random.below(others.count))) }
        return set.isEmpty ? layout.current : set
    }

    /// Some of all nodes, in any order, that are not those of now.
    private func pool() -> [Int] {
        let sizes = [1, 2, 3, 5].filter { $0 <= mix.nodes }
        var set: [Int] = []
        repeat {
            var others = Array(0..<mix.nodes)
            let size = sizes[random.below(sizes.count)]
            set = (0..<size).map { _ in others.remove(at: random.below(others.count)) }
        } while Set(set) == Set(layout.current)
        return set
    }

    private func decide(current: [Int], next: [Int]?) {
        let epoch = layout.epoch + 1
        // A place in the list of slots is kept whatever its beginning is that counts, and one for other buckets, too.
        let members = mix.resizes || mix.moves ? Array(0..<mix.nodes) : current + (next ?? [])
        memberships = memberships.filter { members.contains($0.key) }
        var lost = next == nil ? [] : layout.lost
        for member in members {
            if replicas[member].isLost {
                // Another life of the same node.
                lost.insert(member)
                if next?.contains(member) == true { memberships[member] = epoch }
            }
            if memberships[member] == nil { memberships[member] = epoch }
        }
        layout = SimLayout(
            epoch: epoch,
            current: current,
            next: next == current && lost.isEmpty ? nil : next,
            memberSince: memberships,
            lost: lost,
            settled: layout.settled
        )
        announce()
    }

    /// The layout was decided: the nodes hear of it, each at its time.
    func announce() {
        pulls = [:]
        synced = []
        for node in 0..<mix.nodes {
            // Some hear of it late, or only from those who ask them.
            guard isCalm || mix.leaves || random.below(4) > 0 else { continue }
            after(random.below(mix.gossipMicros), .gossip(to: node, layout))
        }
        if !isActive { return (0..<mix.nodes).forEach { after(mix.gossipMicros, .gossip(to: $0, layout)) } }
        if let first = layout.next?.first { after(random.below(mix.gossipMicros), .gossip(to: first, layout)) }
    }

    func trouble() {
        guard isActive, !isCalm else { return }
        after(5_000, .trouble)
        if random.below(1_000) < mix.cutsPerMille * 5 {
            let until = now + random.below(400_000)
            let node = random.below(mix.nodes)
            let isOneWay = random.below(2) == 0
            for other in 0..<mix.nodes where other != node && random.below(3) > 0 {
                cuts[node * 100 + other] = until
                if !isOneWay { cuts[other * 100 + node] = until }
            }
        }
        if random.below(1_000) < mix.crashesPerMille * 5 {
            let node = random.below(mix.nodes)
            guard isUp[node] else { return }
            isUp[node] = false
            lives[node] += 1
            after(random.below(300_000), .restart(node))
            // The list of what is to be collected is in memory only.
            replicas[node].spent = (0, [])
            for operation in running.indices where running[operation].node == node { abandon(operation) }
        }
    }
}
