internal import NIOCore
internal import Store
internal import Swim
internal import Synchronization

/// Reads the bytes of one version from the holders that have them, some pieces ahead of the reader.
///
/// All pieces are of one version, named by its stamp, which is never given to another: a holder that fails is left for
/// the next one in the middle of the stream. When all have failed the reader is told, and never gets other bytes.
final class RemoteBody: Sendable {
    /// Pieces under way: a megabyte covers a link of 1 Gbit/s with 8 ms of round trip.
    private static let ahead = 4
    /// A holder is asked again after the others failed too, after 100, 200, 400 ms: some failures are moments.
    private static let roundsMax = 4
    private static let restMillis: Int64 = 100

    /// A holder that keeps the reader waiting this long is left for the next one; each next one gets twice as long.
    private static let patienceMicros: Int64 = 250_000

    private enum Piece {
        /// So many bytes, asked of the nth source; `asked` of them, this one and those that were left, owe an answer.
        case underway(from: Int, count: Int, asked: Int)
        case here(ByteBuffer)
        case failed
    }

    private struct State {
        /// The range that is fetched, in pieces from `start`.
        var start: UInt64 = 0
        var end: UInt64 = 0
        var pieces: [UInt64: Piece] = [:]
        /// Where the next piece to ask for begins.
        var next: UInt64 = 0
        /// Counts up when a reader jumps: answers of before are dropped.
        var generation = 0
        var waiter: UnsafeContinuation<Void, Never>?
        /// Counts holders that were left, in rounds over all of them.
        var source = 0
        /// One of them may still have the bytes: it did not answer, or they were damaged.
        var isDoubtful = false
        /// One of them has them no more: whoever looks again may find a newer version.
        var isGone = false
        /// The reader has got something, so that looking again is too late.
        var hasDelivered = false

        /// So often holders are left before a piece has failed.
        func sourcesMax(_ nodes: Int) -> Int { nodes * (isGone ? 1 : RemoteBody.roundsMax) }
    }

    private struct Request {
        let piece: BodyPiece
        let generation: Int
        let source: Int
    }

    let size: UInt64
    private let address: RowAddress
    private let stamp: Stamp
    private let nodes: [NodeID]
    private let road: any Holders
    private let metrics: QuorumMetrics
    private let loop: any EventLoop
    private let state = Mutex(State())

    /// `nodes`: those that may have the bytes, best first; not empty.
    init(
        _ address: RowAddress,
        _ stamp: Stamp,
        size: UInt64,
        nodes: [NodeID],
        road: any Holders,
        metrics: QuorumMetrics
    ) {
        self.address = address
        self.stamp = stamp
        self.size = size
        self.nodes = nodes
        self.road = road
        self.metrics = metrics
        loop = SharedThreads.loop()
    }

    func read(at offset: UInt64, limit: UInt64) async throws -> ByteBuffer {
        let end = min(limit, size)
        guard offset < end else {
            throw StoreError.io(what: "a read from \(offset) to \(limit) of a body of \(size) bytes asks for nothing")
        }
        var begun = NIODeadline.now()
        var patience = TimeAmount.microseconds(Self.patienceMicros)
        while true {
            let requests = state.withLock { state in plan(&state, offset, end) }
            for request in requests { ask(request) }
            if let bytes = try state.withLock({ state in try take(&state, offset) }) { return bytes }
            let timer = loop.scheduleTask(deadline: begun + patience) { [self] in
                state.withLock { $0.waiter.take() }?.resume()
            }
            // Resumed exactly once: by who takes it out of the state.
            await withUnsafeContinuation { continuation in
                let isNews = state.withLock { state in
                    if case .underway = state.pieces[offset] {
                        state.waiter = continuation
                        return false
                    }
                    return true
                }
                if isNews { continuation.resume() }
            }
            timer.cancel()
            guard .now() >= begun + patience else { continue }
            leave(at: offset)
            begun = .now()
            patience = patience * 2
        }
    }

