internal import Logging
internal import NIOCore
internal import Swim

extension MembershipDriver {
    // MARK: What the machine tells

    func hear(_ event: MemberEvent) {
        hasNews = true
        switch event {
        case .changed(let member, _, let status, _):
            viewChangedAt = Self.clock()
            noteChange(member, status)
            notePresence(member)
        case .usable(let member, _): notePresence(member)
        case .refuted:
            logger.notice("refuted a suspicion")
            settings.news(EventDraft(.member, .note, "refuted a suspicion: others had not heard this node"))
        case .described(let member, _, let bytes): noteDescription(member, bytes)
        case .forgotten(let member):
            sealer.forget(member)
            keys.forget(member)
            memberLog.forget(member)
            descriptions[member] = nil
            savedNames[member] = nil
            clockSkews[member] = nil
            nameless.removeAll { $0.id == member }
            failedCalls[member] = nil
            incompatible.remove(member)
            notePresence(member)
        case .departed:
            departure?.succeed()
            departure = nil
        case .decreed(let decree): noteDecree(decree)
        case .expelled(let decree):
            ownExpulsion = decree
            notePresence(id)
            logger.error("this node was expelled", metadata: ["reason": "\(decree.reason)"])
            settings.news(EventDraft(.member, .error, "this node was expelled: \(decree.reason)"))
        case .isolated(let isAlone):
            isIsolated = isAlone
            if isAlone {
                logger.warning("most questions of this node go unanswered: it condemns nobody")
                let text = "most questions of this node go unanswered: it condemns nobody"
                settings.news(EventDraft(.member, .error, text))
            } else {
                logger.notice("others are heard again")
                settings.news(EventDraft(.member, .note, "others are heard again"))
            }
        }
    }

    private func noteChange(_ member: NodeID, _ status: Status) {
        guard let slot = membership.roster.slot(of: member.handle) else { return }
        let record = membership.roster.record(slot)
        if member != id {
            if status != .expelled { sealer.learn(member, key: record.key) }
            if !state.hasMet {
                state.hasMet = true
                saveState()
            }
            if status.isPresent { wantName(member, record) }
            warnOfLoopback(record.endpoint)
        }
        let isNamed = member == id || name(member) != nil
        write(memberLog.change(member, to: status, isNamed: isNamed, at: Self.clock()))
    }

    private func warnOfLoopback(_ peer: Endpoint) {
        let own = membership.ownRecord.endpoint
        guard !hasWarnedOfLoopback, own.isLoopback, !peer.isLoopback else { return }
        hasWarnedOfLoopback = true
        logger.warning(
            "members on other machines cannot reach this node: it advertises a loopback address; set mesh-advertise",
            metadata: ["advertised": "\(own)", "peer": "\(peer)"]
        )
    }

    private func noteDecree(_ decree: Decree) {
        switch decree.kind {
        case .expel(let target):
            if target != id {
                sealer.forget(target)
                keys.forget(target)
                streams?.cut(target)
            }
            let text = "the administrator expels \(label(target)): \(decree.reason)"
            settings.news(EventDraft(.keys, .warning, text, about: label(target)))
            logger.notice(
                "the administrator expels \(label(target))",
                metadata: ["epoch": "\(decree.newEpoch)", "reason": "\(decree.reason)"]
            )
        case .rotate:
            let text = "the administrator rotates the keys: epoch \(decree.newEpoch), \(decree.reason)"
            settings.news(EventDraft(.keys, .note, text))
            logger.notice(
                "the administrator rotates the keys",
                metadata: ["epoch": "\(decree.newEpoch)", "reason": "\(decree.reason)"]
            )
        }
        if case .expel = decree.kind { state.keyring.refuseStrangers(before: decree.newEpoch) }
        keys.announce(decree.newEpoch, at: Self.clock())
        moveKeys()
    }

    // MARK: Names

    /// What a member calls itself, if that is known.
    func name(_ member: NodeID) -> String? {
        if member == id { return told.name }
        return descriptions[member]?.name ?? savedNames[member]
    }

    /// What people are shown: the name, or the beginning of the id.
    func label(_ member: NodeID) -> String { name(member) ?? String(member.description.prefix(8)) }

    func label(handle: UInt64) -> String {
        guard let slot = membership.roster.slot(of: handle) else { return String(handle, radix: 16) }
        return label(membership.roster.record(slot).id)
    }

    private func noteDescription(_ member: NodeID, _ bytes: [UInt8]) {
        nameless.removeAll { $0.id == member }
        guard let description = Description(bytes: bytes) else { return }
        descriptions[member] = description
        savedNames[member] = nil
        notePresence(member)
        write(memberLog.name(member))
    }

    /// Asks a newcomer for its description at once; in a large mesh only the machine's own, slower way is used.
    private func wantName(_ member: NodeID, _ record: Record) {
        guard record.metaVersion > 0, descriptions[member] == nil, !nameless.contains(where: { $0.id == member }),
            membership.presentCount <= 64
        else { return }
        nameless.append((member, 0))
        askName(member, at: record.endpoint)
    }

    func askName(_ member: NodeID, at endpoint: Endpoint) {
        let frame = Frame.askDescription(of: member.handle)
        streams?.send(.swim, frame.encoded(), to: member, at: endpoint)
    }

    // MARK: The log

    /// One line for each change; scripts read them.
    func write(_ lines: [MemberLog.Line]) {
        for line in lines {
            let address = endpoint(of: line.id).map(\.description) ?? ""
            logger.notice(
                "member \(label(line.id)) is \(line.status)",
                metadata: ["id": "\(line.id)", "address": "\(address)"]
            )
            settings.news(MemberLog.draft(line.status, name: label(line.id), isSelf: line.id == id))
        }
    }
}
