@testable import Mesh
import NIOCore
import NIOPosix
import Swim
import Testing

@Suite struct ControlPartsTests {
    /// Admits everybody and remembers the end.
    private final class Owner: ControlOwner {
        var admitted = 0
        var closed = 0

        func admits(_ connection: ControlConnection, _ peer: ControlConnection.Peer) -> Bool {
            admitted += 1
            return true
        }

        func take(_ kind: StreamKind, _ body: [UInt8], from connection: ControlConnection) {}

        func didPart(_ connection: ControlConnection, with socket: LinkSocket) {}
        func didClose(_ connection: ControlConnection, refusal: ControlConnection.Refusal?) { closed += 1 }
    }

    /// Shows each message on its way out, and sends none.
    private final class Tap: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var onWrite: ([UInt8]) -> Void = { _ in }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            onWrite(Array(unwrapOutboundIn(data).readableBytesView))
            promise?.succeed()
        }
    }

    @Test("a connection that breaks while the last message of its handshake is written is not opened any more")
    func brokenWhileWriting() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let channel = try await ClientBootstrap(group: group).connect(to: server.localAddress!).get()
        let (admitted, closed, isOpen) = try await channel.eventLoop.submit {
            let (owner, tap) = (Owner(), Tap())
            let connection = ControlConnection(owner: owner, isOutbound: true, now: 0)
            try channel.pipeline.syncOperations.addHandlers([tap, connection])
            let ring = Sample.keyring()
            var responder = StreamHandshake.responder(Sample.node(2), keyring: ring, now: 0) { _ in .member }
            var answer: [UInt8] = []
            tap.onWrite = { bytes in answer = (try? responder.read(Array(bytes.dropFirst(4))))?.reply ?? [] }
            let handshake = StreamHandshake.initiator(Sample.node(1), .member(ring, epoch: 1))!
            connection.begin(handshake, on: channel)
            tap.onWrite = { _ in connection.end(.lost) }
            var buffer = ByteBuffer(integer: UInt32(answer.count))
            buffer.writeBytes(answer)
            channel.pipeline.fireChannelRead(buffer)
            return (owner.admitted, owner.closed, connection.isOpen)
        }.get()
        #expect(admitted == 0 && closed == 1 && !isOpen)
        try? await channel.close()
        try await server.close()
    }

    @Test("frames that wait for a handshake count towards the bound of a connection")
    func waitingBytes() {
        let connection = ControlConnection(owner: Owner(), isOutbound: true, now: 0)
        let frame = [UInt8](repeating: 7, count: 1_000_000)
        let taken = (0..<20).count { _ in connection.send(.swim, frame, at: 0) }
        #expect(taken == 5)
        connection.end(nil)
        #expect(!connection.send(.swim, [1], at: 0))
    }

    @Test("a member may ask twenty things at once and ten in a second, and does not spend what others have")
    func questions() {
        let requests = ControlRequests(loop: MultiThreadedEventLoopGroup.singleton.next())
        let (a, b) = (Sample.node(1).id, Sample.node(2).id)
        func asked(at now: Micros) -> Int { (0..<50).count { _ in requests.affords(a, at: now) } }
        #expect(asked(at: 1_000) == 20)
        let other = requests.affords(b, at: 1_000)
        #expect(requests.refused == 30 && other)
        #expect(asked(at: 1_001_000) == 10)
        requests.sweep(now: 60_000_000)
        #expect(asked(at: 60_000_000) == 20)
    }

    @Test("a late timer, a sleep and a clock that was set are a standstill, and a busy moment is none")
    func standstill() {
        var standstill = Standstill(now: 5_000_000, unixMillis: 1_000_000)
        func note(_ micros: Micros, _ millis: UInt64) -> Bool { standstill.note(now: micros, unixMillis: millis) }
        let told = [
            note(5_250_000, 1_000_250), note(7_000_000, 1_002_000),
            // The process was stopped.
            note(9_500_000, 1_004_500), note(9_750_000, 1_004_750),
            // The machine slept, and only the time of day went on.
            note(10_000_000, 1_904_750), note(10_250_000, 1_905_000),
            // An image from the past.
            note(10_500_000, 1_000_000),
        ]
        #expect(told == [false, false, true, false, true, false, true])
    }
}
