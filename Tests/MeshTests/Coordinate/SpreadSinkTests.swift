import NIOCore
import NIOPosix
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// Bodies on their way to holders of which some fail.
@Suite struct SpreadSinkTests {
    private static func chunk(_ number: Int) -> ByteBuffer {
        ByteBuffer(repeating: UInt8(truncatingIfNeeded: number), count: BlobWriter.chunkBytes)
    }

    private static func sink(
        _ mesh: TestMesh,
        _ op: OpID,
        successors: @escaping @Sendable () -> HolderSet? = { nil }
    ) -> SpreadSink {
        SpreadSink(
            op: op,
            holders: HolderSet(current: mesh.nodes),
            successors: successors,
            road: TestHolders(own: mesh.nodes[0], network: mesh.network),
            loop: MultiThreadedEventLoopGroup.singleton.next()
        )
    }

    /// Forgets a chunk that the node has staged, as a node that is started again does.
    private static func forget(_ mesh: TestMesh, _ index: Int, _ op: OpID) async {
        let first = StagedChunk(op: op, number: 0, bytes: chunk(0))
        // The same chunk once more is answered behind the first: it is there when this is.
        await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
            mesh.holders[index].stage(first) { _ in done.resume() }
        }
        mesh.holders[index].unstage(op)
    }

    @Test("a holder that has forgotten what it staged gets a short body once more")
    func forgetful() async throws {
        let mesh = try await TestMesh(count: 3)
        let op = OpID(high: 1, low: 1)
        let sink = Self.sink(mesh, op)
        mesh.network.cut(mesh.nodes[2])
        try await sink.append(Self.chunk(0))
        await Self.forget(mesh, 1, op)
        try await sink.append(Self.chunk(1))
        try await sink.finish()
        #expect(mesh.stores[0].isStaged(op) && mesh.stores[1].isStaged(op) && !mesh.stores[2].isStaged(op))
        await mesh.close()
    }

    @Test("one that stood still and was cut loose is asked again when another one goes")
    func cutLooseAndBack() async throws {
        let mesh = try await TestMesh(count: 3)
        let op = OpID(high: 1, low: 2)
        let sink = Self.sink(mesh, op)
        mesh.network.halt(mesh.nodes[2])
        try await sink.append(Self.chunk(0))
        mesh.network.cut(mesh.nodes[1])
        // It moves again behind the moment at which it is given up.
        let back = Task {
            try await Task.sleep(for: .microseconds(2 * SpreadSink.stallMicros))
            mesh.network.resume(mesh.nodes[2])
        }
        try await sink.finish()
        #expect(mesh.stores[0].isStaged(op) && mesh.stores[2].isStaged(op) && !mesh.stores[1].isStaged(op))
        try await back.value
        await mesh.close()
    }

    @Test("holders that left the mesh on the way are not missed, however long the body is")
    func leavers() async throws {
        let mesh = try await TestMesh(count: 3)
        let hasLeft = Atomic<Bool>(false)
        let op = OpID(high: 1, low: 5)
        let sink = Self.sink(mesh, op) { [first = mesh.nodes[0]] in
            hasLeft.load(ordering: .relaxed) ? HolderSet(current: [first]) : nil
        }
        for number in 0..<Int(SpreadSink.window) { try await sink.append(Self.chunk(number)) }
        mesh.network.cut(mesh.nodes[1])
        mesh.network.cut(mesh.nodes[2])
        // Its node hears of the layout without them behind the moment at which they fall silent.
        let news = Task {
            try await Task.sleep(for: .milliseconds(200))
            hasLeft.store(true, ordering: .relaxed)
        }
        for number in 0..<Int(SpreadSink.window) { try await sink.append(Self.chunk(number)) }
        try await sink.finish()
        #expect(mesh.stores[0].isStaged(op))
        try await news.value
        await mesh.close()
    }

    @Test("a body whose beginning is gone from memory fails instead, and so does one without a majority")
    func noQuorum() async throws {
        let mesh = try await TestMesh(count: 3)
        let long = OpID(high: 1, low: 3)
        let sink = Self.sink(mesh, long)
        mesh.network.cut(mesh.nodes[2])
        try await sink.append(Self.chunk(0))
        await Self.forget(mesh, 1, long)
        await #expect(throws: CoordinatorError.self) {
            for number in 1...Int(SpreadSink.window) { try await sink.append(Self.chunk(number)) }
            try await sink.finish()
        }
        #expect(!mesh.stores[1].isStaged(long))
        let alone = Self.sink(mesh, OpID(high: 1, low: 4))
        mesh.network.cut(mesh.nodes[1])
        try await alone.append(Self.chunk(0))
        await #expect(throws: CoordinatorError.self) { try await alone.finish() }
        await mesh.close()
    }
}
