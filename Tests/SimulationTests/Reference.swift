import Swim

/// The reference mode: our reading of memberlist's LAN rules (`state.go`, `suspicion.go`, `awareness.go`, `queue.go`),
/// in the simulator only. Shuffled probes, three relays with nacks and a stream fallback, Lifeguard's suspicion times
/// and awareness, gossip three times in 200 ms with 4·⌈log10(N + 1)⌉ tellings, gossip to the dead for 30 s, and a full
/// exchange of state every 30 s, scaled by size. It is not the Go binary, and a comparison must say so.
struct Reference: Station {
    struct Item: Sendable {
        enum Kind: UInt8 { case ping, ask, ack, nack, alive, suspect, dead, state, stateReply }
        var kind: Kind
        var sequence: UInt32 = 0
        var subject: Int32 = 0
        var incarnation: UInt32 = 0
        /// The accuser, or the status in an exchange of state.
        var from: Int32 = 0
    }

    typealias Body = [Item]

    struct Rules: Sendable {
        /// Suspicion's minimum by our rule instead of memberlist's, for comparisons at equal minimum.
        var shortMinimum = false
        /// The damped view on top, for comparisons with damping on both sides.
        var damping = false
    }

    private struct Doubt {
        var deadline: Micros
        let start: Micros
        let minimum: Micros
        let maximum: Micros
        let wanted: Int
        var confirmations: [Int32]
    }

    private struct Question {
        let sequence: UInt32
        let target: Int
        var timeout: Micros
        let verdict: Micros
        var isRelayed = false
        var expectedNacks = 0
    }

    private struct Relayed {
        let sequence: UInt32
        let asker: Int
        let askerSequence: UInt32
        let until: Micros
        var nackAt: Micros
    }

    private struct Told {
        var item: Item
        var transmits: Int
        var order: Int
    }

    let index: Int
    let count: Int
    let rules: Rules
    private var random: Random
    private var statuses: [Status]
    private var incarnations: [UInt32]
    private var deadSince: [Int32: Micros] = [:]
    private var doubts: [Int32: Doubt] = [:]
    private var queue: [Told] = []
    private var order: [Int32] = []
    private var position = 0
    private var present: Int
    private var awareness = 0
    private var sequence: UInt32 = 0
    private var question: Question?
    private var relayed: [Relayed] = []
    private var probeAt: Micros
    private var gossipAt: Micros
    private var exchangeAt: Micros
    private var doubtAt: Micros = .max
    private var damping = Damping()
    private var unusable: Set<Int32> = []
    private let settings = Settings()
    private var orders = 0
    private var lastDead: Micros = .min

    init(index: Int, count: Int, seed: UInt64, rules: Rules = Rules()) {
        self.index = index
        self.count = count
        self.rules = rules
        random = Random(seed: seed)
        statuses = Array(repeating: .alive, count: count)
        incarnations = Array(repeating: 1, count: count)
        present = count
        order = (0..<count).filter { $0 != index }.map { Int32($0) }
        position = order.count
        probeAt = Micros(random.unit() * 1_000_000)
        gossipAt = Micros(random.unit() * 200_000)
        exchangeAt = 0
        exchangeAt = Micros(random.unit() * Double(exchangeMicros))
    }

    static func cluster(_ count: Int, seed: UInt64, rules: Rules = Rules()) -> Simulation<Reference> {
        let stations = (0..<count).map {
            Reference(
                index: $0,
                count: count,
                seed: Random.mix(seed &* 1_000_003 &+ UInt64($0)),
                rules: rules
            )
        }
        return Simulation(stations: stations, seed: seed)
    }

    static func fingerprint(_ body: [Item]) -> UInt64 {
        body.reduce(UInt64(body.count)) {
            $0 &* 31 ^ UInt64($1.kind.rawValue) ^ UInt64($1.sequence) << 8 ^ UInt64(UInt32(bitPattern: $1.subject))
                << 32
        }
    }

    func status(_ subject: Int) -> Status { statuses[subject] }

    // MARK: Time

    private var exchangeMicros: Micros {
        guard present > 32 else { return 30_000_000 }
        let scale = (Logarithm.base2(Double(present)) - 5).rounded(.up) + 1
        return Micros(scale * 30_000_000)
    }

    private var transmits: Int { 4 * Int(Logarithm.base10(Double(present + 1)).rounded(.up)) }

