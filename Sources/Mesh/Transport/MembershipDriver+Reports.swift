internal import NIOCore
internal import Swim

extension MembershipDriver {
    // MARK: The member list

    func report() -> MembersReport {
        let now = Self.clock()
        let unix = WallClock.unixMillis
        let members = membership.members()
        let lines = members.map { line($0, now, unix) }
        return MembersReport(
            meshID: state.keyring.meshID.description,
            epoch: state.keyring.newest,
            seenFrom: told.name,
            seenFromID: id.description,
            atMillis: unix,
            viewDigest: Self.hex(membership.viewDigest),
            agreeing: membership.agreement.agreeing + 1,
            present: membership.presentCount,
            members: lines.sorted { ($0.name, $0.id) < ($1.name, $1.id) },
            localHealth: membership.health.score,
            loopLagMillis: lag.percentile99Millis,
            lossBelief: membership.lossBelief,
            isIsolated: isIsolated
        )
    }

    private func line(_ member: Member, _ now: Micros, _ unix: UInt64) -> MemberLine {
        let record = member.record
        let isSelf = record.id == id
        let description = isSelf ? told : descriptions[record.id]
        let saved = savedNames[record.id]
        return MemberLine(
            name: description?.name ?? saved ?? String(record.id.description.prefix(8)),
            id: record.id.description,
            address: record.endpoint.description,
            zone: description?.zone ?? "",
            state: Self.state(member),
            sinceMillis: Self.unixMillis(since(member), now, unix),
            phi: Self.rounded(max(member.phi, member.status == .suspect ? member.accusedPhi : 0)),
            reach: isSelf ? "self" : "\(member.reach)",
            rttMicros: member.roundTripMicros > 0 ? member.roundTripMicros : nil,
            loss: Self.rounded(member.loss),
            flaps: Self.rounded(member.flaps),
            health: member.health,
            version: description?.version ?? "",
            generation: record.version.generation,
            incarnation: record.version.incarnation,
            agrees: member.status.isPresent ? agrees(member) : nil,
            note: note(member, now),
            s3: description?.s3 ?? "",
            admin: description?.admin ?? "",
            capacityBytes: description?.capacityBytes ?? 0,
            freeBytes: description?.freeBytes ?? 0,
            clockSkewMillis: isSelf ? nil : clockSkews[record.id]
        )
    }

    /// The machine met itself at the zero of its clock; people want to know since when it runs.
    private func since(_ member: Member) -> Micros {
        member.record.id == id ? max(member.since, startedAt) : member.since
    }

    /// Nil for what was heard before this node's own view changed: the answer is older than the question.
    private func agrees(_ member: Member) -> Bool? {
        guard member.record.id != id else { return true }
        guard let digest = member.viewDigest, let heard = member.heardAt else { return nil }
        if digest == membership.viewDigest { return true }
        return heard < viewChangedAt ? nil : false
    }

    /// A remark for people: what is odd about a member, seen from here.
    private func note(_ member: Member, _ now: Micros) -> String {
        let peer = member.record.id
        switch member.status {
        case .suspect:
            guard let deadline = membership.evidence(against: peer)?.deadline, deadline > now, deadline != .max else {
                return "suspected, more evidence is awaited"
            }
            return "dead in \(Double((deadline - now) / 100_000) / 10) s unless it refutes"
        case .expelled: return membership.expulsion(of: peer)?.reason ?? ""
        case .dead where member.accusers.count > 0:
            return "accused by " + member.accusers.map { label($0) }.sorted().joined(separator: ", ")
        case .dead, .left: return ""
        case .alive: break
        }
        if peer == id { return ownExpulsion == nil ? "" : "expelled" }
        switch member.reach {
        case .relay: return "cannot be reached from here, others can"
        case .stream: return "answers streams but no datagrams: is UDP blocked?"
        case .none: return "does not answer"
        case .direct, .unknown: break
        }
        return member.isUsable ? "" : "refuted or returned lately, work is kept away"
    }

    static func state(_ member: Member) -> MemberLine.State {
        switch member.status {
        case .alive: member.isUsable ? .alive : .unstable
        case .suspect: .suspect
        case .dead: .dead
        case .left: .left
        case .expelled: .expelled
        }
    }

    /// A point on the node's clock as time of day.
    static func unixMillis(_ at: Micros, _ now: Micros, _ unix: UInt64) -> UInt64 {
        let age = max(0, now - at) / 1_000
        return unix > UInt64(age) ? unix - UInt64(age) : 0
    }

