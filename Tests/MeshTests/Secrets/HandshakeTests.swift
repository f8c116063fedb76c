import Mesh
import Swim
import Testing

/// Runs a handshake over a wire that may change each message; gives both sessions.
struct HandshakeRun {
    var initiator: StreamHandshake
    var responder: StreamHandshake
    var tamper: (Int, [UInt8]) -> [UInt8] = { _, bytes in bytes }

    init(
        from: Int = 1,
        to: Int = 2,
        purpose: StreamHandshake.Purpose = .member(Sample.keyring(), epoch: 1),
        ring: Keyring = Sample.keyring(),
        admission: Admission? = nil,
        expecting: NodeID? = nil,
        now: Int64 = 500,
        initiatorSees: Standing = .member,
        responderSees: Standing = .member
    ) {
        initiator = StreamHandshake.initiator(
            Sample.node(from),
            purpose,
            admission: admission,
            expecting: expecting,
            random: Sample.random("initiator"),
            standing: { _ in initiatorSees }
        )!
        responder = StreamHandshake.responder(
            Sample.node(to),
            keyring: ring,
            now: now,
            random: Sample.random("responder"),
            standing: { _ in responderSees }
        )
    }

    mutating func run() throws(HandshakeError) -> (initiator: StreamSession, responder: StreamSession) {
        let second = try responder.read(tamper(1, initiator.opening))
        let third = try initiator.read(tamper(2, second.reply!))
        let last = try responder.read(tamper(3, third.reply!))
        return (third.session!, last.session!)
    }

    mutating func failure() -> HandshakeError? {
        do throws(HandshakeError) {
            _ = try run()
            return nil
        } catch {
            return error
        }
    }
}

@Suite struct HandshakeTests {
    @Test("two members name each other and get a stream that carries frames both ways")
    func members() throws {
        var run = HandshakeRun(expecting: Sample.node(2).id)
        var (a, b) = try run.run()
        #expect(a.peer == Sample.node(2).id && a.key == Sample.node(2).key)
        #expect(b.peer == Sample.node(1).id && b.key == Sample.node(1).key)
        #expect(a.right == .member && b.right == .member && b.epoch == 1 && b.admission == nil)
        for count in [0, 1, 1_000, 60_000] {
            let frame = [UInt8](repeating: 5, count: count)
            #expect(b.opening.open(a.sealing.seal(frame)!) == frame)
            #expect(a.opening.open(b.sealing.seal(frame)!) == frame)
        }
        // Reflected frames do not open: each direction has its own key.
        #expect(a.opening.open(a.sealing.seal([1])!) == nil)
    }

    @Test("a joiner comes in with a token, shows an admission of its own, and the responder learns its zone")
    func joiner() throws {
        let token = try Sample.token()
        var run = HandshakeRun(purpose: .join(token), responderSees: .stranger)
        let (a, b) = try run.run()
        #expect(a.right == .joiner && b.right == .joiner)
        let admission = try #require(b.admission)
        #expect(admission.id == Sample.node(1).id && admission.zone == "attic" && admission.epoch == 1)
        #expect(try Admission(admission.bytes) == admission)
    }

    @Test("a member may show how it came in, long after the token expired, but not how another did")
    func shownAdmission() throws {
        let token = try Sample.token()
        var own = HandshakeRun(admission: token.admit(Sample.node(1)), now: 9_999)
        #expect(try own.run().responder.admission?.id == Sample.node(1).id)
        var stolen = HandshakeRun(admission: token.admit(Sample.node(3)))
        #expect(stolen.failure() == .token(.notYours))
        let foreign = try Sample.token(admin: Sample.otherAdmin)
        var other = HandshakeRun(admission: foreign.admit(Sample.node(1)))
        #expect(other.failure() == .token(.otherMesh))
    }

    @Test("without the epoch's secret the knock is not answered")
    func wrongSecret() {
        let wrong = Keyring(adminPublicKey: Sample.admin.publicKey, epoch: 1, secret: Sample.secret(9), at: 0)!
        var run = HandshakeRun(purpose: .member(wrong, epoch: 1))
        #expect(run.failure() == .secret)
        var later = HandshakeRun(purpose: .member(Sample.keyring(epochs: 2), epoch: 2))
        #expect(later.failure() == .epoch)
        var other = HandshakeRun(purpose: .member(Sample.keyring(admin: Sample.otherAdmin), epoch: 1))
        #expect(other.failure() == .otherMesh)
        #expect(StreamHandshake.initiator(Sample.node(1), .member(Sample.keyring(), epoch: 7)) == nil)
    }

    @Test("expelled nodes, oneself, and another node than the one called are refused on both sides")
    func wrongEnds() {
        var expelled = HandshakeRun(responderSees: .expelled)
        #expect(expelled.failure() == .expelled)
        var toExpelled = HandshakeRun(initiatorSees: .expelled)
        #expect(toExpelled.failure() == .expelled)
        var own = HandshakeRun(from: 2, to: 2)
        #expect(own.failure() == .oneself)
        var wrong = HandshakeRun(expecting: Sample.node(3).id)
        #expect(wrong.failure() == .unexpectedPeer)
    }

