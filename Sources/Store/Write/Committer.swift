import Synchronization

/// One thread that turns many concurrent writes into one transaction and one fdatasync.
///
/// It drains all that waits, applies it, commits, and only then answers. While one batch is being synced the next one
/// collects by itself, and where processors are short it waits a moment more (`Gathering`).
final class Committer: Sendable {
    enum Work: Sendable {
        case mutation(Mutation, UnsafeContinuation<Outcome, any Error>)
        /// What another node's coordinator asks of this holder, and changes something.
        case call(ReplicaCall, @Sendable (ReplicaReply) -> Void)
        /// The store's own upkeep: sweeping, compaction, quarantine.
        case upkeep(@Sendable (IndexWriter) throws -> Void, @Sendable (Result<Void, any Error>) -> Void)
    }

    /// Mutations in one transaction: a bound on the latency of the first of them.
    private static let batchMax = 512

    private let inbox: Inbox<Work>
    private let thread: StoreThread

    struct Surroundings: Sendable {
        let staging: Staging
        let condition: Condition
        let metrics: Metrics
        let checkpointer: Checkpointer
        let published: PublishedState
        let hot: HotRecords
        let fencing: FencingBook
        let observers: SystemObservers
        let hints: HintBook
        let outbox: OutboxBook
        let usage: UsageBook
        /// Rung when there is something to sweep.
        let sweep: Bell
    }

    init(
        _ writer: IndexWriter,
        _ around: Surroundings,
        _ carried: CarriedBodies.Surroundings,
        queueMax: Int
    ) throws {
        let inbox = Inbox<Work>(limit: queueMax)
        self.inbox = inbox
        // The connection goes over to the new thread here and is touched by no other from now on.
        nonisolated(unsafe) let writer = writer
        thread = try StoreThread("store-commit") {
            let run = CommitterRun(writer, around, CarriedBodies(carried))
            var batch: [Work] = []
            var gathering = Gathering()
            let delay = RunDelay()
            while inbox.take(most: Self.batchMax, into: &batch) {
                run.commit(batch)
                let now = Clock.monotonicNanos()
                if gathering.isDue(nowNanos: now) { gathering.note(nowNanos: now, delayNanos: delay.nanos()) }
                let window = gathering.windowNanos(behind: batch.count)
                if window > 0 { Clock.sleep(nanos: window) }
                batch.removeAll(keepingCapacity: true)
            }
        }
    }

    /// Takes the work in, or says at once why not.
    func submit(_ work: Work) {
        let error: StoreError
        switch inbox.offer(work) {
        case .accepted: return
        case .full: error = .overloaded
        case .closed: error = .closed
        }
        switch work {
        case .mutation(_, let continuation): continuation.resume(throwing: error)
        case .call(_, let done): done(.refused(Refusal(error)))
        case .upkeep(_, let done): done(.failure(error))
        }
    }

    var queued: Int { inbox.count }

    func stop() {
        inbox.close()
        thread.join()
    }

    /// Runs upkeep and waits for its commit. Only for the store's own threads.
    func upkeep(_ body: @escaping @Sendable (IndexWriter) throws -> Void) throws {
        let bell = Bell()
        let result = Mutex<Result<Void, any Error>?>(nil)
        withExtendedLifetime(bell) {
            submit(
                .upkeep(body) { outcome in
                    result.withLock { $0 = outcome }
                    bell.ring()
                }
            )
            _ = bell.wait()
        }
        try result.withLock { $0 }?.get()
    }
}

/// What the committer last committed, for all threads to see.
final class PublishedState: Sendable {
    struct Value {
        var small: SmallState
        var counters: Counters
        var segments: [UInt32: SegmentRow]
        var burials: Burials
    }

    private let value: Mutex<Value>

    init(_ loaded: LoadedIndex) {
        value = Mutex(
            Value(
                small: loaded.small,
                counters: loaded.counters,
                segments: loaded.segments,
                burials: Burials(gone: loaded.gone, unpurged: loaded.gone)
            )
        )
    }

    func read<Result>(_ body: (Value) -> sending Result) -> sending Result { value.withLock { body($0) } }

    func write(_ body: (inout Value) -> Void) { value.withLock { body(&$0) } }
}

/// The committer's thread at work.
private final class CommitterRun {
    private let writer: IndexWriter
    private let around: Committer.Surroundings
    private var bodies: CarriedBodies
    private var outcomes: [Result<Answer, any Error>] = []

    private enum Answer {
        case outcome(Outcome)
        case reply(ReplicaReply)
        case done
    }

