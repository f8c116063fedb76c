internal import Logging
internal import NIOCore
internal import Swim

/// Runs the membership machine: hands it what arrives and the time, and obeys its directives. All that touches sockets,
/// files, keys and the log for it is done here or below; nothing is decided that the machines could decide.
///
/// Lives on the node's event loop, where nothing blocks and every method is called.
final class MembershipDriver {
    let loop: any EventLoop
    let settings: MeshNodeSettings
    let identity: NodeIdentity
    let signer: MeshSigner
    let logger: Logger
    let folder: MeshFolder
    let board: PresenceBoard
    let linkDoor: LinkDoor
    let startedAt: Micros
    var state: MeshState
    var membership: Membership
    var sealer: DatagramSealer
    var keys: KeyTransfer
    var random: Random
    var memberLog: MemberLog
    var lag = LoopLag()
    private(set) var port: DatagramPort?
    private(set) var streams: ControlStreams?
    let requests: ControlRequests

    // What is known of members beside the machine.
    var descriptions: [NodeID: Description] = [:]
    /// Names from an earlier life of this node, until the members are heard again.
    var savedNames: [NodeID: String]
    var clockSkews: [NodeID: Int64] = [:]
    /// Members whose description is still missing, with the asks so far.
    var nameless: [(id: NodeID, asks: Int)] = []
    var told: Description
    var toTell: Description?
    var toldAt: Micros = .min
    /// Members of whom the board does not know the newest.
    var unposted: Set<NodeID> = []

    // Upkeep.
    var hasNews = true
    var savedAt: Micros = .min
    var isSaving = false
    var savedDigest: UInt64 = 0
    var viewTrouble: String?
    var saving = StateSaving()
    var echoes: [[UInt8]: (peer: NodeID, promise: EventLoopPromise<Int64>, until: Micros)] = [:]
    var failedCalls: [NodeID?: Int] = [:]
    var hasWarnedOfLoopback = false
    var isIsolated = false
    var viewChangedAt: Micros = .min
    var seedsSoughtAt: Micros
    var isSeekingSeeds = false
    /// Members to whom data links failed because no version of the protocol is common.
    var incompatible: Set<NodeID> = []
    var refusedStrangers: UInt64 = 0
    var refusedOutcasts: UInt64 = 0
    var departure: EventLoopPromise<Void>?
    /// The decree that put this node out.
    var ownExpulsion: Decree?
    /// Who is told when this node plays dead no more; set from the order on.
    var playingDeadEnded: (@Sendable () -> Void)?

    private var outbox: [Directive] = []
    /// Directives that wait until a generation is on disk.
    private var withheld: [Directive]?
    private var timer: Scheduled<Void>?
    private var armedFor: Micros = .max
    private var isStopped = false
    private var isMending = false
    private var standstill: Standstill
    private static let withheldMax = 4_096
    static let tickMicros: Micros = 250_000

    init(
        loop: any EventLoop,
        settings: MeshNodeSettings,
        identity: NodeIdentity,
        state: MeshState,
        endpoint: Endpoint,
        remembered: Remembered,
        folder: MeshFolder,
        board: PresenceBoard,
        linkDoor: LinkDoor,
        logger: Logger
    ) {
        let now = Self.clock()
        self.loop = loop
        self.settings = settings
        self.identity = identity
        self.logger = logger
        self.folder = folder
        self.board = board
        self.linkDoor = linkDoor
        self.state = state
        startedAt = now
        seedsSoughtAt = now
        standstill = Standstill(now: now, unixMillis: WallClock.unixMillis)
        signer = MeshSigner(identity: identity, adminPublicKey: state.keyring.adminPublicKey)
        random = Random(seed: SecureRandom.word())
        told = settings.description
        savedNames = remembered.names
        requests = ControlRequests(loop: loop)
        memberLog = MemberLog(waitMicros: settings.nameWaitMicros)
        var swim = settings.swim
        swim.digestKey = Blake2b.word(state.keyring.meshID.bytes)
        guard let key = PublicKey(bytes: identity.publicKey) else { preconditionFailure("an identity has 32 bytes") }
        let zone = settings.description.zone
        var record = Record(
            id: identity.id,
            key: key,
            version: Version(generation: state.generation, incarnation: 0),
            endpoint: endpoint,
            zone: zone.isEmpty ? 0 : Blake2b.word(Array(zone.utf8))
        )
        // Grows with each life although nothing of it is kept: others only fetch what is newer than what they have.
        record.metaVersion = UInt32(truncatingIfNeeded: WallClock.unixSeconds)
        membership = Membership(
            settings: swim,
            own: record,
            decrees: state.decrees,
            remembered: remembered.snapshot,
            signer: signer,
            seed: SecureRandom.word(),
            now: now
        )
        sealer = DatagramSealer(
            identity: identity,
            keyring: Self.understood(state.keyring),
            boot: DatagramSealer.boot(generation: state.generation)
        )
        keys = KeyTransfer(
            newest: state.keyring.newest,
            sending: state.keyring.sending,
            announced: membership.newestEpoch,
            settleMicros: settings.keySettleMicros,
            askMicros: settings.keyAskMicros,
            now: now
        )
        heedDecrees()
    }

