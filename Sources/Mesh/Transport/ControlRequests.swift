internal import FoundationEssentials
internal import NIOCore
internal import Swim

/// Questions that nodes ask each other for the operator, and the answers that are awaited. Lives on the node's loop.
final class ControlRequests {
    /// What can be asked; names of cases are the wire's.
    enum Topic: String, Codable {
        /// Nothing but an answer.
        case ping
        /// The member list, for comparing.
        case view
        /// A probe of the subject, from there.
        case probe
    }

    struct Question: Codable {
        var topic: Topic
        var subject: String?
    }

    struct Answer: Codable {
        var view: ViewReport?
        var probe: ProbeReport?
        var failure: String?
        /// The time of day where the answer was given.
        var wallMillis: UInt64?
    }

    private static let pendingMax = 256
    private static let questionMicros: Micros = 100_000
    private static let questionsAtOnceMax: Micros = 20

    struct Asked {
        let bytes: [UInt8]
        let answer: EventLoopFuture<Answer>
    }

    private struct Pending {
        let peer: NodeID
        let promise: EventLoopPromise<Answer>
        let waitMicros: Micros
        let until: Micros
    }

    private let loop: any EventLoop
    private var pending: [UInt64: Pending] = [:]
    private var next: UInt64 = 1
    /// Until when each peer has used up its share.
    private var spentUntil: [NodeID: Micros] = [:]
    /// Questions of peers that ask too much.
    private(set) var refused: UInt64 = 0

    init(loop: any EventLoop) { self.loop = loop }

    /// The bytes of a question and the answer to come; nil when too many are open.
    func ask(_ question: Question, of peer: NodeID, waitMicros: Micros, now: Micros) -> Asked? {
        guard pending.count < Self.pendingMax else { return nil }
        let number = next
        next += 1
        let promise = loop.makePromise(of: Answer.self)
        pending[number] = Pending(peer: peer, promise: promise, waitMicros: waitMicros, until: now + waitMicros)
        return Asked(bytes: Self.frame(number, question), answer: promise.futureResult)
    }

    /// Whether a member may have one more answer: ten in a second, and twenty at once.
    func affords(_ peer: NodeID, at now: Micros) -> Bool {
        let spent = max(spentUntil[peer] ?? now, now)
        guard spent - now <= Self.questionMicros * (Self.questionsAtOnceMax - 1) else {
            refused += 1
            return false
        }
        spentUntil[peer] = spent + Self.questionMicros
        return true
    }

    /// An answer counts only from the peer that was asked.
    func hear(_ body: [UInt8], from peer: NodeID) {
        guard let (number, answer) = Self.parse(Answer.self, body), let asked = pending[number], asked.peer == peer
        else { return }
        pending[number] = nil
        asked.promise.succeed(answer)
    }

    func sweep(now: Micros) {
        for (peer, until) in spentUntil where until <= now { spentUntil[peer] = nil }
        for (number, asked) in pending where asked.until <= now {
            pending[number] = nil
            asked.promise.fail(MeshError.noAnswer(from: asked.peer, waitMicros: asked.waitMicros))
        }
    }

    func stop() { sweep(now: .max) }

    // MARK: Bytes: the number in eight bytes, then JSON

    static func parse<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) -> (number: UInt64, value: Value)? {
        guard body.count > 8, let value = try? JSONDecoder().decode(type, from: Data(body[8...])) else { return nil }
        return (body[..<8].reduce(0) { $0 << 8 | UInt64($1) }, value)
    }

    static func frame(_ number: UInt64, _ value: some Encodable) -> [UInt8] {
        guard let data = try? JSONEncoder().encode(value) else {
            preconditionFailure("texts and finite numbers always encode")
        }
        var writer = ByteWriter(capacity: data.count + 8)
        writer.put(number)
        writer.put(Array(data))
        return writer.bytes
    }
}
