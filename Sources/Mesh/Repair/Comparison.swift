internal import Store

/// Finds the leaves in which two nodes differ, from coarse sums to fine ones. A pure machine: sums in, questions out.
///
/// Equal nodes are done after one question of 18 bytes for each partition. Partitions that differ are narrowed down in
/// two steps of sixteen, so that one row among many costs about 300 bytes; a partition in which most groups differ is
/// taken as a whole. With a recheck, what differs has to differ twice with some time in between.
struct Comparison: Sendable {
    enum Directive: Equatable {
        case roots([Partition])
        case groups([Partition])
        case leaves([LeafGroup])
        /// Go on with `resume` after the recheck time.
        case pause
        /// These leaves are different, or not known to be equal.
        case finish(LeafSet)
    }

    /// From so many different groups on, looking closer costs more than it spares.
    private static let groupsMax = 12

    private let partitions: [Partition]
    private var leftRechecks: Int
    private let explained: ExplainedLeaves
    private var asked: [Partition] = []
    private var askedGroups: [LeafGroup] = []
    private var pending: [LeafGroup] = []
    private var found = LeafSet()
    private var before: LeafSet?
    /// What both had in the leaves that were found, to remember when nothing comes of it.
    private(set) var sums: [LeafName: LeafSums] = [:]

    init(_ partitions: [Partition], rechecks: Bool, explained: ExplainedLeaves = ExplainedLeaves()) {
        self.partitions = partitions
        leftRechecks = rechecks ? 1 : 0
        self.explained = explained
    }

    mutating func begin() -> Directive {
        partitions.isEmpty ? .finish(LeafSet()) : .roots(partitions)
    }

    /// One of the two does not know its sums yet: everything has to be looked at.
    mutating func unknown() -> Directive { .finish(LeafSet(partitions)) }

    /// - Parameter empty: those of which this node has nothing; there is nothing to narrow down.
    mutating func roots(different: [Partition], empty: Set<Partition>) -> Directive {
        let known = Set(partitions)
        let real = different.filter { known.contains($0) }
        for partition in real where empty.contains(partition) { found.insert(partition, .all) }
        asked = real.filter { !empty.contains($0) }
        return asked.isEmpty ? end() : .groups(asked)
    }

    /// Both in the order of the question, 16 for each partition.
    mutating func groups(mine: [UInt64], theirs: [UInt64]) -> Directive {
        for (index, partition) in asked.enumerated() {
            let start = index * LeafGroup.count
            let different = (0..<LeafGroup.count).filter { mine[start + $0] != theirs[start + $0] }
            if different.count > Self.groupsMax {
                found.insert(partition, .all)
            } else {
                pending += different.map { LeafGroup(partition, $0) }
            }
        }
        return nextLeaves()
    }

    mutating func leaves(mine: [UInt64], theirs: [UInt64]) -> Directive {
        for (index, group) in askedGroups.enumerated() {
            for (offset, leaf) in group.range.enumerated() {
                let both = LeafSums(
                    mine: mine[index * LeafGroup.leaves + offset],
                    theirs: theirs[index * LeafGroup.leaves + offset]
                )
                guard both.mine != both.theirs else { continue }
                let name = LeafName(group.partition, leaf)
                guard !explained.contains(name, both) else { continue }
                found.insert(group.partition, leaf)
                sums[name] = both
            }
        }
        return nextLeaves()
    }

    mutating func resume() -> Directive {
        before = found
        let again = Array(found.partitions.keys).sorted()
        found = LeafSet()
        sums = [:]
        return again.isEmpty ? .finish(found) : .roots(again)
    }

    private mutating func nextLeaves() -> Directive {
        guard !pending.isEmpty else { return end() }
        askedGroups = Array(pending.prefix(LeafGroup.askedMax))
        pending.removeFirst(askedGroups.count)
        return .leaves(askedGroups)
    }

    private mutating func end() -> Directive {
        if let before { found = found.intersection(before) }
        guard leftRechecks > 0, !found.isEmpty else { return .finish(found) }
        leftRechecks -= 1
        return .pause
    }
}

struct LeafName: Hashable, Sendable {
    let partition: Partition
    let leaf: Int

    init(_ partition: Partition, _ leaf: Int) {
        self.partition = partition
        self.leaf = leaf
    }
}

struct LeafSums: Hashable, Sendable {
    let mine: UInt64
    let theirs: UInt64
}

/// Leaves that differ for a reason: rows of buckets that want fewer copies, which one of the two is not to have. As long
/// as neither sum changes there is nothing to look for.
struct ExplainedLeaves: Sendable {
    private static let countMax = 100_000
    private var sums: [LeafName: LeafSums] = [:]

    func contains(_ name: LeafName, _ both: LeafSums) -> Bool { sums[name] == both }

    mutating func note(_ name: LeafName, _ both: LeafSums) {
        if sums.count >= Self.countMax, sums[name] == nil { sums.removeAll(keepingCapacity: true) }
        sums[name] = both
    }
}
