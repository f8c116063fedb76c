internal import Store
internal import Swim

/// What an order would move and what it could lose, told before it is given. Field names are a contract with scripts.
///
/// Bytes are estimates: keys are spread by a hash, so that partitions of one mesh are nearly of one size.
package struct OrderPreview: Codable, Sendable, Equatable {
    package struct Move: Codable, Sendable, Equatable {
        package var from: String
        package var to: String
        package var partitions: Int
        package var objects: UInt64
        package var bytes: UInt64
    }

    /// One line for people.
    package var message: String
    package var changes: Bool
    /// It is only done with force.
    package var needsForce: Bool
    package var moves: [Move]
    package var objects: UInt64
    package var bytes: UInt64
    /// Of each object: what is wanted, and what there are nodes for after it.
    package var copiesWanted: Int
    package var copiesAfter: Int
    /// What nobody would have any more, in sentences.
    package var losses: [String]
    /// What speaks against it, and what will be different.
    package var warnings: [String]

    /// The one bucket that an order is about: all others stay where they are.
    package struct Bucket: Sendable {
        package let span: CopySpan
        package let usage: MeshUsage

        package init(span: CopySpan, usage: MeshUsage) {
            self.span = span
            self.usage = usage
        }
    }

    /// - Parameters:
    ///   - layout: what would be proposed; nil when nothing changes.
    ///   - loss: what only force does.
    package init(
        _ layout: Layout?,
        notes: [String] = [],
        loss: WishLoss? = nil,
        bucket: Bucket? = nil,
        facts: ClusterFacts
    ) {
        let span = bucket?.span ?? CopySpan(facts.copiesWanted)
        copiesWanted = span.next.copies
        copiesAfter = layout.map { min(span.next.copies, $0.target(of: span.next.pool).copiesMax) } ?? 0
        changes = layout != nil
        needsForce = loss != nil
        losses = loss?.sentences ?? []
        warnings = notes
        (moves, objects, bytes) = ([], 0, 0)
        message = "It is so already, or under way: nothing would move."
        guard let layout else { return }
        let density = bucket.map { Density($0.usage) } ?? Density(facts, layout)
        let shares = LayoutMovement(layout, span).shares
        count(Self.flows(shares, facts), density, facts)
        if bucket?.usage.isComplete == false {
            warnings.append("Some nodes did not say what they have: the numbers are estimates.")
        }
        warnings += spaceWarnings(facts)
        if copiesAfter < copiesWanted, !notes.contains(where: { $0.hasPrefix("Buckets that want") }), bucket == nil {
            let copies = Wording.count(copiesAfter, "copy", "copies")
            warnings.append("There are nodes for \(copies) of each object only, of \(copiesWanted) that are wanted.")
        }
        message = sentence
        if bucket != nil { message += Self.freed(shares, density, facts) }
    }

    /// What one partition has on one node, on average.
    private struct Density {
        var bytes = 0.0
        var objects = 0.0

        /// Of one bucket: each version once, whatever there are of copies.
        init(_ usage: MeshUsage) {
            bytes = Double(usage.bytes) / Double(Partition.count)
            objects = Double(usage.versions) / Double(Partition.count)
        }

        init(_ facts: ClusterFacts, _ layout: Layout) {
            var partitions = 0
            for share in LayoutMovement(layout, copies: facts.copiesWanted).shares {
                guard let known = facts.nodes.first(where: { $0.id == share.member.node })?.condition else { continue }
                let held = share.keeps.count + share.loses.count
                guard held > 0 else { continue }
                partitions += held
                bytes += Double(known.logicalBytes)
                objects += Double(known.versions)
            }
            guard partitions > 0 else { return }
            bytes /= Double(partitions)
            objects /= Double(partitions)
        }
    }

    private struct Flow: Hashable {
        var from: NodeID
        var to: NodeID
    }

    /// Partitions by where they come from and go to. Who gives one away gives it to who gets it; else whoever is there.
    private static func flows(_ shares: [LayoutMovement.Share], _ facts: ClusterFacts) -> [Flow: Int] {
        var holders: [Partition: (losers: [NodeID], keepers: [NodeID])] = [:]
        for share in shares {
            for partition in share.loses { holders[partition, default: ([], [])].losers.append(share.member.node) }
            for partition in share.keeps { holders[partition, default: ([], [])].keepers.append(share.member.node) }
        }
        let reachable = Set(facts.nodes.filter(\.isReachable).map(\.id))
        var flows: [Flow: Int] = [:]
        for share in shares {
            for partition in share.gains {
                let known = holders[partition] ?? ([], [])
                let all = (known.losers + known.keepers).filter { $0 != share.member.node }
                guard let source = all.first(where: reachable.contains) ?? all.first else { continue }
                flows[Flow(from: source, to: share.member.node), default: 0] += 1
            }
        }
        return flows
    }

    /// What nodes give up of it.
    private static func freed(_ shares: [LayoutMovement.Share], _ density: Density, _ facts: ClusterFacts) -> String {
        let losers = shares.filter { !$0.loses.isEmpty }.map { share in
            (name: facts.name(of: share.member.node), bytes: density.bytes * Double(share.loses.count))
        }.sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
        guard !losers.isEmpty else { return "" }
        let parts = losers.prefix(4).map { "\($0.name) gives up \(Wording.bytes(UInt64($0.bytes.rounded())))" }
        let rest = losers.count > 4 ? " and \(losers.count - 4) more do" : ""
        return " " + parts.joined(separator: ", ") + rest + ", once all new holders were seen to have it."
    }

    private mutating func count(_ flows: [Flow: Int], _ density: Density, _ facts: ClusterFacts) {
        moves = flows.map { flow, partitions in
            Move(
                from: facts.name(of: flow.from),
                to: facts.name(of: flow.to),
                partitions: partitions,
                objects: UInt64((density.objects * Double(partitions)).rounded()),
                bytes: UInt64((density.bytes * Double(partitions)).rounded())
            )
        }.sorted { ($1.partitions, $0.from, $0.to) < ($0.partitions, $1.from, $1.to) }
        objects = moves.reduce(0) { $0 + $1.objects }
        bytes = moves.reduce(0) { $0 + $1.bytes }
    }

    private func spaceWarnings(_ facts: ClusterFacts) -> [String] {
        let gains = Dictionary(grouping: moves, by: \.to).mapValues { $0.reduce(0) { $0 + $1.bytes } }
        return gains.sorted { $0.key < $1.key }.compactMap { name, bytes in
            guard let condition = facts.nodes.first(where: { $0.name == name })?.condition else {
                return "\(name) does not say how much space it has; it would get \(Wording.bytes(bytes))."
            }
            guard bytes > condition.freeBytes else { return nil }
            return "\(name) would get \(Wording.bytes(bytes)) and has \(Wording.bytes(condition.freeBytes)) free: "
                + "its disk would fill up."
        }
    }

    private var sentence: String {
        guard !moves.isEmpty else { return "No data would move." }
        let partitions = moves.reduce(0) { $0 + $1.partitions }
        let ways = moves.prefix(4).map { "\(Wording.bytes($0.bytes)) from \($0.from) to \($0.to)" }
        let rest = moves.count > 4 ? " and \(moves.count - 4) more ways" : ""
        return "About \(Wording.bytes(bytes)) in \(Wording.count(objects, "object", "objects")) would move "
            + "(\(Wording.count(partitions, "copy of a partition", "copies of partitions"))): "
            + ways.joined(separator: ", ") + rest + "."
    }
}