    /// What only the snapshot remembers of the operator's word counts as much as what the state does: a crash may have
    /// come between the two files.
    private func heedDecrees() {
        for decree in membership.knownDecrees {
            if decree.target != nil { state.keyring.refuseStrangers(before: decree.newEpoch) }
            guard !state.decrees.contains(decree) else { continue }
            state.decrees.append(decree)
            saving.isDirty = true
        }
    }

    /// What an earlier life left: the machine's snapshot, and the names of the report beside it.
    struct Remembered: Sendable {
        var snapshot: Snapshot?
        var names: [NodeID: String] = [:]
    }

    static func clock() -> Micros { Micros(NIODeadline.now().uptimeNanoseconds / 1_000) }

    /// The epochs whose datagrams are opened: those that are not yet over.
    static func understood(_ keyring: Keyring) -> Keyring {
        var understood = keyring
        understood.retire(at: WallClock.unixSeconds)
        return understood
    }

    var id: NodeID { identity.id }

    // MARK: Life

    /// Takes the open sockets and begins.
    func begin(port: DatagramPort, server: any Channel, greet: [Endpoint]) {
        use(port)
        let streams = ControlStreams(loop: loop, rules: self, clock: Self.clock)
        self.streams = streams
        for member in membership.members() where member.record.id != id {
            // Those in graves stay known, because they are asked again for days.
            if member.status != .expelled { sealer.learn(member.record.id, key: member.record.key) }
            signer.learn(member.record.key)
            memberLog.remember(member.record.id, member.status)
            nameless.append((member.record.id, 0))
            notePresence(member.record.id)
        }
        notePresence(id)
        server.setOption(.autoRead, value: true).assumeIsolated().whenSuccess { server.read() }
        toldAt = startedAt
        write([MemberLog.Line(id: id, status: .alive)])
        if let bytes = tellable(told) { command(.describe(bytes)) }
        if !greet.isEmpty { command(.join(greet)) }
        arm()
        tick()
    }

    private func use(_ port: DatagramPort) {
        port.onDatagram = { [unowned self] in self.take($0) }
        port.onBatch = { [unowned self] in self.arm() }
        self.port = port
    }

    /// A socket that the system closed, as it may when its interface goes away, is opened again at the same place.
    func mendPort() {
        guard !isStopped, let lost = port, !lost.isOpen, !isMending, let address = lost.address else { return }
        isMending = true
        DatagramPort.bind(address, on: loop).assumeIsolated().whenComplete { result in
            self.isMending = false
            guard !self.isStopped, case .success(let channel) = result, let port = try? DatagramPort(channel) else {
                self.logger.error(
                    "the mesh port is closed and cannot be opened again",
                    metadata: ["result": "\(result)"]
                )
                return
            }
            port.numbers = lost.numbers
            port.isSilent = lost.isSilent
            self.use(port)
            self.logger.warning("the mesh port was closed by the system and is open again")
        }
    }

    func accept(_ channel: any Channel) {
        if streams?.accept(channel) != true { channel.close(promise: nil) }
    }

    /// Falls silent at once, as a crash would; what was learned is saved by the caller.
    func halt() {
        endPlayingDead()
        isStopped = true
        timer?.cancel()
        port?.close()
        streams?.stop()
        requests.stop()
        for echo in echoes.values { echo.promise.fail(MeshError.stopped) }
        echoes = [:]
        departure?.succeed()
        departure = nil
    }

    // MARK: In

