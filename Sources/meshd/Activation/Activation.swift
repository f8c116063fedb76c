/// An enlargement of the mesh from the first token to the last copy, or back to how it was before: what is done next,
/// given what is seen.
///
/// A value without a clock, a network or a disk: `advance` is told the time and what there is, and says what to do; the
/// results come back as events. It is kept as a file with every change, so that a node that starts anew finds it.
struct Activation: Codable, Equatable, Sendable {
    enum Phase: String, Codable, Sendable {
        case joining, syncing, arranging, settling, active, undoing, undone

        var isOver: Bool { self == .active || self == .undone }
    }

    enum Step: String, Codable, Sendable {
        /// It proved to know its code; nothing was changed.
        case proven
        case invited, joined, placed, synced, active
        /// It loses its place again.
        case leaving
        /// It is told to return to its mesh of one.
        case parting
        case home
        /// It could not be told, and is told as soon as it is there.
        case owed
        /// It has a place long after the end: whoever gave it that takes it away, not this.
        case kept
    }

    struct Newcomer: Codable, Equatable, Sendable {
        var id: String
        var name: String
        /// Of its admin face.
        var address: String
        var zone: String
        /// By which it knows its inviter; never shown.
        var bond: String
        var step = Step.proven
        /// Since when the step lasts, and when it was last alive.
        var sinceMillis: UInt64
        var aliveMillis: UInt64 = 0
        var triedMillis: UInt64 = 0
        var tries = 0
    }

    struct Line: Codable, Equatable, Sendable {
        var millis: UInt64
        var text: String
        var isBad: Bool
    }

    struct BucketCopies: Codable, Equatable, Sendable {
        var bucket: String
        var copies: Int
    }

    /// What there is at one moment.
    struct Sighting: Sendable {
        struct Node: Sendable {
            var isAlive = false
            /// Its admin face answers, which is all that can be seen of it on its way in.
            var answers = false
            /// It has a place, of whatever kind.
            var isMember = false
            /// It has a share, or will have.
            var isPlaced = false
            var zone = ""
        }

        var nodes: [String: Node] = [:]
        /// The layout is on its way to another one.
        var isChanging = false
        /// 0 to 1, while it is.
        var share: Double = 0
        /// What each bucket wants.
        var copies: [BucketCopies] = []
    }

    enum Directive: Equatable, Sendable {
        case hand(Int)
        case zone(Int)
        case settle(Int)
        /// All at once: one that is left beside another one that died could not go any more.
        case remove([Int])
        case undo(Int)
        case copies(BucketCopies)
    }

    static let logLinesMax = 200
    private static let joinMillisMax: UInt64 = 120_000
    /// A node that starts anew is silent for a moment.
    private static let startMillisMax: UInt64 = 40_000
    /// A node that was there and is silent for so long is gone.
    private static let silenceMillisMax: UInt64 = 20_000
    /// Nothing came for so long: something is wrong that waiting does not mend.
    private static let stallMillisMax: UInt64 = 30 * 60_000
    private static let settleMillisMax: UInt64 = 60_000
    private static let undoMillisMax: UInt64 = 15 * 60_000
    /// After the end, who was not reached loses a place only for so long: later it may have one by right.
    private static let removalMillisMax: UInt64 = 15 * 60_000
    private static let pauseMillis: UInt64 = 4_000
    /// A node that is not there is told later.
    private static let undoTriesMax = 4

    let id: String
    /// `pair` or `scaleout`.
    let mode: String
    /// What buckets are to want; nil: as they do.
    let copies: Int?
    let startedMillis: UInt64
    private(set) var phase = Phase.joining
    private(set) var sinceMillis: UInt64
    private(set) var endedMillis: UInt64?
    private(set) var error: String?
    private(set) var nodes: [Newcomer]
    private(set) var log: [Line] = []
    /// What buckets wanted before.
    private(set) var before: [BucketCopies] = []
    private(set) var share: Double = 0
    private var movedMillis: UInt64 = 0
    private var askedMillis: UInt64 = 0

    init(id: String, mode: String, copies: Int?, nodes: [Newcomer], nowMillis: UInt64) {
        (self.id, self.mode, self.copies, self.nodes) = (id, mode, copies, nodes)
        (startedMillis, sinceMillis) = (nowMillis, nowMillis)
        note("All codes are right: \(nodes.map(\.name).joined(separator: ", ")) will be let in.", nowMillis)
    }

    /// Something is still to be done.
    var isAwake: Bool { !phase.isOver || nodes.contains { $0.step == .owed } }

    /// Whether it differs in more than who was seen when.
    func isWorthKeeping(after before: Activation) -> Bool {
        phase != before.phase || log != before.log || self.before != before.before
            || nodes.map(\.step) != before.nodes.map(\.step)
    }

    // MARK: Events

