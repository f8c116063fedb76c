import Swim

/// I8, judged from outside the machine: once a decree has reached an honest node, the expelled member is never present
/// or usable there again, and nothing is sent to it but the decree itself.
///
/// It reads the decrees off the wire with its own eyes, so a machine that overlooks one is caught.
final class Outcasts {
    private let admin = Names.Signer(key: Names.adminKey)
    private(set) var known: [NodeID] = []
    private(set) var violations: [String] = []
    private var node = -1

    /// What a stranger or an outcast sends is not read, and an outcast itself reads no more.
    func hear(_ body: [UInt8], isStream: Bool, from sender: NodeID, by node: Int, _ machine: Membership) {
        self.node = node
        guard let status = machine.status(of: sender), status != .expelled,
            machine.status(of: machine.ownRecord.id) != .expelled
        else { return }
        if isStream {
            switch Frame.decode(body) {
            case .reply(_, let decrees, _), .tell(let decrees, _): for decree in decrees { learn(decree) }
            default: break
            }
        } else if var reader = Codec.decode(body)?.rumors {
            while reader.remaining > 0, let rumor = Codec.decodeRumor(&reader) {
                if case .decree(let decree) = rumor { learn(decree) }
            }
        }
    }

    private func learn(_ decree: Decree) {
        guard let target = decree.target, !known.contains(target),
            admin.isAdmin(decree.signature, of: decree.signedBytes)
        else { return }
        known.append(target)
    }

    func judge(_ machine: Membership, _ outbox: [Directive]) {
        for id in known {
            if let status = machine.status(of: id), status != .expelled {
                note("I8: \(node) holds the expelled \(Names.index(id)) \(status)")
            }
            if machine.isUsable(id) { note("I8: \(node) would use the expelled \(Names.index(id))") }
            // An outcast may pass the decree on.
            guard machine.ownRecord.id != id else { continue }
            for directive in outbox where reaches(directive, id) {
                note("I8: \(node) sends to the expelled \(Names.index(id))")
            }
        }
    }

    /// Each kind of breach once.
    private func note(_ violation: String) {
        if !violations.contains(violation) { violations.append(violation) }
    }

    private func reaches(_ directive: Directive, _ id: NodeID) -> Bool {
        switch directive {
        case .send(let body, let to, _): to == id && !isNotice(body)
        case .stream(_, let to, _): to == id
        default: false
        }
    }

    /// A gossip with decrees and nothing else: the last word to an outcast.
    private func isNotice(_ body: [UInt8]) -> Bool {
        guard let (message, rumors) = Codec.decode(body), case .gossip = message else { return false }
        var reader = rumors
        var decrees = 0
        while reader.remaining > 0 {
            guard case .decree? = Codec.decodeRumor(&reader) else { return false }
            decrees += 1
        }
        return decrees == 1
    }
}

extension Simulation where S == SwimStation {
    /// Has I8 judged at every node but the rebels.
    func watchOutcasts(except rebels: Set<Int> = []) {
        for node in 0..<count where !rebels.contains(node) { stations[node].outcasts = Outcasts() }
    }

    var outcastViolations: [String] { stations.flatMap { $0.outcasts?.violations ?? [] } }
}
