internal import Logging
internal import NIOCore
internal import Swim

extension MembershipDriver {
    private static let namesPerTick = 4
    private static let nameAsksMax = 24
    private static let retellMicros: Micros = 1_000_000
    private static let seekMicros: Micros = 15_000_000

    /// What is done a few times in a second, beside what the machine asks for.
    func keepHouse() {
        let now = Self.clock()
        mendPort()
        streams?.sweep()
        requests.sweep(now: now)
        for (nonce, echo) in echoes where echo.until <= now {
            echoes[nonce] = nil
            echo.promise.fail(MeshError.noAnswer(from: echo.peer, waitMicros: Self.echoMicros))
        }
        write(memberLog.advance(to: now))
        if now >= keys.nextDeadline || keys.sending != keys.newest { moveKeys() }
        retireKeys()
        askNames()
        tellNews(now)
        if saving.isDirty { saveState() }
        saveView(now)
        seekSeeds(now)
    }

    /// Who is alone looks its seeds up again now and then: a name may have been unknown at the start, or moved.
    private func seekSeeds(_ now: Micros) {
        guard !settings.seeds.isEmpty, membership.presentCount <= 1, ownExpulsion == nil, !isSeekingSeeds,
            now - seedsSoughtAt > Self.seekMicros
        else { return }
        seedsSoughtAt = now
        isSeekingSeeds = true
        let seeds = settings.seeds
        // A name server may take long to say nothing; the node's files do not wait for that.
        let looking = Resolver.run(on: loop) {
            seeds.prefix(MeshNodeSettings.seedsMax).flatMap { Resolver.endpoints(of: $0) }
        }
        looking.assumeIsolated().whenComplete { result in
            self.isSeekingSeeds = false
            if case .success(let found) = result, !found.isEmpty, self.membership.presentCount <= 1 {
                self.command(.join(found))
            }
        }
    }

    /// Asks a few of those whose description is missing. Who does not answer is left to the machine's next occasion.
    private func askNames() {
        for _ in 0..<min(Self.namesPerTick, nameless.count) {
            let (member, asks) = nameless.removeFirst()
            guard descriptions[member] == nil, asks < Self.nameAsksMax,
                let slot = membership.roster.slot(of: member.handle)
            else { continue }
            let known = membership.description(of: member)
            if let description = Description(bytes: known) {
                descriptions[member] = description
                notePresence(member)
                write(memberLog.name(member))
                continue
            }
            nameless.append((member, asks + 1))
            // The first of several ticks asks; the others wait for the answer.
            if asks % 4 == 1, membership.roster.isPresent(slot) {
                askName(member, at: membership.roster.record(slot).endpoint)
            }
        }
    }

    // MARK: This node's own description

    /// Takes a new description; it is told when it differs notably and the last one is old enough.
    /// Where it names no zone the one of the start stays.
    func describe(_ description: Description) {
        var description = description
        if description.zone.isEmpty { description.zone = settings.description.zone }
        toTell = description
    }

    private func tellNews(_ now: Micros) {
        guard let description = toTell, description.differsNotably(from: told) else { return }
        // What is new in its kind, like an address at the start, need not wait for its minute.
        // What is only a matter of space is told more rarely in a large mesh, where everybody has to fetch it.
        let spaceMicros = settings.describeMicros * Micros(max(1, membership.presentCount / 32))
        let wait = description.differsInKind(from: told) ? min(Self.retellMicros, settings.describeMicros) : spaceMicros
        guard toldAt == .min || now - toldAt >= wait else { return }
        toTell = nil
        guard let bytes = tellable(description) else {
            logger.warning("the description of this node is too long to be told")
            return
        }
        told = description
        toldAt = now
        notePresence(id)
        hasNews = true
        command(.describe(bytes))
    }
}