    mutating func advance(_ seen: Sighting, at now: UInt64) -> [Directive] {
        for index in nodes.indices {
            guard let sight = seen.nodes[nodes[index].id], sight.isAlive || sight.answers else { continue }
            nodes[index].aliveMillis = now
        }
        switch phase {
        case .joining: return join(seen, now)
        case .syncing: return sync(seen, now)
        case .arranging: return arrange(seen, now)
        case .settling: return settle(now)
        case .undoing: return undo(seen, now)
        case .active, .undone:
            return part(nodes.indices.filter { nodes[$0].step == .owed }, seen, now)
        }
    }

    /// Whether it can still be taken back. Once a node may have been told that all is done, it forgets the way home.
    var isReversible: Bool { !phase.isOver && phase != .settling }

    /// Everything goes back to how it was, unless it is too late for that.
    mutating func fail(_ reason: String, at now: UInt64) {
        guard isReversible, phase != .undoing else { return }
        error = reason
        note(reason, now, isBad: true)
        note("Everything goes back to how it was before.", now)
        enter(.undoing, now)
    }

    mutating func handed(_ index: Int, at now: UInt64, failure: String?) {
        guard phase == .joining, nodes[index].step == .invited else { return }
        // It may have got the token all the same.
        if let failure { return fail("\(nodes[index].name) did not take its token: \(failure)", at: now) }
        nodes[index].aliveMillis = now
        note("\(nodes[index].name) has its token and starts anew.", now)
    }

    mutating func settled(_ index: Int, at now: UInt64, failure: String?) {
        guard phase == .settling, nodes[index].step == .synced else { return }
        if let failure {
            guard now >= sinceMillis + Self.settleMillisMax else { return }
            note("\(nodes[index].name) was not told that all is done: \(failure)", now, isBad: true)
        }
        step(index, .active, now)
        nodes[index].bond = ""
    }

    mutating func parted(_ index: Int, at now: UInt64, failure: String?) {
        guard failure != nil else {
            step(index, .home, now)
            // It may be told again, should it turn out to have a place.
            if phase.isOver { nodes[index].bond = "" }
            return note("\(nodes[index].name) is back in its mesh of one.", now)
        }
        nodes[index].tries += 1
        guard nodes[index].step == .parting, nodes[index].tries >= Self.undoTriesMax else { return }
        step(index, .owed, now)
        note("\(nodes[index].name) does not answer; it is sent home as soon as it is there.", now, isBad: true)
    }

    mutating func note(_ text: String, _ now: UInt64, isBad: Bool = false) {
        // What repeats is said once.
        guard log.last?.text != text else { return }
        log.append(Line(millis: now, text: text, isBad: isBad))
        if log.count > Self.logLinesMax { log.removeFirst(log.count - Self.logLinesMax) }
    }

    // MARK: Forward

    private mutating func join(_ seen: Sighting, _ now: UInt64) -> [Directive] {
        for index in nodes.indices {
            let node = nodes[index]
            let sight = seen.nodes[node.id] ?? Sighting.Node()
            switch node.step {
            // One after the other: so the log tells what happens.
            // What is on the disk says so before the token leaves: who has it can come, whatever happens here meanwhile.
            case .proven:
                nodes[index].aliveMillis = now
                step(index, .invited, now)
                return [.hand(index)]
            case .invited where sight.isAlive:
                step(index, .joined, now)
                note("\(node.name) has joined.", now)
            case .invited where now >= node.sinceMillis + Self.joinMillisMax:
                fail("\(node.name) did not come within two minutes.", at: now)
                return []
            case .invited where now >= node.aliveMillis + Self.startMillisMax:
                fail("\(node.name) went away while it started anew.", at: now)
                return []
            case .joined where sight.isPlaced:
                step(index, .placed, now)
                note("\(node.name) has its place.", now)
            case .joined where isGone(node, now):
                fail("\(node.name) went away while it joined.", at: now)
                return []
            default: break
            }
        }
        guard nodes.allSatisfy({ $0.step == .placed }) else { return [] }
        note("Copies come to the new \(nodes.count == 1 ? "node" : "nodes").", now)
        movedMillis = now
        enter(.syncing, now)
        return []
    }

    private mutating func sync(_ seen: Sighting, _ now: UInt64) -> [Directive] {
        if failIfGone(seen, now) { return [] }
        guard seen.isChanging else {
            share = 1
            for index in nodes.indices { step(index, .synced, now) }
            note("All copies are where they are to be.", now)
            enter(.arranging, now)
            return []
        }
        if seen.share != share { movedMillis = now }
        share = seen.share
        if now >= movedMillis + Self.stallMillisMax { fail("Nothing has moved for half an hour.", at: now) }
        return []
    }