    var nextDeadline: Micros {
        var next = min(probeAt, exchangeAt, doubtAt)
        if !queue.isEmpty { next = min(next, gossipAt) }
        if let question { next = min(next, question.isRelayed ? question.verdict : question.timeout) }
        for duty in relayed { next = min(next, duty.nackAt) }
        return next
    }

    mutating func advance(to now: Micros, into post: inout Post<[Item]>) {
        if let open = question {
            if !open.isRelayed, open.timeout <= now { relay(now, into: &post) }
            if let open = question, open.isRelayed, open.verdict <= now { failProbe(open, now, into: &post) }
        }
        for at in relayed.indices where relayed[at].nackAt <= now {
            relayed[at].nackAt = .max
            send([Item(kind: .nack, sequence: relayed[at].askerSequence)], to: relayed[at].asker, into: &post)
        }
        relayed.removeAll { $0.until <= now }
        if doubtAt <= now { settleDoubts(now, into: &post) }
        if probeAt <= now {
            // A node that slept starts one probe, not all that it missed.
            probeAt = now + 1_000_000 * Micros(awareness + 1)
            probe(now, into: &post)
            fade(now, into: &post)
        }
        if gossipAt <= now {
            gossipAt = now + 200_000
            gossip(now, into: &post)
        }
        if exchangeAt <= now {
            exchangeAt = now + exchangeMicros
            if let peer = pick({ $0 == .alive }) {
                stream(state(.state), to: peer, into: &post)
            }
        }
    }

    // MARK: Probing

    private mutating func probe(_ now: Micros, into post: inout Post<[Item]>) {
        guard question == nil else { return }
        for _ in 0..<order.count {
            if position >= order.count {
                for at in stride(from: order.count - 1, to: 0, by: -1) { order.swapAt(at, random.below(at + 1)) }
                position = 0
            }
            let target = Int(order[position])
            position += 1
            guard statuses[target].isPresent else { continue }
            sequence += 1
            question = Question(
                sequence: sequence,
                target: target,
                timeout: now + 500_000,
                verdict: now + 1_000_000 * Micros(awareness + 1) - 1_000
            )
            var items = [Item(kind: .ping, sequence: sequence, subject: Int32(target))]
            if statuses[target] == .suspect {
                items.append(
                    Item(
                        kind: .suspect,
                        subject: Int32(target),
                        incarnation: incarnations[target],
                        from: Int32(index)
                    )
                )
            }
            send(items, to: target, into: &post)
            return
        }
    }

    private mutating func relay(_ now: Micros, into post: inout Post<[Item]>) {
        guard var open = question else { return }
        open.isRelayed = true
        var asked: [Int] = []
        for _ in 0..<3 {
            guard let peer = pick({ $0 == .alive }), peer != open.target, !asked.contains(peer) else { continue }
            asked.append(peer)
            send([Item(kind: .ask, sequence: open.sequence, subject: Int32(open.target))], to: peer, into: &post)
        }
        open.expectedNacks = asked.count
        question = open
        stream([Item(kind: .ping, sequence: open.sequence, subject: Int32(open.target))], to: open.target, into: &post)
    }

    private mutating func failProbe(_ open: Question, _ now: Micros, into post: inout Post<[Item]>) {
        question = nil
        awareness = min(7, awareness + max(open.expectedNacks, open.expectedNacks == 0 ? 1 : 0))
        suspect(open.target, incarnations[open.target], from: Int32(index), now, into: &post)
    }

    // MARK: Receiving

    mutating func receive(_ body: [Item], isStream: Bool, from: Int, at now: Micros, into post: inout Post<[Item]>) {
        for item in body {
            switch item.kind {
            case .ping:
                let ack = [Item(kind: .ack, sequence: item.sequence)]
                if isStream { stream(ack, to: from, into: &post) } else { send(ack, to: from, into: &post) }
            case .ask:
                sequence += 1
                relayed.append(
                    Relayed(
                        sequence: sequence,
                        asker: from,
                        askerSequence: item.sequence,
                        until: now + 1_000_000,
                        nackAt: now + 500_000
                    )
                )
                send([Item(kind: .ping, sequence: sequence, subject: item.subject)], to: Int(item.subject), into: &post)
            case .ack:
                if let open = question, open.sequence == item.sequence {
                    question = nil
                    awareness = max(0, awareness - 1)
                } else if let at = relayed.firstIndex(where: { $0.sequence == item.sequence }) {
                    let duty = relayed.remove(at: at)
                    send([Item(kind: .ack, sequence: duty.askerSequence)], to: duty.asker, into: &post)
                }
            case .nack:
                if question?.sequence == item.sequence, let expected = question?.expectedNacks, expected > 0 {
                    question?.expectedNacks = expected - 1
                }
            case .alive: alive(Int(item.subject), item.incarnation, now, into: &post)
            case .suspect: suspect(Int(item.subject), item.incarnation, from: item.from, now, into: &post)
            case .dead: dead(Int(item.subject), item.incarnation, now, into: &post)
            case .state, .stateReply: break
            }
        }
        if let first = body.first, first.kind == .state || first.kind == .stateReply {
            if first.kind == .state { stream(state(.stateReply), to: from, into: &post) }
            for item in body {
                switch Status(rawValue: UInt8(truncatingIfNeeded: item.from)) ?? .alive {
                case .alive: alive(Int(item.subject), item.incarnation, now, into: &post)
                // A remote death is only a suspicion here.
                case .suspect, .dead:
                    suspect(Int(item.subject), item.incarnation, from: Int32(index), now, into: &post)
                case .left, .expelled: break
                }
            }
        }
    }

