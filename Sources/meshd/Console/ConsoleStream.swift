import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle
import Synchronization

/// `GET /api/v1/stream`: what a console shows, as server-sent events, each part when it has changed.
///
/// Each listener asks for the parts at every tick by itself, so nothing is queued for anybody: one who reads slowly
/// misses what came between and gets the newest.
struct ConsoleStream: Sendable {
    /// Open consoles. Each holds a connection of the admin port.
    static let listenersMax = 64
    /// How often a stream looks whether its session still holds.
    private static let ticksPerCheck: UInt64 = 5

    private let pulse: ConsolePulse
    private let sessions: Sessions
    private let seats = Seats()

    /// The listeners that there are.
    private final class Seats: Sendable {
        private let taken = Mutex(0)

        func take() -> Bool {
            taken.withLock { taken in
                guard taken < ConsoleStream.listenersMax else { return false }
                taken += 1
                return true
            }
        }

        func giveBack() { taken.withLock { $0 -= 1 } }
    }

    init(pulse: ConsolePulse, sessions: Sessions) {
        self.pulse = pulse
        self.sessions = sessions
    }

    func add(to api: RouterGroup<AdminContext>) {
        api.get("stream") { request, _ in
            let headers = request.headers
            return Response(
                status: .ok,
                headers: [
                    .contentType: "text/event-stream", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
                ],
                body: ResponseBody { writer in
                    try await tell(&writer, headers)
                    try await writer.finish(nil)
                }
            )
        }
    }

    /// Until the listener goes, its session ends, or the node stops.
    @concurrent
    private func tell(_ writer: inout any ResponseBodyWriter, _ headers: HTTPFields) async throws {
        guard seats.take() else {
            // The page polls then; a refusal after the head can only be an event.
            try await writer.write(ByteBuffer(string: "event: full\ndata: {}\n\n"))
            return
        }
        defer { seats.giveBack() }
        var told: [String: UInt64] = [:]
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            let tick = JSON.nowMillis() / ConsolePulse.tickMillis
            if tick % Self.ticksPerCheck == 0, headers[.authorization] == nil,
                (try? await sessions.session(of: headers)) == nil
            {
                try await writer.write(ByteBuffer(string: "event: over\ndata: {}\n\n"))
                return
            }
            var events = ByteBuffer()
            for part in await pulse.parts(at: tick) where told[part.name] != part.version {
                events.writeImmutableBuffer(part.event)
                told[part.name] = part.version
            }
            // A comment tells both ends that the other one is there.
            if events.readableBytes == 0 { events.writeString(":\n\n") }
            try await writer.write(events)
            let rest = ConsolePulse.tickMillis - JSON.nowMillis() % ConsolePulse.tickMillis
            await cancelWhenGracefulShutdown { try? await Task.sleep(for: .milliseconds(Int64(rest))) }
        }
    }
}