    /// Zones and copies as they were wished.
    private mutating func arrange(_ seen: Sighting, _ now: UInt64) -> [Directive] {
        if failIfGone(seen, now) { return [] }
        var directives: [Directive] = []
        for (index, node) in nodes.enumerated() where !node.zone.isEmpty && seen.nodes[node.id]?.zone != node.zone {
            directives.append(.zone(index))
        }
        if let copies {
            for bucket in seen.copies where bucket.copies != copies {
                if !before.contains(where: { $0.bucket == bucket.bucket }) { before.append(bucket) }
                directives.append(.copies(BucketCopies(bucket: bucket.bucket, copies: copies)))
            }
        }
        guard directives.isEmpty, !seen.isChanging else { return asked(directives, now) }
        enter(.settling, now)
        return []
    }

    private mutating func settle(_ now: UInt64) -> [Directive] {
        let waiting = nodes.indices.filter { nodes[$0].step == .synced }
        guard waiting.isEmpty else { return asked(waiting.map(Directive.settle), now) }
        note("The mesh is active.", now)
        endedMillis = now
        enter(.active, now)
        return []
    }

    // MARK: Back

    private mutating func undo(_ seen: Sighting, _ now: UInt64) -> [Directive] {
        let wrong = before.filter { former in
            seen.copies.contains { $0.bucket == former.bucket && $0.copies != former.copies }
        }
        let directives = (wrong.isEmpty ? [] : asked(wrong.map(Directive.copies), now)) + part(nodes.indices, seen, now)
        let isApart = nodes.allSatisfy {
            ($0.step == .home || $0.step == .owed) && seen.nodes[$0.id]?.isMember != true
        }
        let isBack = isApart && wrong.isEmpty && !seen.isChanging
        let isLate = now >= sinceMillis + Self.undoMillisMax
        guard isBack || isLate else { return directives }
        if isLate, !isBack {
            note("Not everything is as before yet; see the pages Nodes and Movements.", now, isBad: true)
            for index in nodes.indices where nodes[index].step != .home { step(index, .owed, now) }
        } else {
            let isWhole = nodes.allSatisfy { $0.step == .home }
            note(isWhole ? "Everything is as it was before." : "Everything else is as it was before.", now)
        }
        for index in nodes.indices where nodes[index].step == .home { nodes[index].bond = "" }
        endedMillis = now
        enter(.undone, now)
        return []
    }

    /// The next steps home of these nodes. Those that lose their places do so in one directive.
    private mutating func part(_ indices: some Sequence<Int>, _ seen: Sighting, _ now: UInt64) -> [Directive] {
        var directives: [Directive] = []
        var leaving: [Int] = []
        for index in indices {
            switch part(index, seen, now) {
            case .remove(let some): leaving += some
            case let directive?: directives.append(directive)
            case nil: break
            }
        }
        return (leaving.isEmpty ? [] : [.remove(leaving)]) + directives
    }

    /// A node's next step home: first it loses its place, and gives away what it got meanwhile; then it is told.
    private mutating func part(_ index: Int, _ seen: Sighting, _ now: UInt64) -> Directive? {
        let sight = seen.nodes[nodes[index].id] ?? Sighting.Node()
        switch nodes[index].step {
        // It said so, or was seen so, on a view that was old.
        case .home where !sight.isMember: return nil
        case .kept: return nil
        case .owed where sight.isMember && isLongOver(now):
            step(index, .kept, now)
            nodes[index].bond = ""
            note(
                "\(nodes[index].name) has a place: it is left there. Remove it by hand if it is to go.",
                now,
                isBad: true
            )
            return nil
        case .proven:
            step(index, .home, now)
            return nil
        default: break
        }
        guard now >= nodes[index].triedMillis + Self.pauseMillis else { return nil }
        nodes[index].triedMillis = now
        let isOwed = nodes[index].step == .owed
        if sight.isMember {
            if !isOwed { step(index, .leaving, now) }
            return .remove([index])
        }
        if !isOwed { step(index, .parting, now) }
        return .undo(index)
    }

    private func isLongOver(_ now: UInt64) -> Bool {
        endedMillis.map { now >= $0 + Self.removalMillisMax } ?? false
    }

    // MARK: What both use

    private func isGone(_ node: Newcomer, _ now: UInt64) -> Bool { now >= node.aliveMillis + Self.silenceMillisMax }

    private mutating func failIfGone(_ seen: Sighting, _ now: UInt64) -> Bool {
        guard let lost = nodes.first(where: { isGone($0, now) || seen.nodes[$0.id]?.isMember != true }) else {
            return false
        }
        fail("\(lost.name) went away before it had all that it is to hold.", at: now)
        return true
    }

    /// Not more often than something can come of it.
    private mutating func asked(_ directives: [Directive], _ now: UInt64) -> [Directive] {
        guard now >= askedMillis + Self.pauseMillis else { return [] }
        askedMillis = now
        return directives
    }

    private mutating func step(_ index: Int, _ step: Step, _ now: UInt64) {
        guard nodes[index].step != step else { return }
        nodes[index].step = step
        nodes[index].sinceMillis = now
        nodes[index].tries = 0
    }

    private mutating func enter(_ phase: Phase, _ now: UInt64) {
        self.phase = phase
        sinceMillis = now
    }
}
