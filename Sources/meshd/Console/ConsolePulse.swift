import Mesh
import NIOCore
import Store

/// What open consoles are shown, made once for all of them: of those that ask at the same time, one looks and the
/// others get what it saw.
actor ConsolePulse {
    /// Between two looks at the mesh: soon enough for a person, and one question to each node.
    static let tickMillis: UInt64 = 2_000

    /// One part of what is shown; the version rises when its bytes change.
    struct Part: Sendable {
        let name: String
        let version: UInt64
        /// A whole server-sent event.
        let event: ByteBuffer
    }

    private let node: Node
    private var parts: [Part] = []
    private var lookedAtTick: UInt64 = 0
    private var isLooking = false
    /// Bounded by the listeners that a stream admits.
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(node: Node) { self.node = node }

    /// All parts as they are at this tick, or later.
    func parts(at tick: UInt64) async -> [Part] {
        guard lookedAtTick < tick else { return parts }
        guard !isLooking else {
            await withCheckedContinuation { waiting.append($0) }
            return parts
        }
        isLooking = true
        let fresh = await look()
        parts = fresh.map { name, json in part(name, json) }
        lookedAtTick = tick
        isLooking = false
        for waiter in waiting { waiter.resume() }
        waiting.removeAll()
        return parts
    }

    private func part(_ name: String, _ json: [UInt8]) -> Part {
        let before = parts.first { $0.name == name }
        var event = ByteBuffer()
        event.writeString("event: \(name)\ndata: ")
        event.writeBytes(json)
        event.writeString("\n\n")
        if let before, before.event == event { return before }
        return Part(name: name, version: (before?.version ?? 0) + 1, event: event)
    }

    /// One look, as the answers of the calls of the same names. What cannot be told now is left out.
    private func look() async -> [(String, [UInt8])] {
        let board = ClusterBoard(node: node)
        let look = await board.look()
        return [
            ("status", try? JSON.bytes(board.status(in: look))),
            ("nodes", try? JSON.bytes(board.nodes(in: look))),
            ("members", look.members.flatMap { try? JSON.bytes($0) }),
            ("events", try? JSON.bytes(EventMarks(conditions: look.facts.nodes.compactMap(\.condition)))),
            ("layout", board.layout(in: look).flatMap { try? JSON.bytes($0) }),
        ].compactMap { name, json in json.map { (name, $0) } }
    }
}
