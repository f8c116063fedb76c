internal import Store

/// One choice of k holders for each partition: first what was, then what is missing, then exchanges until each node is
/// close to its fair share.
///
/// Exchanges go along shortest chains: u gives one partition to v, or to x who gives another one to v. They stop as
/// soon as everybody is inside a band around his share, so what is balanced enough never moves.
struct Allotment {
    /// How far a node may be from its share: a fiftieth, but never less than to the next whole partition.
    private static let bandDivisor = 50

    private let nodes: [Placement.Node]
    private let levels: ZoneLevels
    private let copies: Int
    /// Partition × node: must be chosen; may be chosen; held it, and how recently.
    private let isFixed: [Bool]
    private let isAllowed: [Bool]
    private let prior: [UInt8]
    private let share: [Int]
    private let floor: [Int]
    private let ceiling: [Int]

    /// Partition × node.
    private(set) var isChosen: [Bool]
    private var load: [Int]
    /// Partition × zone.
    private var zoneCount: [Int]
    private var size: [Int]
    private let zones: Int

    /// - Parameters:
    ///   - isFixed: those who must be chosen, no more than `copies` in each partition.
    ///   - isAllowed: those who may be.
    ///   - start: what was chosen before.
    ///   - prior: 0 for who did not hold the partition; more for who is preferred.
    init(
        nodes: [Placement.Node],
        copies: Int,
        isFixed: [Bool],
        isAllowed: [Bool],
        start: [Bool],
        prior: [UInt8]
    ) {
        self.nodes = nodes
        self.copies = copies
        self.isFixed = isFixed
        self.isAllowed = isAllowed
        self.prior = prior
        zones = (nodes.map(\.zone).max() ?? 0) + 1
        var sizes = [Int](repeating: 0, count: zones)
        for node in nodes { sizes[node.zone] += 1 }
        levels = ZoneLevels(sizes: sizes, copies: copies)
        share = FairShare.shares(nodes, zones: zones, levels: levels, copies: copies)
        floor = share.map { $0 / FairShare.unit }
        ceiling = share.map { ($0 + FairShare.unit - 1) / FairShare.unit }
        isChosen = [Bool](repeating: false, count: nodes.count * Partition.count)
        load = [Int](repeating: 0, count: nodes.count)
        zoneCount = [Int](repeating: 0, count: zones * Partition.count)
        size = [Int](repeating: 0, count: Partition.count)

        for at in isChosen.indices where isFixed[at] || (start[at] && isAllowed[at]) {
            take(at / nodes.count, at % nodes.count)
        }
        for partition in 0..<Partition.count { prune(partition) }
        for partition in 0..<Partition.count { fill(partition) }
        balance()
    }

    private mutating func take(_ partition: Int, _ node: Int) {
        isChosen[partition * nodes.count + node] = true
        load[node] += 1
        zoneCount[partition * zones + nodes[node].zone] += 1
        size[partition] += 1
    }

    private mutating func give(_ partition: Int, _ node: Int) {
        isChosen[partition * nodes.count + node] = false
        load[node] -= 1
        zoneCount[partition * zones + nodes[node].zone] -= 1
        size[partition] -= 1
    }

    // MARK: What was, made legal

    /// Lets go of what the rules no longer allow: too many in one zone, too many in all, no room for zones that must
    /// have one.
    private mutating func prune(_ partition: Int) {
        while true {
            let counts = zoneCount[partition * zones..<(partition + 1) * zones]
            let missing = zip(counts, levels.least).reduce(0) { $0 + max(0, $1.1 - $1.0) }
            let isCrowded = size[partition] > copies || missing > copies - size[partition]
            let gone = nodes.indices.filter { node in
                let at = partition * nodes.count + node
                guard isChosen[at], !isFixed[at] else { return false }
                let zone = nodes[node].zone
                let count = zoneCount[partition * zones + zone]
                return count > levels.most[zone] || (isCrowded && count > levels.least[zone])
            }
            // The one that has most above its share, so that pruning balances already.
            guard let worst = gone.max(by: { load[$0] - ceiling[$0] < load[$1] - ceiling[$1] }) else { return }
            give(partition, worst)
        }
    }

