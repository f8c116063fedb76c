internal import FoundationEssentials
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
        if stateIsDirty { saveState() }
        saveView(now)
        seekSeeds(now)
    }

    /// Who is alone looks its seeds up again now and then: a name may have been unknown at the start, or moved.
    private func seekSeeds(_ now: Micros) {
        guard !settings.seeds.isEmpty, membership.presentCount <= 1, ownExpulsion == nil,
            now - seedsSoughtAt > Self.seekMicros
        else { return }
        seedsSoughtAt = now
        let seeds = settings.seeds
        folder.run(on: loop) {
            seeds.prefix(MeshNodeSettings.seedsMax).flatMap { Resolver.endpoints(of: $0) }
        }
        .assumeIsolated()
        .whenSuccess { found in
            if !found.isEmpty, self.membership.presentCount <= 1 { self.command(.join(found)) }
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
        hasNews = true
        command(.describe(bytes))
    }

    // MARK: Files

    /// Writes the state as it is now, and goes on when it is on disk. A failed write is tried again: without it a life
    /// could be lived twice.
    func saveState(then: @escaping () -> Void = {}) {
        stateSaves.append(then)
        stateIsDirty = true
        guard !isSavingState else { return }
        isSavingState = true
        stateIsDirty = false
        let waiting = stateSaves
        stateSaves = []
        let (state, directory) = (state, folder.directory)
        folder.run(on: loop) { try state.write(to: directory) }.assumeIsolated().whenComplete { result in
            self.isSavingState = false
            switch result {
            case .success:
                for next in waiting { next() }
                if self.stateIsDirty { self.saveState() }
            case .failure(let error):
                self.stateSaves = waiting + self.stateSaves
                self.stateIsDirty = true
                self.logger.error("mesh-state cannot be written", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Writes the view, when something in it changed and the last write is old enough.
    private func saveView(_ now: Micros) {
        guard hasNews || membership.viewDigest != savedDigest, !isSaving,
            savedAt == .min || now - savedAt >= settings.snapshotMicros
        else { return }
        isSaving = true
        savedAt = now
        hasNews = false
        savedDigest = membership.viewDigest
        let view = savedView
        folder.run(on: loop) { try view.write() }.assumeIsolated().whenComplete { result in
            self.isSaving = false
            if case .failure(let error) = result {
                self.logger.error("the member list cannot be written", metadata: ["error": "\(error)"])
            }
        }
    }

    /// The view as two files: one for the next life of this node, and one for people when it is down.
    var savedView: SavedView {
        SavedView(
            snapshot: membership.snapshotBytes(),
            report: report(),
            snapshotFile: folder.snapshotFile,
            reportFile: folder.reportFile
        )
    }

    struct SavedView: Sendable {
        let snapshot: [UInt8]
        let report: MembersReport
        let snapshotFile: String
        let reportFile: String

        func write() throws {
            try MeshFolder.write(snapshot, to: snapshotFile)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            try MeshFolder.write(Array(try encoder.encode(report)) + [0x0A], to: reportFile)
        }
    }
}