    /// The reader has waited for this piece for too long: all that is under way is asked of the next holder, too. What
    /// comes first counts.
    private func leave(at offset: UInt64) {
        let requests = state.withLock { state -> [Request] in
            guard case .underway = state.pieces[offset], state.source + 1 < state.sourcesMax(nodes.count) else {
                return []
            }
            state.source += 1
            state.isDoubtful = true
            metrics.switchedSources.add()
            return state.pieces.keys.sorted().compactMap { offset in
                guard case .underway(_, let count, let asked) = state.pieces[offset] else { return nil }
                state.pieces[offset] = .underway(from: state.source, count: count, asked: asked + 1)
                return request(state, offset, count)
            }
        }
        for request in requests { ask(request) }
    }

    /// What to ask for now, so that a reader at `offset` soon has what it wants.
    private func plan(_ state: inout State, _ offset: UInt64, _ end: UInt64) -> [Request] {
        if state.pieces[offset] == nil, state.next != offset || state.end != end {
            state.generation += 1
            state.pieces = [:]
            state.start = offset
            state.next = offset
        }
        state.end = end
        var requests: [Request] = []
        while state.pieces.count < Self.ahead, state.next < end {
            let count = Int(min(UInt64(BodyPiece.countMax), end - state.next))
            state.pieces[state.next] = .underway(from: state.source, count: count, asked: 1)
            requests.append(request(state, state.next, count))
            state.next += UInt64(count)
        }
        return requests
    }

    private func request(_ state: State, _ offset: UInt64, _ count: Int) -> Request {
        let piece = BodyPiece(address: address, stamp: stamp, offset: offset, count: count)
        return Request(piece: piece, generation: state.generation, source: state.source)
    }

    private func take(_ state: inout State, _ offset: UInt64) throws -> ByteBuffer? {
        switch state.pieces[offset] {
        case .here(let bytes):
            state.pieces[offset] = nil
            state.hasDelivered = true
            return bytes
        case .failed:
            guard state.isDoubtful, !state.isGone else { throw StoreError.gone }
            throw CoordinatorError.quorumLost(answered: 0, of: nodes.count, effect: .none)
        case .underway, nil: return nil
        }
    }

    private func ask(_ request: Request) {
        let node = nodes[request.source % nodes.count]
        road.read(node, request.piece) { [self] answer in
            let (again, waiter) = state.withLock { state in accept(&state, request, answer) }
            waiter?.resume()
            guard let again else { return }
            // All have failed once: not at once again.
            let round = again.source / nodes.count
            guard again.source % nodes.count == 0, round > 0 else { return ask(again) }
            loop.scheduleTask(in: .milliseconds(Self.restMillis << Int64(round - 1))) { [self] in ask(again) }
        }
    }

    /// Takes in an answer; returns what to ask instead if it was none.
    private func accept(
        _ state: inout State,
        _ request: Request,
        _ answer: PieceAnswer
    ) -> (Request?, UnsafeContinuation<Void, Never>?) {
        let piece = request.piece
        guard request.generation == state.generation,
            case .underway(let source, let count, let asked) = state.pieces[piece.offset]
        else { return (nil, nil) }
        switch answer {
        case .bytes(let bytes) where bytes.readableBytes == piece.count:
            state.pieces[piece.offset] = .here(bytes)
            return (nil, state.waiter.take())
        case .gone: state.isGone = true
        case .bytes, .failed: state.isDoubtful = true
        }
        let owed = asked - 1
        state.pieces[piece.offset] = .underway(from: source, count: count, asked: owed)
        // It was asked of another one meanwhile, which has not answered.
        guard source == request.source || owed == 0 else { return (nil, nil) }
        // The first of the pieces that fails leaves the holder; the others follow.
        if state.source == request.source {
            state.source += 1
            metrics.switchedSources.add()
        }
        guard state.source < state.sourcesMax(nodes.count) else {
            // One that is slow may have kept the bytes, which the others have let go.
            guard owed == 0 || !state.hasDelivered else { return (nil, nil) }
            state.pieces[piece.offset] = .failed
            return (nil, state.waiter.take())
        }
        state.pieces[piece.offset] = .underway(from: state.source, count: count, asked: owed + 1)
        return (self.request(state, piece.offset, count), nil)
    }
}