    @Test("an expelled identity cannot come back with a token either")
    func expelledJoiner() throws {
        var run = HandshakeRun(purpose: .join(try Sample.token()), responderSees: .expelled)
        #expect(run.failure() == .expelled)
    }

    @Test("after an expulsion, older epochs let nobody in but those already known")
    func strangers() throws {
        var ring = Sample.keyring(epochs: 2)
        ring.refuseStrangers(before: 2)
        var known = HandshakeRun(ring: ring, responderSees: .member)
        #expect(known.failure() == nil)
        var stranger = HandshakeRun(ring: ring, responderSees: .stranger)
        #expect(stranger.failure() == .stranger)
        // Nor is a stranger believed that waits under an old epoch where a member calls.
        var caller = HandshakeRun(purpose: .member(ring, epoch: 1), initiatorSees: .stranger)
        #expect(caller.failure() == .stranger)
        var recent = HandshakeRun(purpose: .member(ring, epoch: 2), ring: ring, initiatorSees: .stranger)
        #expect(recent.failure() == nil)
        var sleeper = HandshakeRun(purpose: .member(ring, epoch: 1), initiatorSees: .member)
        #expect(sleeper.failure() == nil)
        var oldToken = HandshakeRun(purpose: .join(try Sample.token(epoch: 1)), ring: ring, responderSees: .stranger)
        #expect(oldToken.failure() == .token(.withdrawn))
        var newToken = HandshakeRun(purpose: .join(try Sample.token(epoch: 2)), ring: ring, responderSees: .stranger)
        #expect(newToken.failure() == nil)
    }

    @Test("after a rotation, too, strangers need the epoch in use, and while it is under way either will do")
    func rotated() throws {
        let ring = Sample.keyring(epochs: 2)
        var oldToken = HandshakeRun(purpose: .join(try Sample.token(epoch: 1)), ring: ring, responderSees: .stranger)
        #expect(oldToken.failure() == .token(.withdrawn))
        let admission = try Sample.token(epoch: 1).admit(Sample.node(1))
        var stranger = HandshakeRun(ring: ring, admission: admission, responderSees: .stranger)
        #expect(stranger.failure() == .stranger)
        var caller = HandshakeRun(purpose: .member(ring, epoch: 1), initiatorSees: .stranger)
        #expect(caller.failure() == .stranger)
        var sleeper = HandshakeRun(ring: ring, admission: admission, responderSees: .member)
        #expect(sleeper.failure() == nil)
        var underway = Sample.keyring()
        _ = underway.add(epoch: 2, secret: Sample.secret(2), at: 0)
        for epoch: UInt32 in 1...2 {
            let token = try Sample.token(epoch: epoch)
            var early = HandshakeRun(purpose: .join(token), ring: underway, responderSees: .stranger)
            #expect(early.failure() == nil)
        }
    }

    @Test("who knows a token that is over is told so, and nobody else is told anything")
    func toldRefusal() throws {
        var run = HandshakeRun(purpose: .join(try Sample.token(expiresAt: 500)), now: 500)
        let step = try run.responder.read(run.initiator.opening)
        let reply = try #require(step.reply)
        #expect(step.refusal == .token(.expired) && step.session == nil && reply.count == 49)
        #expect(throws: HandshakeError.outOfTurn) { try run.responder.read(run.initiator.opening) }
        for index in reply.indices {
            var changed = reply
            changed[index] ^= 1
            var initiator = run.initiator
            #expect(throws: HandshakeError.forged) { try initiator.read(changed) }
        }
        #expect(throws: HandshakeError.token(.expired)) { try run.initiator.read(reply) }
        // A token that another admin signed was never good.
        let foreign = try Sample.token(admin: Sample.otherAdmin)
        var other = HandshakeRun(purpose: .join(foreign))
        #expect(throws: HandshakeError.otherMesh) { try other.responder.read(other.initiator.opening) }
    }

    @Test("expired tokens and tokens of another admin are refused, whoever knows their secrets")
    func badTokens() throws {
        var expired = HandshakeRun(purpose: .join(try Sample.token(expiresAt: 500)), now: 500)
        #expect(expired.failure() == .token(.expired))
        var inTime = HandshakeRun(purpose: .join(try Sample.token(expiresAt: 501)), now: 500)
        #expect(inTime.failure() == nil)
        // Signed by another admin: the mesh tag already differs.
        var foreign = HandshakeRun(purpose: .join(try Sample.token(admin: Sample.otherAdmin)))
        #expect(foreign.failure() == .otherMesh)
    }