    private mutating func alive(_ subject: Int, _ incarnation: UInt32, _ now: Micros, into post: inout Post<[Item]>) {
        guard subject != index, incarnation > incarnations[subject] else { return }
        let wasDead = !statuses[subject].isPresent
        let jump = Int(incarnation - incarnations[subject])
        incarnations[subject] = incarnation
        doubts[Int32(subject)] = nil
        tell(Item(kind: .alive, subject: Int32(subject), incarnation: incarnation))
        if rules.damping {
            damping.refuted(subject, times: jump, now: now, loss: 0, settings: settings)
            if wasDead { damping.returned(subject, now: now, settings: settings) }
        }
        if wasDead {
            present += 1
            deadSince[Int32(subject)] = nil
        }
        guard statuses[subject] != .alive else { return }
        statuses[subject] = .alive
        note(subject, .alive, now, into: &post)
        judge(subject, now, into: &post)
    }

    private mutating func suspect(
        _ subject: Int,
        _ incarnation: UInt32,
        from: Int32,
        _ now: Micros,
        into post: inout Post<[Item]>
    ) {
        guard incarnation >= incarnations[subject] else { return }
        if subject == index {
            incarnations[index] = max(incarnations[index], incarnation) + 1
            awareness = min(7, awareness + 1)
            tell(Item(kind: .alive, subject: Int32(index), incarnation: incarnations[index]))
            return
        }
        let item = Item(kind: .suspect, subject: Int32(subject), incarnation: incarnation, from: from)
        if var doubt = doubts[Int32(subject)] {
            guard doubt.confirmations.count <= doubt.wanted, !doubt.confirmations.contains(from) else { return }
            doubt.confirmations.append(from)
            let share =
                Logarithm.natural(Double(doubt.confirmations.count)) / Logarithm.natural(Double(doubt.wanted + 1))
            let wait = Double(doubt.maximum) - Double(doubt.maximum - doubt.minimum) * min(1, share)
            doubt.deadline = doubt.start + max(doubt.minimum, Micros(wait))
            doubts[Int32(subject)] = doubt
            doubtAt = min(doubtAt, max(now, doubt.deadline))
            tell(item)
            return
        }
        guard statuses[subject] == .alive else { return }
        let minimum =
            rules.shortMinimum
            ? settings.minimumMicros(members: present, loss: 0)
            : Micros(4 * max(1, Logarithm.base10(Double(max(present, 1)))) * 1_000_000)
        let wanted = present - 2 < 2 ? 0 : 2
        let maximum = minimum * 6
        let deadline = now + (wanted == 0 ? minimum : maximum)
        doubts[Int32(subject)] = Doubt(
            deadline: deadline,
            start: now,
            minimum: minimum,
            maximum: maximum,
            wanted: wanted,
            confirmations: [from]
        )
        doubtAt = min(doubtAt, deadline)
        incarnations[subject] = incarnation
        statuses[subject] = .suspect
        tell(item)
        note(subject, .suspect, now, into: &post)
    }

    private mutating func dead(_ subject: Int, _ incarnation: UInt32, _ now: Micros, into post: inout Post<[Item]>) {
        guard incarnation >= incarnations[subject] else { return }
        if subject == index {
            incarnations[index] = max(incarnations[index], incarnation) + 1
            awareness = min(7, awareness + 1)
            tell(Item(kind: .alive, subject: Int32(index), incarnation: incarnations[index]))
            return
        }
        guard statuses[subject].isPresent else { return }
        doubts[Int32(subject)] = nil
        incarnations[subject] = incarnation
        statuses[subject] = .dead
        present -= 1
        deadSince[Int32(subject)] = now
        lastDead = now
        tell(Item(kind: .dead, subject: Int32(subject), incarnation: incarnation, from: Int32(index)))
        note(subject, .dead, now, into: &post)
        judge(subject, now, into: &post)
    }

