internal import NIOCore
internal import Store
internal import Swim

/// What this node's repair asks of others: typed questions over the line, counted and paced.
struct RepairPeers: Sendable {
    /// A page of a walk that is worth its round trip.
    private static let walkLimit: UInt16 = 4096

    let line: any RepairLine
    /// The epoch that this node's store has taken up.
    let epoch: @Sendable () -> UInt64
    /// The two nodes know different layouts: brings both up to date. False: that is not possible now.
    let align: @Sendable (NodeID, Store.Refusal) async -> Bool
    /// The budget; nil for what neither it nor a pause may keep waiting.
    var pace: Pace?
    let counters: RepairCounters

    /// Asks again once when the layouts differed. What is bound to an epoch is asked again in that one only.
    private func ask<Body: WireValue, Answer: WireValue>(
        _ node: NodeID,
        _ method: RepairMethod,
        _ body: Body,
        in bound: UInt64? = nil
    ) async throws -> Answer {
        do {
            return try await askOnce(node, method, body, in: bound)
        } catch RepairFailure.refused(let refusal) {
            switch refusal {
            case .staleEpoch, .unknownEpoch:
                guard await align(node, refusal) else { throw RepairFailure.refused(refusal) }
                if bound != nil, case .staleEpoch = refusal { throw RepairFailure.superseded }
                return try await askOnce(node, method, body, in: bound)
            default: throw RepairFailure.refused(refusal)
            }
        }
    }

    private func askOnce<Body: WireValue, Answer: WireValue>(
        _ node: NodeID,
        _ method: RepairMethod,
        _ body: Body,
        in bound: UInt64?
    ) async throws -> Answer {
        try Task.checkCancellation()
        let question = RepairQuestion(epoch: bound ?? epoch(), body).wireBytes
        try await pace?.take(question.readableBytes)
        counters.bytesAsked.add(UInt64(question.readableBytes))
        var answer = try await line.ask(node, method, question)
        counters.bytesAnswered.add(UInt64(answer.readableBytes))
        try await pace?.take(answer.readableBytes)
        let refusal: Store.Refusal
        do throws(WireError) {
            guard try !answer.flag() else { return try Answer(wire: answer) }
            refusal = try Store.Refusal(wire: answer)
        } catch { throw RepairFailure.malformed }
        throw RepairFailure.refused(refusal)
    }

    func different(_ node: NodeID, _ partitions: [Partition], _ sums: [DigestSum]) async throws -> [Partition]? {
        let answer: DigestAnswer = try await ask(node, .digests, DigestQuestion.roots(partitions, sums))
        switch answer {
        case .unknown: return nil
        case .different(let partitions): return partitions
        case .sums: throw RepairFailure.malformed
        }
    }

    func groups(_ node: NodeID, _ partitions: [Partition]) async throws -> [UInt64]? {
        try sums(await ask(node, .digests, DigestQuestion.groups(partitions)), partitions.count * LeafGroup.count)
    }

    func leaves(_ node: NodeID, _ groups: [LeafGroup]) async throws -> [UInt64]? {
        try sums(await ask(node, .digests, DigestQuestion.leaves(groups)), groups.count * LeafGroup.leaves)
    }

    private func sums(_ answer: DigestAnswer, _ count: Int) throws -> [UInt64]? {
        switch answer {
        case .unknown: return nil
        case .sums(let sums) where sums.count == count: return sums
        default: throw RepairFailure.malformed
        }
    }

    func walk(_ node: NodeID, _ leaves: LeafSet, after: WalkPlace?) async throws -> WalkPage {
        try await ask(node, .walk, WalkQuestion(leaves, after: after, limit: Self.walkLimit))
    }

    func standing(_ node: NodeID, _ rows: [RowSight]) async throws -> [RowStanding] {
        let answer: WireList<RowStanding> = try await ask(node, .standing, WireList(rows))
        guard answer.values.count == rows.count else { throw RepairFailure.malformed }
        return answer.values
    }

    /// As many rows as one answer holds; those behind `seen` are to be asked for again.
    func rows(_ node: NodeID, _ names: [RowName]) async throws -> RowsAnswer {
        let answer: RowsAnswer = try await ask(node, .rows, WireList(names))
        guard (1...names.count).contains(answer.seen) else { throw RepairFailure.malformed }
        return answer
    }

    /// - Parameter epoch: what was known before the rows were read. In a later one, tombstones may have gone that would
    ///   have kept them out, so nobody takes them.
    func merge(_ node: NodeID, _ rows: [Row], epoch: UInt64) async throws -> [Stored] {
        let answer: WireList<Stored> = try await ask(node, .merge, WireList(rows), in: epoch)
        guard answer.values.count == rows.count else { throw RepairFailure.malformed }
        counters.rowsPushed.add(UInt64(rows.count))
        return answer.values
    }

    func instances(_ node: NodeID, _ partitions: [Partition]) async throws -> [OpenInstance] {
        var all: [OpenInstance] = []
        while true {
            let question = InstancesQuestion(partitions, after: all.last?.address)
            let answer: InstancesAnswer = try await ask(node, .instances, question)
            all += answer.instances
            guard answer.isTruncated, !answer.instances.isEmpty else { return all }
        }
    }

    /// Buckets that take no writes at a node because they are being deleted, or were.
    func closedBuckets(at node: NodeID) async throws -> [ClosedBucket] {
        var all: [ClosedBucket] = []
        while true {
            let question = ClosedBucketsQuestion(after: all.last?.bucket)
            let answer: ClosedBucketsAnswer = try await ask(node, .closedBuckets, question)
            all += answer.buckets
            guard answer.isTruncated, !answer.buckets.isEmpty else { return all }
        }
    }

    func status(_ node: NodeID) async throws -> SyncStatus {
        try await ask(node, .syncStatus, WireList<RowStanding>([]))
    }

    func smallState(_ node: NodeID) async throws -> SmallStateAnswer {
        try await ask(node, .smallState, WireList<RowStanding>([]))
    }

    /// What these rows are at a holder, in this very epoch.
    func standing(_ node: NodeID, ofSpent rows: [SpentRow], epoch: UInt64) async throws -> [SpentStanding] {
        let answer: WireList<SpentStanding> = try await ask(node, .spent, WireList(rows), in: epoch)
        guard answer.values.count == rows.count else { throw RepairFailure.malformed }
        return answer.values
    }

    /// All holders of these rows have said that they are spent: they may go in the epoch behind this one.
    func collect(_ node: NodeID, _ rows: [SpentRow], epoch: UInt64) async throws {
        let _: WireList<SpentStanding> = try await ask(node, .collect, WireList(rows), in: epoch)
    }

    func bytes(_ node: NodeID, _ name: RowName, from offset: UInt64, count: Int) async throws -> ByteBuffer {
        try Task.checkCancellation()
        try await pace?.take(count)
        return try await line.bytes(node, name, from: offset, count: count)
    }
}