    private func take(_ datagram: [UInt8]) {
        let now = Self.clock()
        noteTime(now)
        switch sealer.open(datagram, now: now) {
        case .refused(let refusal):
            if refusal == .epoch { keys.hint(at: now) }
        case .accepted(let delivery):
            if let epoch = sealer.keyring.epoch(lowByte: datagram[1]) { keys.hear(epoch, from: delivery.sender) }
            if let reply = delivery.reply, let endpoint = endpoint(of: delivery.sender) {
                port?.send(reply, to: endpoint)
            }
            if let echo = delivery.echo { echoes.removeValue(forKey: echo.nonce)?.promise.succeed(echo.rttMicros) }
            if let body = delivery.body {
                membership.receive(body, from: delivery.sender, at: now, into: &outbox)
                obey()
            }
        }
    }

    /// False for a frame with forged things in it.
    func takeFrame(_ frame: [UInt8], from peer: NodeID) -> Bool {
        let now = Self.clock()
        noteTime(now)
        let isHonest = membership.receiveFrame(frame, from: peer, at: now, into: &outbox)
        obey()
        arm()
        return isHonest
    }

    /// Who stood still may have been copied meanwhile, and the copy counts on from the same number: nobody seals with
    /// the numbers from before.
    private func noteTime(_ now: Micros) {
        guard standstill.note(now: now, unixMillis: WallClock.unixMillis) else { return }
        sealer.raiseBoot()
    }

    func didLose(_ peer: NodeID, isRefused: Bool) {
        guard !isStopped else { return }
        membership.streamFailed(to: peer, isRefused: isRefused, at: Self.clock(), into: &outbox)
        obey()
        arm()
    }

    func command(_ command: Command) {
        membership.command(command, at: Self.clock(), into: &outbox)
        obey()
        arm()
    }

    private func fire() {
        let now = Self.clock()
        noteTime(now)
        lag.record(micros: now - armedFor)
        armedFor = .max
        membership.advance(to: now, into: &outbox)
        obey()
        arm()
    }

    /// Makes the loop call when the machine wants to be called.
    private func arm() {
        let due = membership.nextDeadline
        guard !isStopped, due < armedFor else { return }
        timer?.cancel()
        armedFor = due
        let deadline = NIODeadline.uptimeNanoseconds(UInt64(max(0, due)) * 1_000)
        timer = loop.assumeIsolated().scheduleTask(deadline: deadline) { self.fire() }
    }

    private func tick() {
        guard !isStopped else { return }
        let due = Self.clock() + Self.tickMicros
        let deadline = NIODeadline.uptimeNanoseconds(UInt64(due) * 1_000)
        loop.assumeIsolated().scheduleTask(deadline: deadline) {
            let now = Self.clock()
            self.noteTime(now)
            self.lag.record(micros: now - due)
            self.keepHouse()
            self.tick()
        }
    }

    // MARK: Out

    private func obey() {
        // An event may lead to a command, whose directives come after those that are here already.
        while !outbox.isEmpty {
            let directives = outbox
            outbox.removeAll(keepingCapacity: true)
            for directive in directives { obey(directive) }
        }
    }

    private func obey(_ directive: Directive) {
        guard !isStopped else { return }
        if let count = withheld?.count {
            if count < Self.withheldMax { withheld?.append(directive) }
            return
        }
        switch directive {
        case .send(let body, let peer, let endpoint):
            if let datagram = sealer.seal(body, to: peer) { port?.send(datagram, to: endpoint) }
        case .stream(let frame, let peer, let endpoint): streams?.send(.swim, frame, to: peer, at: endpoint)
        case .greet(let frame, let endpoint): streams?.greet(.swim, frame, at: endpoint)
        case .event(let event): hear(event)
        case .keep(let decree):
            guard !state.decrees.contains(decree) else { return }
            state.decrees.append(decree)
            saveState()
        case .persist(let generation):
            state.generation = generation
            withheld = []
            saveState { [unowned self] in
                sealer.restart(boot: DatagramSealer.boot(generation: generation))
                let directives = withheld ?? []
                withheld = nil
                for directive in directives { obey(directive) }
                obey()
                arm()
            }
        }
    }

    func endpoint(of peer: NodeID) -> Endpoint? {
        membership.roster.slot(of: peer.handle).map { membership.roster.record($0) }.flatMap {
            $0.id == peer ? $0.endpoint : nil
        }
    }

    func isMember(_ peer: NodeID) -> Bool { endpoint(of: peer) != nil }

    func isExpelled(_ peer: NodeID) -> Bool { membership.expulsion(of: peer) != nil }

    func tellable(_ description: Description) -> [UInt8]? {
        var description = description
        description.wallMillis = WallClock.unixMillis
        return description.bytes
    }
}