    @Test("any message cut anywhere, lengthened, or with any byte changed, ends the handshake", arguments: 1...3)
    func damage(message: Int) throws {
        for purpose in [StreamHandshake.Purpose.member(Sample.keyring(), epoch: 1), .join(try Sample.token())] {
            var length = 0
            var plain = HandshakeRun(purpose: purpose)
            plain.tamper = { number, bytes in
                if number == message { length = bytes.count }
                return bytes
            }
            _ = try plain.run()
            #expect(length <= StreamHandshake.messageBytesMax)
            for index in 0..<length {
                var cut = HandshakeRun(purpose: purpose)
                cut.tamper = { $0 == message ? Array($1.prefix(index)) : $1 }
                #expect(cut.failure() != nil, "message \(message) cut at \(index)")
                var changed = HandshakeRun(purpose: purpose)
                changed.tamper = { number, bytes in
                    var bytes = bytes
                    if number == message { bytes[index] ^= 1 << UInt8(index % 8) }
                    return bytes
                }
                #expect(changed.failure() != nil, "message \(message) changed at \(index)")
            }
            var longer = HandshakeRun(purpose: purpose)
            longer.tamper = { $0 == message ? $1 + [0] : $1 }
            #expect(longer.failure() != nil)
            var huge = HandshakeRun(purpose: purpose)
            huge.tamper = { $0 == message ? $1 + [UInt8](repeating: 0, count: 5_000) : $1 }
            #expect(huge.failure() == .malformed)
        }
    }

    @Test("a failed handshake stays failed, and a finished one hears nothing more")
    func outOfTurn() throws {
        var run = HandshakeRun()
        let opening = run.initiator.opening
        #expect(throws: HandshakeError.self) { try run.responder.read([1, 2, 3]) }
        #expect(throws: HandshakeError.outOfTurn) { try run.responder.read(opening) }
        var whole = HandshakeRun()
        _ = try whole.run()
        #expect(throws: HandshakeError.outOfTurn) { try whole.responder.read(opening) }
        #expect(throws: HandshakeError.outOfTurn) { try whole.initiator.read(opening) }
    }

    @Test("a recorded knock is answered, but the one who plays it cannot go on")
    func replayedKnock() throws {
        var recorded: [Int: [UInt8]] = [:]
        var honest = HandshakeRun()
        honest.tamper = { number, bytes in
            recorded[number] = bytes
            return bytes
        }
        _ = try honest.run()
        var responder = StreamHandshake.responder(
            Sample.node(2),
            keyring: Sample.keyring(),
            now: 0,
            random: Sample.random("another day"),
            standing: { _ in .member }
        )
        #expect(try responder.read(recorded[1]!).reply != nil)
        #expect(throws: HandshakeError.forged) { try responder.read(recorded[3]!) }
    }

    @Test("noise instead of any message is refused", arguments: 0..<4)
    func noise(seed: Int) {
        var random = Random(seed: UInt64(seed))
        for round in 0..<500 {
            let bytes = (0..<random.below(400)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var run = HandshakeRun()
            run.tamper = { $0 == round % 3 + 1 ? bytes : $1 }
            #expect(run.failure() != nil, "seed \(seed), round \(round)")
        }
    }
}

@Suite struct StreamCipherTests {
    private func ciphers() throws -> (StreamCipher, StreamCipher) {
        var run = HandshakeRun()
        let (a, b) = try run.run()
        return (a.sealing, b.opening)
    }

    @Test("frames out of order, repeated, left out, cut or changed end the stream for good")
    func order() throws {
        for fault in 0..<5 {
            var (sealing, opening) = try ciphers()
            let frames = (0..<4).map { sealing.seal([UInt8($0), 1, 2])! }
            #expect(opening.open(frames[0]) == [0, 1, 2])
            let bad =
                switch fault {
                case 0: frames[2]
                case 1: frames[0]
                case 2: Array(frames[1].dropLast())
                case 3: frames[1] + [0]
                default: frames[1].map { $0 ^ 1 }
                }
            #expect(opening.open(bad) == nil)
            #expect(opening.open(frames[1]) == nil, "fault \(fault): the stream goes on")
        }
    }

    @Test("a frame cut or changed at any byte does not open")
    func damage() throws {
        let (sealing, opening) = try ciphers()
        var sender = sealing
        let sealed = sender.seal(Array("a frame".utf8))!
        for index in sealed.indices {
            var receiver = opening
            #expect(receiver.open(Array(sealed.prefix(index))) == nil)
            receiver = opening
            var changed = sealed
            changed[index] ^= 0x10
            #expect(receiver.open(changed) == nil)
        }
        var receiver = opening
        #expect(receiver.open(sealed) == Array("a frame".utf8))
    }

    @Test("a frame of a mebibyte passes, a longer one is not sealed")
    func limit() throws {
        var (sealing, opening) = try ciphers()
        let frame = [UInt8](repeating: 1, count: StreamCipher.frameBytesMax)
        #expect(sealing.seal(frame + [1]) == nil)
        let sealed = sealing.seal(frame)!
        #expect(sealed.count == StreamCipher.sealedBytesMax)
        #expect(opening.open(sealed) == frame)
        #expect(opening.open(sealed + [UInt8](repeating: 0, count: 100)) == nil)
    }
}
