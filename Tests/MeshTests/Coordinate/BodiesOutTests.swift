import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// Bodies on their way out, while their versions are replaced.
@Suite struct BodiesOutTests {
    private static let chunk = BlobWriter.chunkBytes

    /// Keeps a version with `chunks` chunks of one byte each.
    private static func keep(_ row: Row, chunks: Int, _ holder: Holder) async throws {
        let writer = try holder.store.stage(row.record.op)
        for number in 0..<chunks {
            try await writer.append(ByteBuffer(repeating: UInt8(number), count: chunk), observe: nil)
        }
        _ = try await writer.finish()
        var row = row
        row.body = .staged
        let stored = await withCheckedContinuation { done in
            holder.store.merge([row], epoch: .max) { done.resume(returning: $0) }
        }
        #expect(stored == [.complete])
    }

    /// Who comes first is the scheduler's choice: without the rule some 15 of 100 turns break it.
    @Test("pieces of a body that are asked for together are all there or none, whatever is written meanwhile")
    func togetherOrNone() async throws {
        let chunks = 4
        let shelf = RepairShelf()
        let holder = Holder(store: try shelf.open())
        var writer = Writer(seed: 7)
        var whole = 0
        for turn in 0..<60 {
            let row = writer.row("hot", size: chunks * Self.chunk, isSmall: false).row
            try await Self.keep(row, chunks: chunks, holder)
            let next = writer.row("hot", size: 90).row
            let answers = await withTaskGroup(of: PieceAnswer?.self) { group in
                for number in 0..<chunks {
                    let piece = BodyPiece(
                        address: row.address,
                        stamp: row.stamp,
                        offset: UInt64(number * Self.chunk),
                        count: Self.chunk
                    )
                    group.addTask {
                        for _ in 0..<(turn + number) % 7 { await Task.yield() }
                        return await holder.read(piece)
                    }
                }
                group.addTask {
                    for _ in 0..<turn % 5 { await Task.yield() }
                    await withCheckedContinuation { done in
                        holder.store.merge([next], epoch: .max) { _ in done.resume() }
                    }
                    return nil
                }
                return await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
            }
            let here = answers.count { if case .bytes = $0 { true } else { false } }
            #expect(here == 0 || here == chunks, "turn \(turn): \(here) of \(chunks)")
            whole += here == chunks ? 1 : 0
        }
        #expect(whole > 0)
        await shelf.close()
    }

    /// Answers each piece as `rule` says.
    private final class Road: Holders {
        let own = NodeID(high: 0, low: 9)
        private let rule: @Sendable (NodeID, BodyPiece, @escaping @Sendable (PieceAnswer) -> Void) -> Void

        init(_ rule: @escaping @Sendable (NodeID, BodyPiece, @escaping @Sendable (PieceAnswer) -> Void) -> Void) {
            self.rule = rule
        }

        func read(_ node: NodeID, _ piece: BodyPiece, _ done: @escaping @Sendable (PieceAnswer) -> Void) {
            rule(node, piece, done)
        }

        func call(
            _ node: NodeID,
            _ call: ReplicaCall,
            timeoutMicros: UInt64,
            _ done: @escaping @Sendable (ReplicaReply?) -> Void
        ) { done(nil) }
        func stage(_ node: NodeID, _ chunk: StagedChunk, _ done: @escaping @Sendable (Bool) -> Void) { done(false) }
        func finishStage(_ node: NodeID, _ op: OpID, chunks: UInt32, _ done: @escaping @Sendable (Bool) -> Void) {
            done(false)
        }
        func unstage(_ node: NodeID, _ op: OpID) {}
        func align(_ node: NodeID, _ refusal: Store.Refusal, _ done: @escaping @Sendable (Bool) -> Void) { done(false) }
        func setClosed(
            _ node: NodeID,
            _ bucket: BucketID,
            _ isClosed: Bool,
            _ done: @escaping @Sendable (Bool) -> Void
        ) { done(false) }
        func tell(_ node: NodeID, _ row: Row, timeoutMicros: UInt64, _ done: @escaping @Sendable (Bool) -> Void) {
            done(false)
        }
        func hint(_ node: NodeID, _ missed: [MissedRow]) {}
        func ranked(_ nodes: [NodeID]) -> [NodeID] { nodes }
    }

    private static let nodes = (1...3 as ClosedRange<UInt64>).map { NodeID(high: 0, low: $0) }

    private static func body(_ road: Road) -> RemoteBody {
        var writer = Writer(seed: 3)
        let row = writer.row("hot", size: 2 * chunk, isSmall: false).row
        return RemoteBody(
            row.address,
            row.stamp,
            size: row.record.size,
            nodes: nodes,
            road: road,
            metrics: QuorumMetrics()
        )
    }

    /// Answers of the first node that wait until all others have answered.
    private final class Slow: Sendable {
        private struct State {
            var waiting: [@Sendable () -> Void] = []
            var others = 0
        }

        private let state = Mutex(State())

        func hold(_ answer: @escaping @Sendable () -> Void) { state.withLock { $0.waiting.append(answer) } }

        /// One of the two others has answered.
        func note() {
            let ready = state.withLock { state in
                state.others += 1
                guard state.others >= 2 else { return [@Sendable () -> Void]() }
                defer { state.waiting = [] }
                return state.waiting
            }
            for answer in ready { answer() }
        }
    }

    @Test("a holder that is slow and has kept a body is waited for when the others have let it go")
    func slowButKept() async throws {
        let slow = Slow()
        let road = Road { node, piece, done in
            guard node == Self.nodes[0] else {
                done(.gone)
                return slow.note()
            }
            guard piece.offset > 0 else { return done(.bytes(ByteBuffer(repeating: 1, count: piece.count))) }
            slow.hold { done(.bytes(ByteBuffer(repeating: 2, count: piece.count))) }
        }
        let body = Self.body(road)
        var offset: UInt64 = 0
        while offset < body.size {
            let bytes = try await body.read(at: offset, limit: body.size)
            #expect(bytes.readableBytesView.first == (offset == 0 ? 1 : 2))
            offset += UInt64(bytes.readableBytes)
        }
    }

    @Test("before the first piece nobody waits for a slow one: who looks again finds the newer version")
    func goneAtFirst() async throws {
        let road = Road { node, _, done in if node != Self.nodes[0] { done(.gone) } }
        let body = Self.body(road)
        await #expect(throws: StoreError.self) { try await body.read(at: 0, limit: body.size) }
    }
}
