internal import Store
internal import Swim

/// Makes this node and one peer hold the same rows in some partitions, each as far as it is to hold them.
///
/// The dull half of `Comparison`: asks, walks the leaves that differ on both sides, and carries rows over in batches.
/// The order of walks does not matter, so neither side keeps anything in memory but a page.
struct Reconciliation: Sendable {
    enum Direction: Sendable {
        case pull
        case both
    }

    struct Result: Sendable {
        var leavesDifferent = 0
        var rowsPulled = 0
        var rowsPushed = 0
    }

    private static let rowsAtOnce = 256

    let around: RepairSurroundings
    let peer: NodeID

    /// - Parameter explained: what is known to differ for a reason; more is noted.
    func run(
        _ partitions: [Partition],
        _ direction: Direction,
        recheckMicros: Micros? = nil,
        explained: inout ExplainedLeaves
    ) async throws -> Result {
        let (leaves, comparison) = try await compare(partitions, recheckMicros, explained)
        var result = Result(leavesDifferent: leaves.leafCount)
        guard !leaves.isEmpty else { return result }
        var touched = Set<LeafName>()
        result.rowsPulled = try await pull(leaves, &touched)
        if direction == .both {
            result.rowsPushed = try await push(leaves, &touched)
            for (name, difference) in comparison.differences where !touched.contains(name) {
                explained.note(name, difference)
            }
            let uneven = Set(touched.map(\.partition))
            for (partition, difference) in comparison.partitionDifferences where !uneven.contains(partition) {
                explained.note(partition, difference)
            }
        }
        return result
    }

    // MARK: Which leaves

    private func compare(
        _ partitions: [Partition],
        _ recheckMicros: Micros?,
        _ explained: ExplainedLeaves
    ) async throws -> (LeafSet, Comparison) {
        var comparison = Comparison(partitions, rechecks: recheckMicros != nil, explained: explained)
        var directive = comparison.begin()
        while true {
            switch directive {
            case .roots(let asked):
                guard let all = around.disk.roots() else {
                    directive = comparison.unknown()
                    continue
                }
                let mine = asked.map { all[Int($0.number)] }
                guard let different = try await around.peers.different(peer, asked, mine) else {
                    directive = comparison.unknown()
                    continue
                }
                directive = comparison.roots(different: different)
            case .groups(let asked):
                let theirs = try await around.peers.groups(peer, asked)
                if let theirs, let mine = DigestReading.groups(asked, of: around.disk) {
                    directive = comparison.groups(mine: mine, theirs: theirs)
                } else {
                    directive = comparison.unknown()
                }
            case .leaves(let asked):
                let theirs = try await around.peers.leaves(peer, asked)
                if let theirs, let mine = DigestReading.leaves(asked, of: around.disk) {
                    directive = comparison.leaves(mine: mine, theirs: theirs)
                } else {
                    directive = comparison.unknown()
                }
            case .pause:
                if let recheckMicros, recheckMicros > 0 { try await Task.sleep(for: .microseconds(recheckMicros)) }
                directive = comparison.resume()
            case .finish(let leaves): return (leaves, comparison)
            }
        }
    }

    // MARK: Rows

    /// Takes what the peer has in these leaves and this node has not.
    private func pull(_ leaves: LeafSet, _ touched: inout Set<LeafName>) async throws -> Int {
        var count = 0
        var place: WalkPlace?
        repeat {
            let page = try await around.peers.walk(peer, leaves, after: place)
            let mine = page.rows.filter { around.isHolder(around.own, $0.address) }
            let standing = try await around.disk.standing(of: mine)
            var missing: [RowSight] = []
            for (sight, standing) in zip(mine, standing) {
                switch standing {
                case .settled: continue
                case .withoutBytes: if sight.hasBytes { around.sources.note(sight.name, peer) }
                case .missing: missing.append(sight)
                }
                touched.insert(LeafName(sight.address.partition, sight.address.leaf))
            }
            count += try await fetch(missing)
            place = page.next
        } while place != nil
        return count
    }

