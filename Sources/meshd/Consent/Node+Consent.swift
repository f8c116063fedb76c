import Glibc
import HTTPTypes
import Logging
import Mesh
import Store
import Swim

/// This node as one that may be invited: only while it is alone and holds nothing, and only by who knows its code.
extension Node {
    private static let homeCheckSeconds = 2

    /// Why this node cannot be invited, as a sentence; nil when it can.
    var reasonAgainstInviting: String? {
        if consent.isReborn || invitation != nil { return "it is on its way into a mesh" }
        if joinToken != nil { return "it was started with a join token" }
        guard isFounder, let layout = currentLayout, layout.isSole == identity.id, layout.epoch == 1 else {
            return "it belongs to a mesh"
        }
        if activation.isBusy { return "it enlarges its own mesh" }
        if !coordinator.buckets().isEmpty { return "it holds buckets: copy them through S3, and delete them here" }
        if accessKeys.all().count > 1 { return "it has access keys beside the first one" }
        return nil
    }

    /// The code of this moment; nil when this node cannot be invited, or shows none for a while.
    func freshCode() -> (code: ConsentDesk.Code, isNew: Bool)? {
        reasonAgainstInviting == nil ? consent.code() : nil
    }

    /// The code for a person who looks; a new one is also shown where the node runs.
    func shownCode() -> ConsentDesk.Code? {
        guard let (code, isNew) = freshCode() else { return nil }
        if isNew { consent.show("  Invite   " + Banner.invitation(code.text, admin: faces.admin)) }
        return code
    }

    /// Where its admin face is for others, given where they reach it. A wildcard is no address.
    func adminAddress(besides mesh: String) -> String {
        guard let admin = ListenAddress(faces.admin) else { return "" }
        guard admin.host == "0.0.0.0" || admin.host == "::", let other = ListenAddress(mesh) else {
            return admin.description
        }
        return ListenAddress(host: other.host, port: admin.port).description
    }

    func consentAnswer() async -> ConsentAnswer {
        let reason = reasonAgainstInviting
        let isFit = reason == nil
        let material = isFit ? try? await mesh().tokenMaterial() : nil
        return ConsentAnswer(
            id: identity.id.description,
            name: name,
            version: Meshd.version,
            awaitsCode: isFit && material != nil,
            reason: reason ?? (material == nil ? "it is still starting" : nil),
            mesh: material?.addresses.first ?? "",
            freeBytes: isFit ? store.statistics().freeBytes : 0,
            capacityBytes: isFit ? SmallFile.diskBytes(of: directory.path) ?? 0 : 0,
            memoryBytes: isFit ? Self.memoryBytes : 0
        )
    }

    private static var memoryBytes: UInt64 {
        UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
    }

    // MARK: The exchange

    func knock(_ knock: ConsentKnock, from address: String, _ logger: Logger) throws -> ConsentReply {
        if let reason = reasonAgainstInviting { throw Self.unfit(reason) }
        guard consent.mayKnock() else { throw AdminError.tooManyFailures(seconds: 60) }
        guard let code = shownCode() else {
            throw AdminError.tooManyFailures(seconds: Int((consent.restMillis + 999) / 1_000))
        }
        let inviter = PlainText.of(Array(knock.words.utf8), scalarsMax: 128)
        let words = NewcomerDoor.words(name: name, id: identity.id.description)
        guard let session = Hex.decode(knock.session.utf8), let message = Hex.decode(knock.message.utf8),
            let exchange = CodeExchange(
                code: Secret(code.text),
                isInviting: false,
                words: Array(words.utf8),
                session: session
            ), let keys = exchange.keys(with: message, words: Array(knock.words.utf8))
        else { throw AdminError(.badRequest, "bad_knock", "this is no beginning of a code exchange") }
        record("\(inviter) wants to invite this node", from: address, "knocked", logger)
        return ConsentReply(
            knock: consent.note(keys, from: inviter),
            message: Hex.encode(exchange.message),
            words: words
        )
    }

    func prove(_ proof: ConsentProof, from address: String, _ logger: Logger) throws -> ConsentProven {
        if let reason = reasonAgainstInviting { throw Self.unfit(reason) }
        switch consent.prove(proof.knock, Hex.decode(proof.proof.utf8) ?? []) {
        case .right(let answer):
            record("somebody who wants to invite this node knows its code", from: address, "proven", logger)
            return ConsentProven(proof: Hex.encode(answer))
        case .wrong(let left):
            record("a wrong code for this node: \(left) tries are left", from: address, "wrong_code", logger)
            if left == 0 {
                consent.show("  Invite   this code was tried too often and is void; `meshd code` shows the next")
            }
            let rest = left == 0 ? "the node shows a new one in a while" : "\(left) more wrong ones make it void"
            throw AdminError(.forbidden, "wrong_code", "this is not the code that \(name) shows: \(rest)")
        case .unknown: throw Self.noKnock
        }
    }

    /// Takes the token; the node begins anew as soon as it has answered.
    func take(_ sealed: ConsentToken, from address: String, _ logger: Logger) throws -> ConsentEnded {
        if let reason = reasonAgainstInviting { throw Self.unfit(reason) }
        guard let (text, bond, inviter) = consent.open(sealed.knock, Hex.decode(sealed.sealed.utf8) ?? []) else {
            throw Self.noKnock
        }
        let token: JoinToken
        do {
            token = try JoinToken(parsing: text.revealed)
        } catch { throw MeshError.badToken(error.description) }
        guard !token.isExpired(at: Int64(JSON.nowMillis() / 1_000)) else {
            throw AdminError(.badRequest, "bad_token", "the token is over: is the clock right on both nodes?")
        }
        _ = try consent.withInvitation {
            try Invitation.accepted(token: text, bond: bond, inviter: inviter, in: directory.path)
        }
        record(
            "\(inviter) invited this node: what it has is set aside, and it begins anew",
            from: address,
            "accepted",
            logger
        )
        consent.beReborn()
        return ConsentEnded(message: "\(name) sets aside what it has, and joins")
    }

