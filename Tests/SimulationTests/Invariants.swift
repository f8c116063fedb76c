import Swim

/// I1 to I4, I7, I8 and I12 of the design, checked on every change of any node's view. I5 is checked where parcels are
/// made, what is sent to the expelled by `Outcasts`, I6, I9 to I11 and I13 by the scenarios.
final class Invariants {
    struct Shadow {
        var version = Version(generation: 0, incarnation: 0)
        var status: Status?
    }

    private var shadows: [[Shadow]]
    /// The one content of each version, cluster-wide.
    private var contents: [ContentKey: Record] = [:]
    /// Nodes that lost their generation: they may use a version twice until their old record reaches them.
    private var twoLives: Set<Int> = []
    private(set) var violations: [String] = []
    private(set) var checks = 0

    struct ContentKey: Hashable {
        let subject: Int32
        let version: Version
    }

    init(count: Int) {
        shadows = Array(repeating: Array(repeating: Shadow(), count: count), count: count)
    }

    func watch(_ simulation: Simulation<SwimStation>) {
        for observer in 0..<simulation.count { adopt(observer, simulation) }
        simulation.check = { [unowned self, unowned simulation] node, notes in
            self.check(node, notes, simulation)
        }
    }

    /// A restarted node begins with what it knows now.
    func adopt(_ observer: Int, _ simulation: Simulation<SwimStation>) {
        for subject in shadows.indices { shadows[observer][subject] = Shadow() }
        for member in simulation.stations[observer].machine.members() {
            let subject = Names.index(member.record.id)
            shadows[observer][subject] = Shadow(version: member.record.version, status: member.status)
        }
    }

    func hasTwoLives(_ node: Int) { twoLives.insert(node) }

    private func check(_ observer: Int, _ notes: [Note], _ simulation: Simulation<SwimStation>) {
        let machine = simulation.stations[observer].machine
        for note in notes where note.kind != .usable && note.kind != .unusable {
            checks += 1
            let subject = Int(note.subject)
            guard let member = machine.member(Names.id(subject)) else { continue }
            let before = shadows[observer][subject]
            let version = member.record.version
            func violated(_ name: String) {
                violations.append("\(name): \(observer) about \(subject) at \(note.at), \(before) to \(member.status)")
            }
            if version < before.version { violated("I1 versions are monotone") }
            if before.status == .dead || before.status == .left, member.status.isPresent, version <= before.version {
                violated("I2 nobody returns without a newer version")
            }
            let isOut = machine.expulsion(of: member.record.id) != nil
            if subject == observer, !member.status.isPresent, !isOut { violated("I4 self is never dead") }
            if isOut != (member.status == .expelled) { violated("I8 who is expelled is out, and nobody else") }
            if before.status == .expelled, !isOut { violated("I8 nobody returns from an expulsion") }
            if member.status == .dead {
                if let evidence = machine.evidence(against: member.record.id) {
                    if evidence.version != version || evidence.accusations.isEmpty { violated("I7 death has evidence") }
                    for accusation in evidence.accusations where !isSigned(accusation, subject, version, machine) {
                        violated("I7 evidence is signed")
                    }
                } else {
                    violated("I7 death has evidence")
                }
            }
            if member.status == .suspect, member.accusers.isEmpty { violated("I12 suspicion has an author") }
            let key = ContentKey(subject: note.subject, version: version)
            if let known = contents[key] {
                if known != member.record, !twoLives.contains(subject) { violated("I3 one content per version") }
            } else {
                contents[key] = member.record
            }
            shadows[observer][subject] = Shadow(version: version, status: member.status)
        }
        if checks % 32 == 0, machine.viewDigest != machine.roster.recountedDigest() {
            violations.append("the running digest of \(observer) is not the recounted one")
        }
    }

    private func isSigned(_ accusation: Accusation, _ subject: Int, _ version: Version, _ machine: Membership) -> Bool {
        guard let slot = machine.roster.slot(of: accusation.accuser) else { return false }
        let bytes = Accusation.signedBytes(
            accuser: accusation.accuser,
            target: Names.id(subject).handle,
            version: version,
            weight: accusation.weight
        )
        let key = machine.roster.record(slot).key
        return Names.Signer(key: key).isValid(accusation.signature, of: bytes, by: key)
    }
}
