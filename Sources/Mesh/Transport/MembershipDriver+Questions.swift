internal import NIOCore
internal import Swim

extension MembershipDriver {
    private static let answerMicros: Micros = 5_000_000
    static let echoMicros: Micros = 2_000_000
    private static let echoesMax = 128

    // MARK: Asking others

    /// Asks a member something; the answer comes or the future fails in a few seconds.
    func ask(_ question: ControlRequests.Question, of peer: NodeID) -> EventLoopFuture<ControlRequests.Answer> {
        guard let endpoint = endpoint(of: peer), !isExpelled(peer) else {
            return loop.makeFailedFuture(MeshError.unreachable("\(label(peer)) is not a member"))
        }
        guard let asked = requests.ask(question, of: peer, waitMicros: Self.answerMicros, now: Self.clock())
        else {
            return loop.makeFailedFuture(MeshError.unreachable("too many questions are open"))
        }
        streams?.send(.question, asked.bytes, to: peer, at: endpoint)
        let name = label(peer)
        let (began, wall) = (Self.clock(), WallClock.unixMillis)
        // What is answered at once tells the clock of the other end, give or take half of the way.
        asked.answer.assumeIsolated().whenSuccess { answer in
            let halfway = UInt64(max(0, Self.clock() - began)) / 2_000
            guard question.topic != .probe, let theirs = answer.wallMillis, self.isMember(peer) else { return }
            self.clockSkews[peer] = Int64(bitPattern: theirs &- wall &- halfway)
        }
        return asked.answer
            .flatMapErrorThrowing { error in
                guard case MeshError.unreachable(let why) = error else { throw error }
                throw MeshError.unreachable("\(name) does not answer: \(why)")
            }
            .flatMapThrowing { answer in
                if let failure = answer.failure { throw MeshError.unreachable(failure) }
                return answer
            }
    }

    /// The view of any member, this node included.
    func view(of peer: NodeID) -> EventLoopFuture<ViewReport> {
        if peer == id { return loop.makeSucceededFuture(view()) }
        return ask(ControlRequests.Question(topic: .view), of: peer).flatMapThrowing { answer in
            guard let view = answer.view else { throw MeshError.unreachable("an answer without a view") }
            return view
        }
    }

    // MARK: Being asked

    func answer(_ body: [UInt8], from peer: NodeID, on connection: ControlConnection) {
        guard isMember(peer), let (number, question) = ControlRequests.parse(ControlRequests.Question.self, body)
        else { return connection.end(.frame) }
        guard requests.affords(peer, at: Self.clock()) else { return }
        switch question.topic {
        case .ping: reply(number, ControlRequests.Answer(), on: connection)
        case .view: reply(number, ControlRequests.Answer(view: view()), on: connection)
        case .probe:
            guard let text = question.subject, let subject = try? NodeRef(text).find(in: everybody) else {
                return reply(number, ControlRequests.Answer(failure: "\(label(id)) knows no such node"), on: connection)
            }
            probe(subject).assumeIsolated().whenComplete { result in
                switch result {
                case .success(let report):
                    self.reply(number, ControlRequests.Answer(probe: report), on: connection)
                case .failure(let error):
                    self.reply(number, ControlRequests.Answer(failure: "\(error)"), on: connection)
                }
            }
        }
    }

    private func reply(_ number: UInt64, _ answer: ControlRequests.Answer, on connection: ControlConnection) {
        var answer = answer
        answer.wallMillis = WallClock.unixMillis
        var frame = ControlRequests.frame(number, answer)
        if frame.count >= StreamCipher.frameBytesMax {
            frame = ControlRequests.frame(number, ControlRequests.Answer(failure: "the answer is too long for a frame"))
        }
        streams?.answer(.answer, frame, on: connection)
    }

    // MARK: Probes

    /// Tries the three ways to a member, each on its own: a small datagram, a full one, a stream.
    func probe(_ peer: NodeID) -> EventLoopFuture<ProbeReport> {
        guard peer != id else { return loop.makeFailedFuture(MeshError.invalid("a node cannot be probed from itself")) }
        guard let endpoint = endpoint(of: peer), !isExpelled(peer) else {
            return loop.makeFailedFuture(MeshError.unreachable("\(label(peer)) cannot be probed from \(label(id))"))
        }
        // What could not be sent says nothing about the way.
        guard echoes.count + 2 <= Self.echoesMax else {
            return loop.makeFailedFuture(MeshError.unreachable("too many probes are under way"))
        }
        let bytes = membership.settings.datagramBytes
        let small = echo(peer, at: endpoint, bytes: 0)
        let full = echo(peer, at: endpoint, bytes: bytes)
        let began = Self.clock()
        let stream = ask(ControlRequests.Question(topic: .ping), of: peer).map { _ in Int64?(Self.clock() - began) }
            .flatMapErrorThrowing { _ in nil }
        let (from, to) = (label(id), label(peer))
        return small.and(full).and(stream).map { paths, stream in
            ProbeReport(
                from: from,
                via: nil,
                to: to,
                address: endpoint.description,
                datagram: ProbeReport.Path(micros: paths.0),
                fullDatagram: ProbeReport.Path(micros: paths.1),
                stream: ProbeReport.Path(micros: stream),
                datagramBytes: bytes
            )
        }
    }

    /// The round trip of a sealed question of this size; nil when no answer comes.
    private func echo(_ peer: NodeID, at endpoint: Endpoint, bytes: Int) -> EventLoopFuture<Int64?> {
        let now = Self.clock()
        guard echoes.count < Self.echoesMax, let (datagram, nonce) = sealer.challenge(peer, padTo: bytes, now: now)
        else { return loop.makeSucceededFuture(nil) }
        let promise = loop.makePromise(of: Int64.self)
        echoes[nonce] = (peer, promise, now + Self.echoMicros)
        port?.send(datagram, to: endpoint)
        return promise.futureResult.map { Int64?($0) }.flatMapErrorThrowing { _ in nil }
    }

    /// A probe that starts at another member.
    func probe(_ subject: NodeID, from peer: NodeID) -> EventLoopFuture<ProbeReport> {
        if peer == id { return probe(subject) }
        let question = ControlRequests.Question(topic: .probe, subject: subject.description)
        return ask(question, of: peer).flatMapThrowing { answer in
            guard let probe = answer.probe else { throw MeshError.unreachable("an answer without a probe") }
            return probe
        }
    }
}