    /// The inviter says how it ended.
    func end(_ end: ConsentEnd, from address: String, _ logger: Logger) throws -> ConsentEnded {
        try consent.withInvitation { try obey(end, from: address, logger) }
    }

    private func obey(_ end: ConsentEnd, from address: String, _ logger: Logger) throws -> ConsentEnded {
        // Read anew: it goes on while the node runs.
        let invitation = try Invitation.read(in: directory.path)
        if let invitation, !invitation.isMark(Hex.decode(end.mark.utf8) ?? [], of: end.word) {
            guard consent.mayTellOfWrongWord() else { throw AdminError.tooManyFailures(seconds: 60) }
            record("a wrong word about this node's invitation", from: address, "wrong_mark", logger)
            throw AdminError(.forbidden, "wrong_mark", "only who invited this node says that")
        }
        switch end.word {
        case .settle:
            guard let invitation else { return onNoWay }
            guard invitation.stage == .entered else {
                throw AdminError(.conflict, "not_entered", "\(name) is not in the mesh yet")
            }
            try Invitation.settle(in: directory.path)
            record(
                "settled in its mesh; what it had before stays in \(invitation.aside)",
                from: address,
                "settled",
                logger
            )
            return ConsentEnded(message: "\(name) is at home in this mesh")
        case .undo:
            let layout = currentLayout
            let objection = ConsentEnd.objection(
                toUndoing: invitation?.stage,
                isAlone: layout?.isSole == identity.id,
                hasPlace: layout?.member(identity.id) != nil && !self.layout.isRemoved
            )
            if let objection { throw objection }
            guard invitation != nil else { return onNoWay }
            record(
                "the invitation is taken back: this node returns to its mesh of one",
                from: address,
                "undone",
                logger
            )
            try turnBack()
            return ConsentEnded(message: "\(name) returns to its mesh of one")
        }
    }

    private var onNoWay: ConsentEnded {
        ConsentEnded(message: "\(name) is on no way into a mesh or out of one")
    }

    /// Every try leaves a trace: in the log, and among the events. What anybody on the network can bring about has the
    /// allowance of sign-ins, so that it leaves room for what operators do.
    private func record(_ text: String, from address: String, _ outcome: String, _ logger: Logger) {
        let isWrong = outcome.hasPrefix("wrong")
        logger.log(level: isWrong ? .warning : .notice, "\(text)", metadata: ["from": "\(address)"])
        let kind: MeshEvent.Kind = isWrong || outcome == "knocked" ? .signIn : .audit
        var draft = EventDraft(kind, isWrong ? .warning : .note, text)
        (draft.from, draft.action, draft.outcome) = (address, "consent", outcome)
        events.note(draft)
    }

    private static func unfit(_ reason: String) -> AdminError {
        AdminError(.conflict, "not_invitable", "this node cannot be invited: \(reason)")
    }

    private static var noKnock: AdminError {
        AdminError(.conflict, "no_knock", "this exchange is over: begin anew, with the code that the node shows now")
    }

    // MARK: The way home

    /// What it had comes back with the next start, which is now.
    func goHome() throws { try consent.withInvitation { try turnBack() } }

    private func turnBack() throws {
        try Invitation.turnBack(in: directory.path)
        consent.beReborn()
    }

    /// Between the check of an invitation and the end of the listeners it may have got what nobody may set aside: then it
    /// begins anew as it was, and its inviter waits in vain.
    func withdrawInvitation(_ logger: Logger) {
        do {
            let isWithdrawn = try consent.withInvitation {
                try Invitation.withdraw(
                    in: directory.path,
                    buckets: coordinator.buckets().count,
                    keys: accessKeys.all().count
                )
            }
            if isWithdrawn { logger.warning("this node holds something now: it stays in its mesh of one") }
        } catch {
            logger.error("the invitation cannot be read or removed", metadata: ["error": "\(error)"])
        }
    }

    /// The start into the other mesh ended: with an error, or not.
    func noteEntry(_ error: (any Error)?) {
        switch error as? MeshError {
        case .badToken, .notAdmitted: consent.noteRefusal()
        case _ where error == nil: try? consent.withInvitation { try Invitation.enter(in: directory.path) }
        default: break
        }
    }

    /// It was on its way in, and is not let in.
    var mayGoHome: Bool { invitation?.stage == .entering && consent.wasRefused }

    /// Who was invited, and is removed before that was settled, has its own mesh to go back to.
    func goHomeWhenRemoved(_ logger: Logger) async {
        guard invitation != nil else { return }
        while !Task.isCancelled {
            guard let stage = try? Invitation.read(in: directory.path)?.stage else { return }
            if stage == .entered, layout.isRemoved {
                logger.notice("removed before its invitation was settled: this node returns to its mesh of one")
                do {
                    return try goHome()
                } catch {
                    logger.error("the way home cannot be written down", metadata: ["error": "\(error)"])
                }
            }
            try? await Task.sleep(for: .seconds(Self.homeCheckSeconds))
        }
    }
}
