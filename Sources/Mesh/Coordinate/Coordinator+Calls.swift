internal import NIOCore
package import Store
internal import Swim

/// From an operation to its machine and back: who holds the key, how long there is, what the outcome says to a caller.
extension Coordinator: CopyWishes {
    /// How long an operation may take; clients wait a minute, and a quorum that is there answers in milliseconds.
    static let timeoutMicros: UInt64 = 10_000_000

    enum Changed: Sendable {
        case done(Row)
        case refused(Row?)
        case left(KeySight)
    }

    // MARK: What a bucket wants

    private func settings(of bucket: BucketID) -> BucketSettings {
        store.bucket(bucket.within(.object)).map { BucketSettings(encoded: $0.settings) } ?? BucketSettings()
    }

    /// How many copies it was made with, which holds where the layout says nothing else.
    package func copies(of bucket: BucketID) -> Int {
        bucket.space == .system ? Layout.copiesDefault : settings(of: bucket).copies ?? Layout.copiesDefault
    }

    package var copiesInUse: Set<Int> {
        Set(store.buckets().compactMap { BucketSettings(encoded: $0.settings).copies }).union([Layout.copiesDefault])
    }

    package var goneBuckets: Set<BucketID> { store.buried }

    func holders(of address: RowAddress, _ layout: Layout) -> HolderSet {
        layout.holders(of: address, base: copies(of: address.bucket))
    }

    /// How many copies it has, and is to have.
    package func span(of bucket: BucketID) -> CopySpan {
        let base = copies(of: bucket)
        return mesh?.book.current.span(of: bucket, base: base) ?? CopySpan(base)
    }

    func consistency(of bucket: BucketID) -> Consistency? { settings(of: bucket).consistency }

    // MARK: Machines

    /// Throws where one node holds everything by now: there are no machines then, but for the layout itself.
    func task(_ address: RowAddress, _ mesh: MeshSide, isForLayout: Bool = false) throws -> RegisterTask {
        let layout = mesh.book.current
        if layout.isSole != nil, !isForLayout { throw CoordinatorError.alone }
        let holders = holders(of: address, layout)
        var task = RegisterTask(
            address: address,
            holders: holders,
            epoch: layout.epoch,
            settled: layout.settled,
            preferred: Self.preferred(holders, mesh),
            deadlineMicros: CallRoad.nowMicros + Self.timeoutMicros,
            writer: names.writer()
        )
        task.faults = .seeded
        return task
    }

    /// Who keeps no bytes is asked for them last, this node too.
    private static func preferred(_ holders: HolderSet, _ mesh: MeshSide) -> [NodeID] {
        let ranked = mesh.holders.ranked(holders.everyone)
        guard holders.hasWitness else { return ranked }
        return ranked.filter(holders.keepsBytes) + ranked.filter { !holders.keepsBytes($0) }
    }

    func road(_ address: RowAddress, _ mesh: MeshSide) -> CallRoad {
        CallRoad(
            holders: mesh.holders,
            book: mesh.book,
            metrics: metrics,
            clock: clock,
            copies: copies(of: address.bucket)
        )
    }

    /// What a quorum has of a key.
    func sight(
        _ address: RowAddress,
        _ selector: VersionSelector,
        _ depth: LookDepth,
        _ mesh: MeshSide
    ) async throws -> KeySight {
        let task = try task(address, mesh)
        let machine = ReadMachine(task, selector, depth: depth)
        let outcome = await timed(.read) { await QuorumCall(machine, task, road: road(address, mesh)).run() }
        guard case .seen(let sight) = outcome else { throw failure(outcome, task) }
        return sight
    }

    /// A blind write. Nil: it deletes what is not there.
    func write(_ row: Row, _ mesh: MeshSide, _ asked: Consistency?) async throws -> Row? {
        let task = try task(row.address, mesh)
        let machine = WriteMachine(task, row, wallMillis: WallClock.unixMillis)
        let kind = row.record.kind == .tombstone ? QuorumMetrics.Kind.delete : .write
        let outcome = await timed(kind) {
            await QuorumCall(machine, task, road: road(row.address, mesh), waitsForAll: asked == .all).run()
        }
        switch outcome {
        case .done(let row): return row
        case .seen: return nil
        default: throw failure(outcome, task)
        }
    }

    /// Writes a row whose stamp was decided before. `settled`: what it was when the decision was last seen to stand.
    func place(_ row: Row, _ mesh: MeshSide, settled: UInt64) async throws {
        let task = try task(row.address, mesh)
        let outcome = await timed(.write) {
            await QuorumCall(PlaceMachine(task, row, settled: settled), task, road: road(row.address, mesh)).run()
        }
        guard case .done = outcome else { throw failure(outcome, task) }
    }

    /// A change that depends on what is there. `judge` runs again when others were faster.
    func change(
        _ address: RowAddress,
        _ selector: VersionSelector,
        _ mesh: MeshSide,
        _ asked: Consistency? = nil,
        isForLayout: Bool = false,
        _ judge: @escaping @Sendable (KeySight) -> ChangeVerdict
    ) async throws -> Changed {
        let task = try task(address, mesh, isForLayout: isForLayout)
        let machine = ChangeMachine(task, selector, judge: judge)
        var road = road(address, mesh)
        road.isForLayout = isForLayout
        let outcome = await timed(.change) { [road] in
            await QuorumCall(machine, task, road: road, waitsForAll: asked == .all).run()
        }
        switch outcome {
        case .done(let row): return .done(row)
        case .preconditionFailed(let row): return .refused(row)
        case .seen(let sight): return .left(sight)
        case .failed: throw failure(outcome, task)
        }
    }

    // MARK: Outcomes

    private func timed(
        _ kind: QuorumMetrics.Kind,
        _ body: () async -> RegisterOutcome
    ) async -> RegisterOutcome {
        let start = NIODeadline.now()
        let outcome = await body()
        let micros = UInt64(max(0, (NIODeadline.now() - start).nanoseconds / 1000))
        metrics.record(kind, Self.outcome(outcome), micros: micros)
        return outcome
    }

    private static func outcome(_ outcome: RegisterOutcome) -> QuorumMetrics.Outcome {
        switch outcome {
        case .seen, .done: .done
        case .preconditionFailed: .refused
        case .failed(let failure): failure.effect == .none ? .unreachable : .unknown
        }
    }

    func failure(_ outcome: RegisterOutcome, _ task: RegisterTask) -> any Error {
        guard case .failed(let failure) = outcome else {
            return StoreError.io(what: "an operation ended with an outcome of another one")
        }
        let effect: CoordinatorError.Effect = failure.effect == .none ? .none : .unknown
        switch failure.reason {
        case .contention: return CoordinatorError.contended(effect)
        case .alone where effect == .none: return CoordinatorError.alone
        case .refused(.bucketClosed): return CoordinatorError.bucketClosing(effect)
        case .refused(.diskFull) where effect == .none: return StoreError.diskFull(freeBytes: 0)
        case .refused, .quorum, .alone:
            return CoordinatorError.quorumLost(
                answered: failure.acks,
                of: task.holders.everyone.count,
                effect: effect
            )
        }
    }
}
