import Dispatch
import Mesh
import NIOCore
import Swim
import Synchronization
import Testing

/// Nodes of a bed with links between them. Methods 1 and 6 echo, 6 outsiders too; 2 never answers; 3 answers when the test says so; 4 answers
/// with as many bytes as it is told; 5 stops the loop that it is called on, as a machine that hangs would.
final class LinkBed {
    let bed: MeshBed
    let machines: [MeshBed.Machine]
    private(set) var links: [Links] = []
    /// Answers of method 3 that wait for the test.
    let held = Held()
    let hanging = DispatchSemaphore(value: 0)

    final class Held: Sendable {
        private let answers = Mutex<[@Sendable () -> Void]>([])
        let arrivals: AsyncStream<NodeID>
        private let arrived: AsyncStream<NodeID>.Continuation

        init() { (arrivals, arrived) = AsyncStream.makeStream() }

        func hold(_ peer: NodeID, _ answer: @escaping @Sendable () -> Void) {
            answers.withLock { $0.append(answer) }
            arrived.yield(peer)
        }

        var count: Int { answers.withLock { $0.count } }

        func release() {
            let all = answers.withLock { answers in
                defer { answers = [] }
                return answers
            }
            for answer in all { answer() }
        }
    }

    init(_ bed: MeshBed, _ machines: [MeshBed.Machine]) {
        self.bed = bed
        self.machines = machines
        for machine in machines { links.append(open(machine)) }
    }

    func open(_ machine: MeshBed.Machine) -> Links {
        let links = Links(node: machine.node!)
        links.serve(1) { _, payload, answer in answer(payload) }
        links.serve(2) { _, _, _ in }
        links.serve(3) { [held] peer, payload, answer in held.hold(peer) { answer(payload) } }
        links.serve(4) { _, payload, answer in
            let count = payload.getInteger(at: payload.readerIndex, as: UInt32.self) ?? 0
            answer(ByteBuffer(repeating: 7, count: Int(count)))
        }
        links.serve(5) { [hanging] _, _, _ in hanging.wait() }
        links.serve(6, isOpen: true) { _, payload, answer in answer(payload) }
        links.start()
        return links
    }

    func replace(_ index: Int) async {
        await links[index].stop()
        links[index] = open(machines[index])
    }

    func id(_ index: Int) -> NodeID { machines[index].identity.id }

    func stop() async {
        held.release()
        for links in links { await links.stop() }
    }

    static func with(_ count: Int, _ body: (LinkBed) async throws -> Void) async throws {
        try await MeshBed.with { bed in
            let links = LinkBed(bed, try await bed.mesh(count))
            do {
                try await body(links)
            } catch {
                await links.stop()
                throw error
            }
            await links.stop()
        }
    }
}

extension Links {
    /// A call with time to spare, also on a machine that is busy with all the other tests, unless it is told otherwise.
    func ask(
        _ node: NodeID,
        _ method: UInt8,
        _ payload: ByteBuffer,
        _ traffic: Traffic = .data,
        millis: UInt64 = 60_000
    ) async throws(LinkFailure) -> ByteBuffer {
        try await call(node, traffic, method, payload, timeoutMicros: millis * 1_000)
    }

    /// How a call failed; nil when it did not.
    func failure(
        _ node: NodeID,
        _ method: UInt8,
        _ payload: ByteBuffer = ByteBuffer(string: "x"),
        _ traffic: Traffic = .data,
        millis: UInt64 = 60_000
    ) async -> LinkFailure? {
        do throws(LinkFailure) {
            _ = try await ask(node, method, payload, traffic, millis: millis)
            return nil
        } catch { return error }
    }
}