    init(_ writer: IndexWriter, _ around: Committer.Surroundings, _ bodies: CarriedBodies) {
        self.writer = writer
        self.around = around
        self.bodies = bodies
    }

    func commit(_ batch: [Committer.Work]) {
        let batch = bodies.place(batch)
        if batch.isEmpty { return }
        outcomes.removeAll(keepingCapacity: true)
        do {
            try around.condition.admit(growing: false)
            around.checkpointer.relieve(writer.database)
            let changed = try attempt(batch)
            publish(changed)
            if changed {
                around.metrics.commits.add(UInt64(batch.count))
                around.metrics.batches.add(1)
                around.metrics.syncs.add(1)
                around.checkpointer.committed()
            }
        } catch {
            let reason = refusal(error)
            outcomes = batch.map { _ in .failure(reason) }
        }
        for (work, outcome) in zip(batch, outcomes) {
            switch work {
            case .mutation(_, let continuation):
                continuation.resume(
                    with: outcome.map { if case .outcome(let value) = $0 { value } else { .noSuchKey } }
                )
            case .call(_, let done):
                switch outcome {
                case .success(.reply(let reply)): done(reply)
                case .success: done(.refused(.invalid))
                case .failure(let error): done(.refused(Refusal(error)))
                }
            case .upkeep(_, let done): done(outcome.map { _ in })
            }
        }
    }

    /// The whole batch in one transaction; throws when nothing of it was committed.
    private func attempt(_ batch: [Committer.Work]) throws -> Bool {
        if SeededBug.ackBeforeFsync.isOn { try writer.syncNowAndThen() }
        try writer.begin(nowMillis: Clock.wallMillis())
        let before = writer.changes
        do {
            for work in batch {
                let start = writer.changes
                do {
                    outcomes.append(.success(try apply(work)))
                } catch let error as StoreError where writer.changes == start {
                    // Refused before it wrote anything: the others go on.
                    note(error)
                    outcomes.append(.failure(error))
                }
            }
            let changed = writer.changes != before
            if changed { try writer.insert(hints: around.hints.takeWaiting()) }
            let keys = writer.pending.changedKeys
            around.hot.beginCommit(keys)
            defer { around.hot.endCommit(keys) }
            try writer.commit(changed: changed)
            return changed
        } catch {
            writer.rollBack()
            throw error
        }
    }

    private func apply(_ work: Committer.Work) throws -> Answer {
        switch work {
        case .mutation(let mutation, _):
            // Decided by one holder of several it would be lost, or come back: whoever took this store for the only one
            // asks again, and by then knows better.
            guard writer.pending.fencing.letsDecideAlone else { throw StoreError.overloaded }
            if mutation.isGrowing { try around.condition.admit(growing: true, isClients: mutation.isClients) }
            return .outcome(try writer.apply(mutation))
        case .call(let call, _):
            if call.request.isGrowing {
                // A witness keeps rows alone: they are no bytes of objects.
                let isClients = call.request.isClients && writer.pending.fencing.keepsBytes
                try around.condition.admit(growing: true, isClients: isClients)
            }
            return .reply(try writer.answer(call))
        case .upkeep(let body, _):
            try body(writer)
            return .done
        }
    }

    private func publish(_ changed: Bool) {
        if changed {
            let segments = writer.pending.segments
            around.published.write {
                $0.small = writer.small
                $0.counters = writer.counters
                $0.burials = writer.burials
                for (id, row) in segments { $0.segments[id] = row }
            }
        }
        if changed { around.condition.note(logicalBytes: writer.counters.logicalBytes) }
        around.hints.count(writer.pending.hints)
        if changed { around.outbox.publish(writer.pending.outbox, writer.feeds) }
        if changed { around.usage.publish(writer.pending.usage) }
        if writer.pending.isFencingChanged { around.fencing.set(writer.fencing) }
        for blob in writer.pending.consumed { around.staging.remove(blob) }
        if !writer.pending.systemKeys.isEmpty { around.observers.tell(writer.pending.systemKeys) }
        if writer.pending.madeGarbage { around.sweep.ring() }
    }

    private func note(_ error: StoreError) {
        if case .corrupt = error { around.metrics.corruptions.add(1) }
    }

    /// What the callers of a batch that failed are told. A full disk passes; any other failure of the index is final.
    private func refusal(_ error: any Error) -> StoreError {
        switch error {
        case let failure as SQLiteFailure:
            if failure.isDiskFull { return around.condition.foundFull() }
            around.condition.fail(failure.what)
            return failure.storeError
        case let error as StoreError:
            note(error)
            return error
        default:
            return .io(what: "\(error)")
        }
    }
}