    private mutating func settleDoubts(_ now: Micros, into post: inout Post<[Item]>) {
        // Sorted, because a dictionary's order differs from run to run.
        let due = doubts.filter { $0.value.deadline <= now }.map(\.key).sorted()
        for subject in due { dead(Int(subject), incarnations[Int(subject)], now, into: &post) }
        doubtAt = doubts.values.map(\.deadline).min() ?? .max
    }

    // MARK: Telling

    private mutating func tell(_ item: Item) {
        queue.removeAll { $0.item.subject == item.subject }
        orders += 1
        queue.append(Told(item: item, transmits: 0, order: orders))
    }

    /// Sizes as memberlist's msgpack has them, with its compound header.
    private static func size(_ item: Item) -> Int {
        switch item.kind {
        case .ping: 62
        case .ask: 70
        case .ack, .nack: 24
        case .alive: 92
        case .suspect, .dead: 60
        case .state, .stateReply: 80
        }
    }

    private mutating func send(_ items: [Item], to: Int, into post: inout Post<[Item]>) {
        var items = items
        var size = items.reduce(29 + 2) { $0 + 2 + Self.size($1) }
        if !queue.isEmpty {
            queue.sort { $0.transmits != $1.transmits ? $0.transmits < $1.transmits : $0.order > $1.order }
            for at in queue.indices {
                let more = 2 + Self.size(queue[at].item)
                guard size + more <= 1_400 else { break }
                size += more
                items.append(queue[at].item)
                queue[at].transmits += 1
            }
            let limit = transmits
            queue.removeAll { $0.transmits >= limit }
        }
        post.parcels.append(Parcel(body: items, to: to, isStream: false, bytes: size))
    }

    private func stream(_ items: [Item], to: Int, into post: inout Post<[Item]>) {
        let size = items.reduce(29) { $0 + Self.size($1) }
        post.parcels.append(Parcel(body: items, to: to, isStream: true, bytes: size))
    }

    private mutating func gossip(_ now: Micros, into post: inout Post<[Item]>) {
        guard !queue.isEmpty else { return }
        var asked: [Int] = []
        for _ in 0..<3 {
            let pick = pickRecent(now)
            guard let peer = pick, !asked.contains(peer), !queue.isEmpty else { continue }
            asked.append(peer)
            send([], to: peer, into: &post)
        }
    }

    /// Present, or dead for less than half a minute.
    private mutating func pickRecent(_ now: Micros) -> Int? {
        for _ in 0..<32 {
            let peer = random.below(count)
            guard peer != index else { continue }
            if statuses[peer].isPresent { return peer }
            if let since = deadSince[Int32(peer)], now - since < 30_000_000 { return peer }
        }
        return nil
    }

    private mutating func pick(_ fits: (Status) -> Bool) -> Int? {
        for _ in 0..<32 {
            let peer = random.below(count)
            if peer != index, fits(statuses[peer]) { return peer }
        }
        return nil
    }

    private func state(_ kind: Item.Kind) -> [Item] {
        (0..<count).map {
            Item(
                kind: kind,
                subject: Int32($0),
                incarnation: incarnations[$0],
                from: Int32(statuses[$0].rawValue)
            )
        }
    }

    // MARK: The view

    private func note(_ subject: Int, _ kind: Note.Kind, _ now: Micros, into post: inout Post<[Item]>) {
        post.notes.append(Note(at: now, observer: Int32(index), subject: Int32(subject), kind: kind))
    }

    private mutating func judge(_ subject: Int, _ now: Micros, into post: inout Post<[Item]>) {
        let isUsable = statuses[subject].isPresent && (!rules.damping || damping.isCalm(subject, now: now))
        guard isUsable == unusable.contains(Int32(subject)) else { return }
        if isUsable { unusable.remove(Int32(subject)) } else { unusable.insert(Int32(subject)) }
        note(subject, isUsable ? .usable : .unusable, now, into: &post)
    }

    private mutating func fade(_ now: Micros, into post: inout Post<[Item]>) {
        guard rules.damping, !damping.isEmpty else { return }
        for subject in damping.fade(to: now, settings: settings) { judge(subject, now, into: &post) }
    }
}
