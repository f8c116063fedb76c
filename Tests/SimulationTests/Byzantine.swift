import Swim

/// A member with a valid key that says whatever could do harm, to everybody, as long as it is let.
struct Byzantine {
    let liar: Int
    let signer: Names.Signer
    private var random: Random
    private var generation: UInt64 = 1

    init(_ liar: Int, seed: UInt64) {
        self.liar = liar
        signer = Names.Signer(key: Names.key(liar))
        random = Random(seed: seed &+ 4_711)
    }

    /// What is told next about a target, as a datagram or as a frame.
    mutating func lie(about truth: Record) -> (body: [UInt8], isStream: Bool) {
        switch random.below(6) {
        case 0, 1, 2: (gossip(about: truth), false)
        case 3: (tombstones(of: truth), true)
        case 4: (answers(about: truth), false)
        default: (noise(), random.below(2) == 0)
        }
    }

    private mutating func gossip(about truth: Record) -> [UInt8] {
        var writer = ByteWriter(capacity: 1_100)
        Codec.encode(.gossip(Sight(digest: random.next(), flags: [.quiet, .flooded], health: 0)), into: &writer)
        Codec.encode(.record(altered(truth)), into: &writer)
        Codec.encode(
            .suspicion(target: truth.id.handle, version: truth.version, accusations(of: truth)),
            into: &writer
        )
        let kind: Decree.Kind = random.below(4) == 0 ? .rotate : .expel(truth.id)
        let decree = Names.decree(kind, sequence: random.next(), epoch: .max, by: signer.key)
        Codec.encode(.decree(decree), into: &writer)
        return writer.bytes
    }

    /// Another address, a later version, or a goodbye that the target never said.
    private mutating func altered(_ truth: Record) -> Record {
        var forged = truth
        forged.version.incarnation &+= UInt32(random.below(5))
        if random.below(3) == 0 { forged.version = Version(generation: .max, incarnation: .max) }
        forged.endpoint = Endpoint(ipv4: 1, port: 1)
        forged.flags = random.below(2) == 0 ? .leaving : []
        if random.below(4) > 0 { forged.signature = signer.sign(forged.signedBytes) }
        return forged
    }

    /// The liar's own word, which is valid, beside words that it puts into the mouths of others.
    private func accusations(of truth: Record) -> [Accusation] {
        [liar, liar + 1, liar + 2, liar + 3].map { accuser in
            let handle = Names.id(accuser).handle
            let bytes = Accusation.signedBytes(
                accuser: handle,
                target: truth.id.handle,
                version: truth.version,
                weight: 255
            )
            return Accusation(accuser: handle, weight: 255, signature: signer.sign(bytes))
        }
    }

    private mutating func tombstones(of truth: Record) -> [UInt8] {
        let entries = [Status.dead, .left, .alive].map {
            Frame.Entry(
                record: $0 == .dead ? truth : altered(truth),
                status: $0,
                ageMicros: random.next() % 1_000_000,
                accusations: accusations(of: truth)
            )
        }
        let decrees = [Names.decree(.expel(truth.id), sequence: 9, by: signer.key)]
        return random.below(2) == 0
            ? Frame.tell(decrees: decrees, entries: entries).encoded()
            : Frame.reply(buckets: (0...255).map { UInt8($0) }, decrees: decrees, entries: entries).encoded()
    }

    /// Answers to questions that nobody asked, and questions in the name of others.
    private mutating func answers(about truth: Record) -> [UInt8] {
        var writer = ByteWriter(capacity: 128)
        let message: Message =
            switch random.below(5) {
            case 0: .vouch(nonce: random.next(), token: random.next())
            case 1: .nack(nonce: random.next(), version: truth.version, accusations(of: truth)[1])
            case 2: .relayAck(nonce: random.next(), token: random.next())
            case 3: .ask(nonce: random.next(), target: truth.id.handle)
            default: .relayPing(nonce: random.next(), asker: truth.id.handle, askerNonce: random.next())
            }
        Codec.encode(message, into: &writer)
        return writer.bytes
    }

    private mutating func noise() -> [UInt8] {
        (0..<random.below(300)).map { _ in UInt8(random.below(256)) }
    }
}

extension Simulation where S == SwimStation {
    /// Lets one member lie to a few others at each step; gives how many honest members were called dead, gone or
    /// expelled, were altered, or fell out of use anywhere.
    func lies(by liar: Int, watch micros: Micros, every step: Micros = 100_000, seed: UInt64) -> Int {
        settle()
        var byzantine = Byzantine(liar, seed: seed)
        var random = Random(seed: seed)
        let end = now + micros
        while now < end {
            run(until: now + step)
            for _ in 0..<min(count - 1, 16) {
                let victim = random.below(count)
                let target = random.below(count)
                guard victim != liar, target != liar else { continue }
                let (body, isStream) = byzantine.lie(about: stations[target].machine.ownRecord)
                with(victim) { $0.receive(body, isStream: isStream, from: liar, at: now, into: &$1) }
            }
        }
        run(until: now + 20_000_000)
        var harm = 0
        for note in notes where note.observer != liar && note.subject != liar {
            switch note.kind {
            case .dead, .left, .expelled, .unusable: harm += 1
            case .alive, .suspect, .usable: break
            }
        }
        for node in 0..<count where node != liar {
            let own = stations[node].machine.ownRecord
            if own.endpoint != Names.endpoint(node) { harm += 1 }
            for observer in stride(from: 0, to: count, by: max(1, count / 16)) where observer != liar {
                let held = stations[observer].machine.member(Names.id(node))?.record
                if held?.endpoint != own.endpoint || (held?.version ?? own.version) > own.version { harm += 1 }
            }
        }
        return harm
    }
}
