import Swim

/// Names, keys and addresses of the simulated nodes, by index, with a signer that has the sizes of Ed25519 and no cost.
enum Names {
    struct Signer: RecordSigner {
        let key: PublicKey
        /// Does not believe the admin key: a rebel that goes on after it was expelled, or a seeded bug.
        var isDeaf = false

        func name(of key: PublicKey) -> NodeID { NodeID(high: key.words.0, low: key.words.1) }
        func sign(_ bytes: [UInt8]) -> Signature { Self.signature(bytes, key) }
        func isValid(_ signature: Signature, of bytes: [UInt8], by key: PublicKey) -> Bool {
            signature == Self.signature(bytes, key)
        }
        func isAdmin(_ signature: Signature, of bytes: [UInt8]) -> Bool {
            !isDeaf && signature == Self.signature(bytes, Names.adminKey)
        }
        /// The same for both ends, and another one when they change places.
        func token(nonce: UInt64, asker: NodeID, target: NodeID) -> UInt64 {
            Random.mix(nonce ^ Random.mix(asker.high) ^ target.high)
        }
        func digest(of bytes: [UInt8]) -> UInt64 { bytes.reduce(7) { Random.mix($0 ^ UInt64($1)) } }

        private static func signature(_ bytes: [UInt8], _ key: PublicKey) -> Signature {
            var sum = key.words.0
            for byte in bytes { sum = (sum ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
            return Signature(low: (Random.mix(sum), 1, 2, 3), high: (4, 5, 6, key.words.1))
        }
    }

    static let adminKey = PublicKey(0xad31, 0xad32, 7, 8)

    static func decree(
        _ kind: Decree.Kind,
        sequence: UInt64,
        epoch: UInt32 = 2,
        by key: PublicKey = adminKey
    ) -> Decree {
        guard var decree = Decree(sequence: sequence, kind: kind, newEpoch: epoch, reason: "key stolen") else {
            preconditionFailure("the reason is short and plain")
        }
        decree.signature = Signer(key: key).sign(decree.signedBytes)
        return decree
    }

    /// The index sits in the low bits of the name, so that a note needs no table.
    static func id(_ index: Int) -> NodeID { NodeID(high: key(index).words.0, low: UInt64(index)) }

    static func key(_ index: Int) -> PublicKey {
        PublicKey(Random.mix(UInt64(index) &+ 77), UInt64(index), 5, 6)
    }

    static func index(_ id: NodeID) -> Int { Int(id.low) }

    static func endpoint(_ index: Int, port: UInt16 = 7946) -> Endpoint {
        Endpoint(ipv4: UInt32(truncatingIfNeeded: 0x0a00_0000 + index), port: port)
    }

    static func record(_ index: Int, zones: Int, generation: UInt64 = 1) -> Record {
        var record = Record(
            id: id(index),
            key: key(index),
            version: Version(generation: generation, incarnation: 0),
            endpoint: endpoint(index),
            zone: UInt64(index % max(zones, 1))
        )
        record.signature = Signer(key: record.key).sign(record.signedBytes)
        return record
    }
}

/// A machine of ours in the simulation: the driver, reduced to the network.
struct SwimStation: Station {
    typealias Body = [UInt8]

    var machine: Membership
    let index: Int
    /// The node's own clock runs ahead of the simulation's by this: no rule may rest on a common clock.
    private let ahead: Micros
    private var outbox: [Directive] = []
    /// The disk: decrees that the machine wanted kept.
    private(set) var kept: [Decree]
    /// I8's own knowledge of who is out, when it is to be checked.
    var outcasts: Outcasts?

    init(machine: Membership, index: Int, kept: [Decree] = []) {
        self.machine = machine
        self.index = index
        self.kept = kept
        ahead = Self.ahead(index)
    }

    static func ahead(_ index: Int) -> Micros { Micros(index % 97) * 7_777_777 }

    var nextDeadline: Micros {
        mutating get { machine.nextDeadline - ahead }
    }

    mutating func refused(by node: Int, at time: Micros, into post: inout Post<[UInt8]>) {
        machine.streamFailed(to: Names.id(node), isRefused: true, at: time + ahead, into: &outbox)
        obey(time, into: &post)
    }

    mutating func receive(_ body: [UInt8], isStream: Bool, from: Int, at now: Micros, into post: inout Post<[UInt8]>) {
        outcasts?.hear(body, isStream: isStream, from: Names.id(from), by: index, machine)
        if isStream {
            machine.receiveFrame(body, from: Names.id(from), at: now + ahead, into: &outbox)
        } else {
            machine.receive(body, from: Names.id(from), at: now + ahead, into: &outbox)
        }
        obey(now, into: &post)
    }

    mutating func advance(to now: Micros, into post: inout Post<[UInt8]>) {
        machine.advance(to: now + ahead, into: &outbox)
        obey(now, into: &post)
    }

    mutating func command(_ command: Command, at now: Micros, into post: inout Post<[UInt8]>) {
        machine.command(command, at: now + ahead, into: &outbox)
        obey(now, into: &post)
    }

    static func fingerprint(_ body: [UInt8]) -> UInt64 {
        var sum = UInt64(body.count)
        for byte in body.prefix(17) { sum = sum << 5 ^ sum >> 59 ^ UInt64(byte) }
        for byte in body.suffix(16) { sum = sum << 5 ^ sum >> 59 ^ UInt64(byte) }
        return sum
    }

