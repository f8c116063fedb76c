package import NIOCore
internal import Store
package import Swim
internal import Synchronization

/// Answers what other nodes' repair asks of this one.
package final class RepairService: Sendable {
    /// Questions at work at once: each may walk the table, and clients come first. Who asks beyond that tries again.
    private static let atWorkMax = 16

    private let around: RepairSurroundings
    private let place: OwnPlace
    private let isSynced: @Sendable (UInt64) -> Bool
    private let collector: Collector
    private let atWork = Mutex(0)

    init(
        _ around: RepairSurroundings,
        place: OwnPlace,
        collector: Collector,
        isSynced: @escaping @Sendable (UInt64) -> Bool
    ) {
        self.collector = collector
        self.around = around
        self.place = place
        self.isSynced = isSynced
    }

    /// Answers one question; never throws, because what cannot be answered is a refusal.
    package func answer(_ method: RepairMethod, _ payload: ByteBuffer, from asker: NodeID) async -> ByteBuffer {
        let isFree = atWork.withLock { count in
            guard count < Self.atWorkMax else { return false }
            count += 1
            return true
        }
        guard isFree else { return RepairMessage.refusal(.overloaded) }
        defer { atWork.withLock { $0 -= 1 } }
        do {
            return try await dispatch(method, payload, asker)
        } catch let refusal as Store.Refusal {
            return RepairMessage.refusal(refusal)
        } catch is WireError {
            return RepairMessage.refusal(.invalid)
        } catch StoreError.overloaded {
            return RepairMessage.refusal(.overloaded)
        } catch {
            return RepairMessage.refusal(.closed)
        }
    }

    private func dispatch(_ method: RepairMethod, _ payload: ByteBuffer, _ asker: NodeID) async throws -> ByteBuffer {
        switch method {
        case .walk: RepairMessage.answer(try await walk(try question(payload), asker))
        case .digests: RepairMessage.answer(digests(try question(payload)))
        case .rows: RepairMessage.answer(try await rows(try question(payload)))
        case .merge: RepairMessage.answer(try await merge(payload, asker))
        case .instances: RepairMessage.answer(try await instances(try question(payload)))
        case .standing: RepairMessage.answer(try await standing(try question(payload), asker))
        case .spent: RepairMessage.answer(try await spent(payload))
        case .collect: RepairMessage.answer(try collect(payload))
        case .closedBuckets: RepairMessage.answer(try await closedBuckets(try question(payload)))
        case .syncStatus: RepairMessage.answer(status(try question(payload)))
        // The layout has a driver of its own.
        case .layoutGet, .layoutOffer: throw Store.Refusal.invalid
        case .smallState:
            RepairMessage.answer(
                SmallStateAnswer(
                    sum: around.disk.roots()?[Int(Partition.system.number)],
                    epoch: around.book.current.epoch
                )
            )
        }
    }

    /// A question of somebody who goes by an epoch that this node has not taken up is refused: what is answered has to be
    /// behind the fences of the asker's epoch.
    private func question<Body: WireValue>(_ payload: ByteBuffer) throws -> Body {
        let question = try RepairQuestion<Body>(wire: payload)
        let known = around.peers.epoch()
        guard question.epoch <= known else { throw Store.Refusal.unknownEpoch(known) }
        return question.body
    }

    /// Rows of pools in which the asker has no place are left out: it would only look at them.
    private func walk(_ question: WalkQuestion, _ asker: NodeID) async throws -> WalkPage {
        let layout = around.book.current
        var limit = Int(max(1, question.limit))
        while true {
            var page = try await around.disk.walk(question.leaves, after: question.after, limit: limit)
            if !layout.pools.isEmpty { page.rows.removeAll { layout.isElsewhere($0.address, than: asker) } }
            // Long keys: fewer of them fit.
            guard page.sizeHint > RepairMessage.bytesMax, limit > 1 else { return page }
            limit = max(1, min(limit, page.rows.count) / 4)
        }
    }

    private func digests(_ question: DigestQuestion) -> DigestAnswer {
        switch question {
        case .roots(let partitions, let theirs):
            guard let roots = around.disk.roots() else { return .unknown }
            return .different(zip(partitions, theirs).filter { roots[Int($0.0.number)] != $0.1 }.map(\.0))
        case .groups(let partitions):
            return DigestReading.groups(partitions, of: around.disk).map { .sums($0) } ?? .unknown
        case .leaves(let groups):
            return DigestReading.leaves(groups, of: around.disk).map { .sums($0) } ?? .unknown
        }
    }

    private func rows(_ names: WireList<RowName>) async throws -> RowsAnswer {
        var answer = RowsAnswer(seen: 0, rows: [])
        var bytes = 0
        for name in names.values {
            let row = try await around.disk.row(name)
            let size = row?.sizeHint ?? 0
            guard bytes == 0 || bytes + size <= RepairMessage.bytesMax else { break }
            bytes += size
            answer.seen += 1
            if let row { answer.rows.append(row) }
        }
        return answer
    }

    /// The question and the epoch that it is bound to, which has to be that of this node too.
    private func bound<Body: WireValue>(_ payload: ByteBuffer) throws -> (body: Body, epoch: UInt64) {
        let question = try RepairQuestion<Body>(wire: payload)
        let known = around.peers.epoch()
        guard question.epoch <= known else { throw Store.Refusal.unknownEpoch(known) }
        guard question.epoch == known else { throw Store.Refusal.staleEpoch(known) }
        return (question.body, question.epoch)
    }

    private func merge(_ payload: ByteBuffer, _ asker: NodeID) async throws -> WireList<Stored> {
        let (rows, epoch): (WireList<Row>, UInt64) = try bound(payload)
        // A store that has no place any more knows nothing of what was collected without it.
        let isMember = around.book.current.member(asker) != nil
        guard isMember || rows.values.allSatisfy({ $0.address.bucket.space == .system }) else {
            throw Store.Refusal.notHolder
        }
        // A node that keeps what is not its own would count as a copy where it is none.
        guard rows.values.allSatisfy({ around.isHolder(around.own, $0.address) }) else { throw Store.Refusal.notHolder }
        guard !rows.values.isEmpty else { return WireList([]) }
        guard let stored = await around.disk.merge(rows.values, epoch: epoch) else {
            throw Store.Refusal.overloaded
        }
        for (row, stored) in zip(rows.values, stored) where stored == .withoutBytes {
            around.sources.note(RowName(row.address, row.stamp), asker)
        }
        return WireList(stored)
    }

    private func standing(_ sights: WireList<RowSight>, _ asker: NodeID) async throws -> WireList<RowStanding> {
        let standing = try await around.disk.standing(of: sights.values)
        for (sight, standing) in zip(sights.values, standing) where standing == .withoutBytes && sight.hasBytes {
            around.sources.note(sight.name, asker)
        }
        return WireList(standing)
    }

    /// What a holder says of rows that are to be collected; who is none says that it has nothing else of their keys.
    private func spent(_ payload: ByteBuffer) async throws -> WireList<SpentStanding> {
        let (rows, _): (WireList<SpentRow>, UInt64) = try bound(payload)
        let cut = around.settings.cut(share: 2)
        let standing = try await around.disk.standing(ofSpent: rows.values)
        return WireList(
            zip(rows.values, standing).map { row, standing in
                guard row.ref.stamp.t <= cut.rows else { return .needed }
                return standing == .absent && !around.isHolder(around.own, row.address) ? .spent : standing
            }
        )
    }

    private func collect(_ payload: ByteBuffer) throws -> WireList<SpentStanding> {
        let (rows, epoch): (WireList<SpentRow>, UInt64) = try bound(payload)
        guard collector.take(rows.values, epoch: epoch) else { throw Store.Refusal.overloaded }
        return WireList([])
    }

    /// A page of those behind the one that was asked for.
    private func closedBuckets(_ question: ClosedBucketsQuestion) async throws -> ClosedBucketsAnswer {
        // In this order: one that is buried in between is in both, not in neither.
        let closed = try await around.disk.closedBuckets()
        let gone = around.disk.buriedBuckets
        let open = closed.filter { !gone.contains($0) }
        let all = gone.map { ClosedBucket($0, isGone: true) } + open.map { ClosedBucket($0, isGone: false) }
        let rest = all.filter { $0.bucket.rawValue > question.after?.rawValue ?? 0 }
            .sorted { $0.bucket.rawValue < $1.bucket.rawValue }
        let page = Array(rest.prefix(ClosedBucketsAnswer.countMax))
        return ClosedBucketsAnswer(page, isTruncated: page.count < rest.count)
    }

    private func instances(_ question: InstancesQuestion) async throws -> InstancesAnswer {
        let all = try await around.disk.instances(of: Set(question.partitions)).sorted {
            Self.precedes($0.address, $1.address)
        }
        let rest = question.after.map { after in all.filter { Self.precedes(after, $0.address) } } ?? all
        var page: [OpenInstance] = []
        var bytes = 0
        for instance in rest {
            guard page.isEmpty || bytes + instance.sizeHint <= RepairMessage.bytesMax else { break }
            bytes += instance.sizeHint
            page.append(instance)
        }
        return InstancesAnswer(page, isTruncated: page.count < rest.count)
    }

    private static func precedes(_ a: RowAddress, _ b: RowAddress) -> Bool {
        a.bucket != b.bucket ? a.bucket.rawValue < b.bucket.rawValue : a.key < b.key
    }

    private func status(_: WireList<RowStanding>) -> SyncStatus { status() }

    func status() -> SyncStatus {
        let epoch = around.peers.epoch()
        let load = around.disk.load
        return SyncStatus(
            epoch: epoch,
            isSynced: isSynced(epoch),
            objects: load.objects,
            bytes: load.bytes,
            storeID: place.storeID,
            zone: place.zone,
            weight: place.weight(),
            collection: collector.status(in: epoch)
        )
    }
}