    static func hex(_ word: UInt64) -> String {
        let text = String(word, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    static func rounded(_ value: Double) -> Double { value.isFinite ? (value * 1_000).rounded() / 1_000 : 0 }

    /// Everybody by id and name, for those who look for one.
    var everybody: [(id: NodeID, name: String)] {
        membership.members().map { ($0.record.id, label($0.record.id)) }
    }

    // MARK: Why

    func why(_ ref: NodeRef) throws(MeshError) -> WhyReport {
        let subject = try ref.find(in: everybody)
        guard let member = membership.member(subject) else { throw .unknownNode("no member is called \(ref.text)") }
        let now = Self.clock()
        let unix = WallClock.unixMillis
        let evidence = membership.evidence(against: subject)
        let isSuspect = member.status == .suspect
        return WhyReport(
            subject: label(subject),
            id: subject.description,
            seenFrom: told.name,
            state: Self.state(member),
            sinceMillis: Self.unixMillis(since(member), now, unix),
            phi: Self.rounded(max(member.phi, member.accusedPhi)),
            suspectPhi: membership.settings.suspectPhi,
            deadPhi: membership.settings.deadPhi,
            quorum: membership.settings.quorum(members: membership.presentCount),
            deadAtMillis: isSuspect ? evidence.flatMap { Self.dueMillis($0.deadline, now, unix) } : nil,
            evidence: (evidence?.accusations ?? []).map {
                WhyReport.Witness(name: label(handle: $0.accuser), phi: Self.rounded($0.phi))
            },
            entries: membership.journal.entries(about: subject).map { entry($0, now, unix) },
            reason: membership.expulsion(of: subject)?.reason
        )
    }

    private static func dueMillis(_ due: Micros, _ now: Micros, _ unix: UInt64) -> UInt64? {
        due == .max ? nil : unix + UInt64(max(0, due - now) / 1_000)
    }

    private func entry(_ entry: Journal.Entry, _ now: Micros, _ unix: UInt64) -> WhyReport.Entry {
        let at = Self.unixMillis(entry.at, now, unix)
        switch entry.deed {
        case .unanswered(let phi):
            return WhyReport.Entry(
                atMillis: at,
                what: "unanswered",
                by: [told.name],
                phi: Self.rounded(phi),
                version: ""
            )
        case .accused(let witness, let phi):
            return WhyReport.Entry(
                atMillis: at,
                what: "accused",
                by: [label(witness)],
                phi: Self.rounded(phi),
                version: ""
            )
        case .became(let status, let version, let phi, _):
            return WhyReport.Entry(
                atMillis: at,
                what: "became \(status)",
                by: [],
                phi: Self.rounded(phi),
                version: "\(version.generation).\(version.incarnation)"
            )
        }
    }

    // MARK: Views and keys

    func agree() -> AgreeReport {
        let now = Self.clock()
        var groups: [String: (names: [String], oldest: Micros)] = [:]
        for member in membership.members() where member.status.isPresent {
            let isSelf = member.record.id == id
            let digest = isSelf ? membership.viewDigest : member.viewDigest
            let key = digest.map { Self.hex($0) } ?? ""
            let heard = isSelf ? now : member.heardAt ?? now
            let group = groups[key] ?? ([], now)
            groups[key] = (group.names + [label(member.record.id)], min(group.oldest, heard))
        }
        return AgreeReport(
            seenFrom: told.name,
            viewDigest: Self.hex(membership.viewDigest),
            agreeing: membership.agreement.agreeing + 1,
            present: membership.presentCount,
            groups: groups.map { digest, group in
                AgreeReport.Group(
                    viewDigest: digest,
                    names: group.names.sorted(),
                    heardMillisAgo: UInt64((now - group.oldest) / 1_000)
                )
            }.sorted { ($1.names.count, $0.viewDigest) < ($0.names.count, $1.viewDigest) }
        )
    }

    func view() -> ViewReport {
        ViewReport(
            name: told.name,
            id: id.description,
            epoch: state.keyring.newest,
            viewDigest: Self.hex(membership.viewDigest),
            lines: membership.members().map { member in
                ViewLine(
                    id: member.record.id.description,
                    name: label(member.record.id),
                    address: member.record.endpoint.description,
                    state: Self.state(member),
                    generation: member.record.version.generation,
                    incarnation: member.record.version.incarnation,
                    flaps: Self.rounded(member.flaps),
                    reach: "\(member.reach)"
                )
            }
        )
    }

    func epochs() -> EpochsReport {
        let ring = state.keyring
        return EpochsReport(
            meshID: ring.meshID.description,
            adminPublicKey: Hex.encode(ring.adminPublicKey),
            newest: ring.newest,
            sending: ring.sending,
            announced: keys.announced,
            epochs: ring.epochs.map { epoch in
                EpochsReport.Epoch(
                    epoch: epoch,
                    use: epoch == ring.sending ? "sending" : ring.retired.contains(epoch) ? "retired" : "held",
                    sinceMillis: UInt64(max(0, ring.addedAt(epoch) ?? 0)) * 1_000
                )
            },
            peers: membership.members().filter { $0.status.isPresent && $0.record.id != id }.map { member in
                EpochsReport.Peer(
                    name: label(member.record.id),
                    id: member.record.id.description,
                    epoch: keys.epoch(heardFrom: member.record.id)
                )
            },
            decrees: membership.knownDecrees.map { decree in
                DecreeLine(
                    sequence: decree.sequence,
                    kind: decree.target == nil ? "rotate" : "expel",
                    subject: decree.target?.description,
                    newEpoch: decree.newEpoch,
                    reason: decree.reason
                )
            }
        )
    }
}