    private mutating func obey(_ now: Micros, into post: inout Post<[UInt8]>) {
        outcasts?.judge(machine, outbox)
        for directive in outbox {
            switch directive {
            case .send(let body, _, let endpoint):
                precondition(body.count <= machine.settings.bodyBytes, "I5: a datagram is within its budget")
                post.parcels.append(
                    Parcel(
                        body: body,
                        to: Self.index(endpoint),
                        port: endpoint.port,
                        isStream: false,
                        bytes: body.count + machine.settings.sealBytes
                    )
                )
            case .stream(let frame, _, let endpoint), .greet(let frame, let endpoint):
                precondition(frame.count <= machine.settings.frameBytes, "I5: a frame is within its bound")
                post.parcels.append(
                    Parcel(
                        body: frame,
                        to: Self.index(endpoint),
                        port: endpoint.port,
                        isStream: true,
                        bytes: frame.count + 20
                    )
                )
            case .event(let event): note(event, now, into: &post)
            case .persist: break
            case .keep(let decree): kept.append(decree)
            }
        }
        outbox.removeAll(keepingCapacity: true)
    }

    private func note(_ event: MemberEvent, _ now: Micros, into post: inout Post<[UInt8]>) {
        let id: NodeID
        let kind: Note.Kind
        switch event {
        case .changed(let member, _, let status, _):
            id = member
            kind =
                switch status {
                case .alive: .alive
                case .suspect: .suspect
                case .dead: .dead
                case .left: .left
                case .expelled: .expelled
                }
        case .usable(let member, let isUsable):
            id = member
            kind = isUsable ? .usable : .unusable
        default: return
        }
        post.notes.append(
            Note(
                at: now,
                observer: Int32(truncatingIfNeeded: index),
                subject: Int32(truncatingIfNeeded: Names.index(id)),
                kind: kind
            )
        )
    }

    private static func index(_ endpoint: Endpoint) -> Int { Int(endpoint.low) - 0x0a00_0000 }
}

extension Simulation where S == SwimStation {
    /// A cluster whose members know each other from the start.
    ///
    /// - Parameter deaf: nodes that do not believe the admin key.
    static func cluster(
        _ count: Int,
        seed: UInt64,
        zones: Int = 1,
        settings: Settings = Settings(),
        deaf: Set<Int> = []
    ) -> Simulation<SwimStation> {
        var roster = Roster(digestKey: settings.digestKey)
        for index in 0..<count { _ = roster.add(Names.record(index, zones: zones), status: .alive) }
        let stations = (0..<count).map { index in
            SwimStation(
                machine: Membership(
                    settings: settings,
                    own: Names.record(index, zones: zones),
                    known: roster,
                    signer: Names.Signer(key: Names.key(index), isDeaf: deaf.contains(index)),
                    seed: Random.mix(seed &* 1_000_003 &+ UInt64(index)),
                    now: SwimStation.ahead(index)
                ),
                index: index
            )
        }
        return Simulation(stations: stations, seed: seed)
    }

    /// A machine that knows nobody yet.
    static func newborn(
        _ index: Int,
        seed: UInt64,
        zones: Int = 1,
        generation: UInt64 = 1,
        settings: Settings = Settings(),
        decrees: [Decree] = [],
        remembered: Snapshot? = nil,
        isDeaf: Bool = false,
        now: Micros
    ) -> SwimStation {
        SwimStation(
            machine: Membership(
                settings: settings,
                own: Names.record(index, zones: zones, generation: generation),
                decrees: decrees,
                remembered: remembered,
                signer: Names.Signer(key: Names.key(index), isDeaf: isDeaf),
                seed: Random.mix(seed &* 1_000_003 &+ UInt64(index) &+ UInt64(now)),
                now: now + SwimStation.ahead(index)
            ),
            index: index,
            kept: decrees
        )
    }

    func join(_ node: Int, through seed: Int) {
        with(node) { station, post in
            station.command(.join([Names.endpoint(seed)]), at: now, into: &post)
        }
    }

    func decree(_ decree: Decree, at node: Int) {
        with(node) { station, post in
            station.command(.decree(decree), at: now, into: &post)
        }
    }

    func expel(_ node: Int, sequence: UInt64 = 1, at witness: Int) {
        decree(Names.decree(.expel(Names.id(node)), sequence: sequence), at: witness)
    }

    /// Seconds from the decree, given at one node, until no honest node holds the expelled present; infinite when some
    /// do for a minute.
    func expulsion(of node: Int, at witness: Int) -> Double {
        settle()
        let start = now
        expel(node, at: witness)
        let id = Names.id(node)
        while now < start + 60_000_000 {
            let isOut = (0..<count).allSatisfy { observer in
                observer == node || conditions[observer] != .running
                    || stations[observer].machine.status(of: id) == .expelled
            }
            if isOut { return Double(now - start) / 1e6 }
            run(until: now + 20_000)
        }
        return .infinity
    }

    func move(_ node: Int, port: UInt16) {
        ports[node] = port
        with(node) { station, post in
            station.command(.move(Names.endpoint(node, port: port)), at: now, into: &post)
        }
    }

    /// Seconds until all running nodes hold the same view and count so many members; infinite when they never do.
    func agreement(present: Int, within limit: Micros) -> Double {
        let start = now
        while now < start + limit {
            run(until: now + 100_000)
            guard agrees,
                let node = (0..<count).first(where: { conditions[$0] == .running && !outside.contains($0) })
            else { continue }
            if stations[node].machine.presentCount == present { return Double(now - start) / 1e6 }
        }
        return .infinity
    }

    /// Whether all running nodes hold the same view.
    var agrees: Bool {
        let running = (0..<count).filter { conditions[$0] == .running && !outside.contains($0) }
        guard let first = running.first else { return true }
        let digest = stations[first].machine.viewDigest
        return running.allSatisfy { stations[$0].machine.viewDigest == digest }
    }

    /// The sum of what all running machines counted.
    func total(_ counter: KeyPath<Counters, Int>) -> Int {
        stations.reduce(0) { $0 + $1.machine.counters[keyPath: counter] }
    }
}