    /// Fills up what is missing: who held the partition before, then by rendezvous among those below their share.
    private mutating func fill(_ partition: Int) {
        while size[partition] < copies {
            let counts = Array(zoneCount[partition * zones..<(partition + 1) * zones])
            let hasBare = zip(counts, levels.least).contains { $0 < $1 }
            var best: (node: Int, rank: (Int, UInt64))?
            for node in nodes.indices {
                let at = partition * nodes.count + node
                let zone = nodes[node].zone
                guard !isChosen[at], isAllowed[at], counts[zone] < (hasBare ? levels.least[zone] : levels.most[zone])
                else { continue }
                let hasRoom = load[node] < (prior[at] > 0 ? bandTop(node) : ceiling[node])
                let rank = ((hasRoom ? 4 : 0) + Int(prior[at]), Rendezvous.score(nodes[node], partition))
                if best.map({ $0.rank < rank }) ?? true { best = (node, rank) }
            }
            guard let best else { return }
            take(partition, best.node)
        }
    }

    // MARK: Balance

    private func bandTop(_ node: Int) -> Int {
        max(ceiling[node], (share[node] + share[node] / Self.bandDivisor) / FairShare.unit)
    }

    private func bandFoot(_ node: Int) -> Int {
        min(floor[node], (share[node] - share[node] / Self.bandDivisor + FairShare.unit - 1) / FairShare.unit)
    }

    private mutating func balance() {
        var isStuck = [Bool](repeating: false, count: nodes.count)
        while true {
            let all = nodes.indices.filter { !isStuck[$0] }
            let most = all.max { load[$0] - bandTop($0) < load[$1] - bandTop($1) }
            if let most, load[most] > bandTop(most) {
                let room = nodes.indices.map { load[$0] < ceiling[$0] }
                let slack = nodes.indices.map { load[$0] < bandTop($0) }
                isStuck[most] = !(shift(from: [most], to: room) || shift(from: [most], to: slack))
                continue
            }
            let least = all.min { load[$0] - bandFoot($0) < load[$1] - bandFoot($1) }
            guard let least, load[least] < bandFoot(least) else { return }
            let goal = nodes.indices.map { $0 == least }
            func above(_ line: [Int]) -> [Int] {
                nodes.indices.filter { load[$0] > line[$0] }
                    .sorted { load[$0] - ceiling[$0] > load[$1] - ceiling[$1] }
            }
            isStuck[least] =
                !(shift(from: above(floor), to: goal) || shift(from: above(nodes.indices.map(bandFoot)), to: goal))
        }
    }

    private struct Step {
        let partition: Int
        let from: Int
        let to: Int
    }

    /// Moves one partition's worth of load along the shortest chain from one of the sources to a node that may take it;
    /// false if there is none.
    private mutating func shift(from sources: [Int], to isGoal: [Bool]) -> Bool {
        guard let chain = chain(from: sources, to: isGoal) else { return false }
        for (done, step) in chain.enumerated() {
            guard isLegal(step) else {
                // Two steps of one chain met in one partition: take it back.
                for step in chain[..<done].reversed() {
                    give(step.partition, step.to)
                    take(step.partition, step.from)
                }
                return false
            }
            give(step.partition, step.from)
            take(step.partition, step.to)
        }
        return true
    }

    private func isLegal(_ step: Step) -> Bool {
        let row = step.partition * nodes.count
        guard isChosen[row + step.from], !isChosen[row + step.to] else { return false }
        let (from, to) = (nodes[step.from].zone, nodes[step.to].zone)
        guard from != to else { return true }
        let counts = step.partition * zones
        return zoneCount[counts + from] > levels.least[from] && zoneCount[counts + to] < levels.most[to]
    }

    /// Breadth first over the nodes. Partitions that move anyway are tried before those that would stay.
    private func chain(from sources: [Int], to isGoal: [Bool]) -> [Step]? {
        var reached = [Step?](repeating: nil, count: nodes.count)
        var isSeen = [Bool](repeating: false, count: nodes.count)
        for source in sources { isSeen[source] = true }
        var queue = sources
        var head = 0
        while head < queue.count {
            let from = queue[head]
            head += 1
            for isMoving in [true, false] {
                for partition in 0..<Partition.count {
                    let row = partition * nodes.count
                    guard isChosen[row + from], !isFixed[row + from], (prior[row + from] == 0) == isMoving else {
                        continue
                    }
                    for to in nodes.indices where !isSeen[to] && isAllowed[row + to] && !isChosen[row + to] {
                        let step = Step(partition: partition, from: from, to: to)
                        guard isLegal(step) else { continue }
                        reached[to] = step
                        if isGoal[to] { return path(to, reached) }
                        isSeen[to] = true
                        queue.append(to)
                    }
                }
            }
        }
        return nil
    }

    private func path(_ end: Int, _ reached: [Step?]) -> [Step] {
        var steps: [Step] = []
        var node = end
        while let step = reached[node] {
            steps.append(step)
            node = step.from
        }
        return steps.reversed()
    }
}
