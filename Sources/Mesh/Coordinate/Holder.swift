internal import NIOCore
package import Store
internal import Swim
internal import Synchronization

/// What this node does as a holder, for its own coordinator and for those of other nodes: answers from its store, bytes
/// staged chunk by chunk, bytes read out again.
package final class Holder: Sendable {
    /// Bodies that come in at the same time; each holds a chunk or two of memory.
    private static let sessionsMax = 4096
    /// Chunks of one body that may wait for one that was overtaken.
    private static let waitingMax: UInt32 = 16
    /// A body of which nothing more comes is given up.
    private static let idleMax = TimeAmount.seconds(120)
    /// Bodies that are being read out; each keeps the space of its bytes from being used again.
    private static let readersMax = 1024
    /// A body of which no piece was asked for this long is closed; its bytes may go then. So long a client may take for
    /// one piece. A body whose end was read is hardly read again.
    private static let readerIdleMax = TimeAmount.seconds(60)
    private static let finishedIdleMax = TimeAmount.seconds(5)

    package let store: ObjectStore
    private let state = Mutex(State())
    private let openingJudge = Mutex<(@Sendable (BucketID) async -> Bool)?>(nil)
    private let bareObserver = Mutex<(@Sendable (RowName) -> Void)?>(nil)

    private struct State {
        var sessions: [OpID: Session] = [:]
        /// Of more than one piece, so that others may be asked for.
        var readers: [ReaderKey: OpenReader] = [:]
        var openings: [ReaderKey: OpenReader] = [:]
    }

    /// A body on its way in.
    private struct Session {
        let writer: BlobWriter
        var next: UInt32 = 0
        var waiting: [UInt32: (bytes: ByteBuffer, done: @Sendable (Bool) -> Void)] = [:]
        var lastUse = NIODeadline.now()
    }

    private struct ReaderKey: Hashable {
        let address: RowAddress
        let stamp: Stamp
    }

    /// A body on its way out. Its pieces are asked for together: those that come while it is being opened wait for that,
    /// so that all of them are there, or none is, whatever is written meanwhile.
    private struct OpenReader {
        let opening: Task<BodyReader?, any Error>
        var lastUse: NIODeadline
        /// Its last byte was asked for.
        var isFinished = false
    }

    package init(store: ObjectStore) { self.store = store }

    package func answer(_ call: ReplicaCall, _ done: @escaping @Sendable (ReplicaReply) -> Void) {
        guard case .commit(let row) = call.request else { return store.answer(call, done) }
        store.answer(call) { [self] reply in
            if case .stored(.withoutBytes) = reply { bareObserver.withLock { $0 }?(RowName(row.address, row.stamp)) }
            done(reply)
        }
    }

    /// Calls `observer` with each row that a coordinator gave without its bytes, which it may wait for. Must not block.
    package func onBareRow(_ observer: (@Sendable (RowName) -> Void)?) { bareObserver.withLock { $0 = observer } }

    // MARK: Bytes in

    /// Chunks are handed to the store in order; one that overtook another waits for it, one that comes again is not
    /// written again. Whether all went well is said at the end.
    package func stage(_ chunk: StagedChunk, _ done: @escaping @Sendable (Bool) -> Void) {
        do {
            if chunk.number == 0 { try begin(chunk.op) }
        } catch {
            return done(false)
        }
        let (isTaken, overtaken) = state.withLock { state -> (Bool, (@Sendable (Bool) -> Void)?) in
            guard var session = state.sessions[chunk.op] else { return (false, nil) }
            if chunk.number < session.next { return (true, done) }
            guard chunk.number - session.next < Self.waitingMax else { return (false, nil) }
            session.lastUse = .now()
            let former = session.waiting.updateValue((chunk.bytes, done), forKey: chunk.number)
            // Under the lock, so that chunks reach the store in their order whoever brings them.
            while let ready = session.waiting.removeValue(forKey: session.next) {
                session.next += 1
                session.writer.append(ready.bytes) { result in ready.done((try? result.get()) != nil) }
            }
            state.sessions[chunk.op] = session
            return (true, former?.done)
        }
        if !isTaken { done(false) }
        // The same chunk once more: its sender waits for the later one, or it is written already.
        overtaken?(true)
    }

    private func begin(_ op: OpID) throws {
        let isKnown = state.withLock { $0.sessions[op] != nil }
        if isKnown { return }
        let writer = try store.stage(op)
        state.withLock { state in
            if state.sessions.count >= Self.sessionsMax {
                let now = NIODeadline.now()
                state.sessions = state.sessions.filter { now - $0.value.lastUse < Self.idleMax }
            }
            guard state.sessions.count < Self.sessionsMax, state.sessions[op] == nil else { return }
            state.sessions[op] = Session(writer: writer)
        }
    }

    /// Durable when it says true.
    package func finishStage(_ op: OpID, chunks: UInt32, _ done: @escaping @Sendable (Bool) -> Void) {
        do {
            if chunks == 0 { try begin(op) }
        } catch {
            return done(false)
        }
        let writer = state.withLock { state -> BlobWriter? in
            guard let session = state.sessions.removeValue(forKey: op), session.next == chunks else { return nil }
            return session.writer
        }
        guard let writer else { return done(store.isStaged(op)) }
        writer.finish(appending: nil) { result in done((try? result.get()) != nil) }
    }

    package func unstage(_ op: OpID) {
        state.withLock { _ = $0.sessions.removeValue(forKey: op) }
        store.unstage(op)
    }

    // MARK: Bytes out

    package func read(_ piece: BodyPiece) async -> PieceAnswer {
        do {
            guard let reader = try await reader(for: piece) else { return .gone }
            let end = piece.offset + UInt64(piece.count)
            guard piece.count > 0, piece.count <= BodyPiece.countMax, end <= reader.size else { return .failed }
            if end == reader.size { finish(ReaderKey(address: piece.address, stamp: piece.stamp)) }
            var bytes = try await reader.read(at: piece.offset, limit: end)
            // Chunks of the store end where parts do; the piece goes on.
            while bytes.readableBytes < piece.count {
                var more = try await reader.read(at: piece.offset + UInt64(bytes.readableBytes), limit: end)
                bytes.writeBuffer(&more)
            }
            return .bytes(bytes)
        } catch StoreError.gone {
            return .gone
        } catch {
            return .failed
        }
    }

    private func reader(for piece: BodyPiece) async throws -> BodyReader? {
        let (address, stamp) = (piece.address, piece.stamp)
        // All that is asked for of this body, or a short part of it: nothing to share, no task to wait for.
        if piece.offset == 0, piece.count < BodyPiece.countMax { return try await store.openBody(address, stamp) }
        let key = ReaderKey(address: address, stamp: stamp)
        let opening = state.withLock { state in
            state.readers[key]?.lastUse = .now()
            if let known = state.readers[key] ?? state.openings[key] { return known.opening }
            // It ends with one read of the index; there are as many as requests of other nodes are let in.
            let opening = Task { [store] in try await store.openBody(address, stamp) }
            state.openings[key] = OpenReader(opening: opening, lastUse: .now())
            return opening
        }
        let result = await opening.result
        state.withLock { state in
            guard state.openings[key]?.opening == opening else { return }
            state.openings[key] = nil
            // A body of one piece is not asked for again, and one that is not here may come.
            if let reader = try? result.get(), reader.size > UInt64(BodyPiece.countMax) {
                keep(OpenReader(opening: opening, lastUse: .now()), key, &state)
            }
        }
        return try result.get()
    }

    private func finish(_ key: ReaderKey) { state.withLock { $0.readers[key]?.isFinished = true } }

    private func keep(_ reader: OpenReader, _ key: ReaderKey, _ state: inout State) {
        if state.readers.count >= Self.readersMax {
            // Those that were read to their end go first.
            let oldest = state.readers.min { one, other in
                (one.value.isFinished ? 0 : 1, one.value.lastUse) < (
                    other.value.isFinished ? 0 : 1, other.value.lastUse
                )
            }
            if let oldest { state.readers[oldest.key] = nil }
        }
        state.readers[key] = reader
    }

    /// Called now and then: lets go of what nobody uses. Open readers keep their files from being freed.
    package func expire() {
        let now = NIODeadline.now()
        state.withLock { state in
            state.sessions = state.sessions.filter { now - $0.value.lastUse < Self.idleMax }
            state.readers = state.readers.filter {
                now - $0.value.lastUse < ($0.value.isFinished ? Self.finishedIdleMax : Self.readerIdleMax)
            }
        }
    }

    // MARK: Fences and hints

    /// Says who knows whether a bucket is open; nil: nobody, and this node believes what it is told.
    package func onOpening(_ judge: (@Sendable (BucketID) async -> Bool)?) { openingJudge.withLock { $0 = judge } }

    /// Whether it is so now. Messages may overtake each other: one that opens a bucket may come when somebody has closed
    /// it for a later deletion. So it opens only if the register says that it is open, and nothing was closed here while
    /// that was asked.
    package func setClosed(_ bucket: BucketID, _ isClosed: Bool) async -> Bool {
        do {
            if isClosed {
                try await store.setClosed([bucket], true)
                return true
            }
            for _ in 0..<Self.openingsMax {
                let closings = try await store.closings()
                if let judge = openingJudge.withLock({ $0 }), await !judge(bucket) { return false }
                if try await store.open(bucket, after: closings) { return true }
            }
        } catch {
            // The store is closed, or cannot write: whoever asked takes it for a node that is away.
        }
        return false
    }

    /// Tries to open a bucket while others are closed.
    private static let openingsMax = 4

    /// Takes in a row of small state that was decided, whatever layout this node goes by. It can be read, and whoever
    /// wants to hear of it has heard, when this says true. Nobody but the store itself decides while it is alone.
    package func learn(_ row: Row, _ done: @escaping @Sendable (Bool) -> Void) {
        guard row.address.bucket.space == .system else { return done(false) }
        store.absorb(row, decidedIn: row.address == Layout.address ? .max : 0, done)
    }

    package func hint(_ missed: [MissedRow]) {
        for row in missed { store.addHint(HintPeer(high: row.node.high, low: row.node.low), row.address, row.stamp) }
    }
}