    private func fetch(_ missing: [RowSight]) async throws -> Int {
        var names = missing.map(\.name)[...]
        let sizes = Dictionary(missing.map { ($0.name, $0.size) }, uniquingKeysWith: { a, _ in a })
        var count = 0
        while !names.isEmpty {
            let epoch = around.peers.epoch()
            let answer = try await around.peers.rows(peer, Array(names.prefix(Self.rowsAtOnce)))
            names = names.dropFirst(answer.seen)
            guard !answer.rows.isEmpty else { continue }
            guard let stored = await around.disk.merge(answer.rows, epoch: epoch) else {
                throw RepairFailure.superseded
            }
            for (row, stored) in zip(answer.rows, stored) {
                let name = RowName(row.address, row.stamp)
                if stored == .withoutBytes { around.sources.note(name, peer) }
                around.movement.noteRow(bytes: stored == .complete ? sizes[name] ?? 0 : 0)
            }
            count += answer.rows.count
            around.counters.rowsPulled.add(UInt64(answer.rows.count))
        }
        return count
    }

    /// Brings the peer what this node has in these leaves and the peer has not.
    private func push(_ leaves: LeafSet, _ touched: inout Set<LeafName>) async throws -> Int {
        var count = 0
        var place: WalkPlace?
        repeat {
            let page = try await around.disk.walk(leaves, after: place, limit: RepairMessage.rowsMax)
            let theirs = page.rows.filter { around.isHolder(peer, $0.address) }
            if !theirs.isEmpty {
                let standing = try await around.peers.standing(peer, theirs)
                let lacking = zip(theirs, standing).filter { $0.1 != .settled }
                for (sight, _) in lacking { touched.insert(LeafName(sight.address.partition, sight.address.leaf)) }
                let missing = lacking.filter { $0.1 == .missing }.map(\.0.name)
                count += try await RowPush(around: around, peer: peer).push(missing).count
            }
            place = page.next
        } while place != nil
        return count
    }
}

/// Brings rows that are here to a peer, as many at once as a message holds. The bytes of large bodies stay: the peer
/// fetches those itself.
struct RowPush: Sendable {
    let around: RepairSurroundings
    let peer: NodeID

    /// What became of each row at the peer; those that are not here any more are left out.
    @discardableResult
    func push(_ names: [RowName]) async throws -> [RowName: Stored] {
        var result: [RowName: Stored] = [:]
        var batch: [Row] = []
        var bytes = 0
        let epoch = around.peers.epoch()
        for name in names {
            guard let row = try await around.disk.row(name) else { continue }
            if !batch.isEmpty, bytes + row.sizeHint > RepairMessage.bytesMax || batch.count >= RepairMessage.rowsMax {
                try await send(batch, epoch, &result)
                batch = []
                bytes = 0
            }
            batch.append(row)
            bytes += row.sizeHint
        }
        if !batch.isEmpty { try await send(batch, epoch, &result) }
        return result
    }

    private func send(_ batch: [Row], _ epoch: UInt64, _ result: inout [RowName: Stored]) async throws {
        let stored = try await around.peers.merge(peer, batch, epoch: epoch)
        for (row, stored) in zip(batch, stored) { result[RowName(row.address, row.stamp)] = stored }
    }
}

/// Sums of this node in the form in which nodes compare them: half of each.
enum DigestReading {
    static func groups(_ partitions: [Partition], of disk: any RepairDisk) -> [UInt64]? {
        var sums: [UInt64] = []
        sums.reserveCapacity(partitions.count * LeafGroup.count)
        for partition in partitions {
            guard let leaves = disk.leaves(of: partition) else { return nil }
            for group in 0..<LeafGroup.count {
                let range = group * LeafGroup.leaves..<(group + 1) * LeafGroup.leaves
                sums.append(leaves[range].reduce(0) { $0 &+ $1.low })
            }
        }
        return sums
    }

    static func leaves(_ groups: [LeafGroup], of disk: any RepairDisk) -> [UInt64]? {
        var sums: [UInt64] = []
        sums.reserveCapacity(groups.count * LeafGroup.leaves)
        var last: (Partition, [DigestSum])?
        for group in groups {
            if last?.0 != group.partition {
                guard let leaves = disk.leaves(of: group.partition) else { return nil }
                last = (group.partition, leaves)
            }
            guard let leaves = last?.1 else { return nil }
            for leaf in group.range { sums.append(leaves[leaf].low) }
        }
        return sums
    }
}
