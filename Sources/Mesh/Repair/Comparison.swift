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
    /// By how much both differ in the leaves and in the partitions that were found, to remember when nothing comes of it.
    private(set) var differences: [LeafName: UInt64] = [:]
    private(set) var partitionDifferences: [Partition: UInt64] = [:]

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

    mutating func roots(different: [Partition]) -> Directive {
        let known = Set(partitions)
        asked = different.filter { known.contains($0) }
        return asked.isEmpty ? end() : .groups(asked)
    }

    /// Both in the order of the question, 16 for each partition.
    mutating func groups(mine: [UInt64], theirs: [UInt64]) -> Directive {
        for (index, partition) in asked.enumerated() {
            let start = index * LeafGroup.count
            let range = start..<start + LeafGroup.count
            let difference = Self.difference(mine[range], theirs[range])
            if explained.contains(partition, difference) { continue }
            partitionDifferences[partition] = difference
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
                let at = index * LeafGroup.leaves + offset
                let difference = mine[at] &- theirs[at]
                guard difference != 0 else { continue }
                let name = LeafName(group.partition, leaf)
                guard !explained.contains(name, difference) else { continue }
                found.insert(group.partition, leaf)
                differences[name] = difference
            }
        }
        return nextLeaves()
    }

    mutating func resume() -> Directive {
        before = found
        let again = Array(found.partitions.keys).sorted()
        found = LeafSet()
        differences = [:]
        partitionDifferences = [:]
        return again.isEmpty ? .finish(found) : .roots(again)
    }

    private mutating func nextLeaves() -> Directive {
        guard !pending.isEmpty else { return end() }
        askedGroups = Array(pending.prefix(LeafGroup.askedMax))
        pending.removeFirst(askedGroups.count)
        return .leaves(askedGroups)
    }

    private mutating func end() -> Directive {
        if let before {
            let all = found
            found = found.intersection(before)
            // What is not looked at now is not explained by it.
            differences = differences.filter { found.contains($0.key.partition, $0.key.leaf) }
            partitionDifferences = partitionDifferences.filter { found.partitions[$0.key] == all.partitions[$0.key] }
        }
        guard leftRechecks > 0, !found.isEmpty else { return .finish(found) }
        leftRechecks -= 1
        return .pause
    }

    /// One word for the differences of all groups of a partition; the order counts.
    private static func difference(_ mine: ArraySlice<UInt64>, _ theirs: ArraySlice<UInt64>) -> UInt64 {
        zip(mine, theirs).reduce(0) { Rendezvous.mix($0 &* 31 &+ ($1.0 &- $1.1)) }
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

/// Leaves that differ for a reason: rows of buckets that want fewer copies, or are on other nodes, which one of the two is
/// not to have. As long as the two differ by as much there is nothing to look for: sums add up, so what both get in the
/// same leaf changes nothing. Whole partitions are known by the differences of their groups.
struct ExplainedLeaves: Sendable {
    private static let countMax = 100_000
    private var leaves: [LeafName: UInt64] = [:]
    private var partitions: [Partition: UInt64] = [:]

    func contains(_ partition: Partition, _ difference: UInt64) -> Bool { partitions[partition] == difference }

    mutating func note(_ partition: Partition, _ difference: UInt64) { partitions[partition] = difference }

    func contains(_ name: LeafName, _ difference: UInt64) -> Bool { leaves[name] == difference }

    mutating func note(_ name: LeafName, _ difference: UInt64) {
        if leaves.count >= Self.countMax, leaves[name] == nil { leaves.removeAll(keepingCapacity: true) }
        leaves[name] = difference
    }
}
