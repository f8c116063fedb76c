internal import Store
internal import Swim

/// Finds what is wrong in the facts of a mesh: one method per trouble that operators meet.
struct Examination {
    typealias Finding = ClusterHealth.Finding

    private let facts: ClusterFacts
    /// Partitions of objects, by what their holders can do now; the one of small state is judged apart.
    let partitions: Int
    /// No majority of their holders is within reach.
    let lostPartitions: Int
    /// At least one copy is missing: a holder is out of reach, or its store is new and not filled yet. Lost ones included.
    let reducedPartitions: Int
    let isSmallStateLost: Bool
    /// Buckets on chosen nodes of which some keys have no majority within reach, by where they are.
    let bereft: [ClusterFacts.Pooled]

    init(_ facts: ClusterFacts) {
        self.facts = facts
        let lost = facts.nodes.filter { !$0.isReachable }.map(\.id)
        bereft = facts.pooled.filter { pool in pool.holders.contains { !$0.canReachQuorum(without: lost) } }
        let refilled = facts.nodes.filter(\.isRefilled).map(\.id)
        let objects = facts.holders.prefix(Partition.count)
        partitions = objects.count
        lostPartitions = objects.count { !$0.canReachQuorum(without: lost) }
        reducedPartitions = objects.count { Self.lacksCopy($0, unreachable: lost, refilled) }
        isSmallStateLost = facts.holders.dropFirst(Partition.count).contains { !$0.canReachQuorum(without: lost) }
    }

    var bereftBuckets: Int { bereft.reduce(0) { $0 + $1.buckets } }

    /// A place whose store is gone is `HolderSet.lost`; once it was given up, only the refilled node among the future
    /// holders shows that a copy is missing.
    private static func lacksCopy(_ set: HolderSet, unreachable: [NodeID], _ refilled: [NodeID]) -> Bool {
        set.everyone.contains(where: unreachable.contains) || set.current.contains(HolderSet.lost)
            || set.next?.contains { refilled.contains($0) && !set.current.contains($0) } == true
    }

    var findings: [Finding] {
        // Who is out hears from nobody, and what it believes of the others is old.
        guard removal.isEmpty else { return removal }
        return isolation + majority + failures + absences + refills + disks + damage + silence + backlog + collection
            + movement
            + copies
            + arrivals
    }

    /// The rest of the sentence that begins with the level.
    func summary(_ level: ClusterHealth.Level) -> String {
        guard !facts.holders.isEmpty else { return "this node has no layout yet" }
        if let first = findings.first(where: { $0.severity == .error }) ?? findings.first(where: isWarning) {
            let rest = findings.count { $0.severity != .note } - 1
            let served = level == .degraded ? ", everything is served" : ""
            return rest > 0 ? "\(first.message)\(served), and \(count(rest)) more" : first.message + served
        }
        let holders = facts.members.count(where: \.isHolder)
        if holders <= 1 { return "one node holds everything" }
        let copies = min(holders, facts.copiesWanted)
        let lacking = facts.specialBuckets.count { $0.has < min(copies, $0.wants) }
        let rest = lacking == 0 ? "" : " but those of \(Wording.count(lacking, "bucket", "buckets"))"
        return "\(Wording.count(holders, "node", "nodes")) hold \(copies) copies of every object\(rest)"
    }

    private func isWarning(_ finding: Finding) -> Bool { finding.severity == .warning }

    private func count(_ number: Int) -> String { Wording.count(number) }

    // MARK: What cannot be served

    private var removal: [Finding] {
        guard let own = facts.nodes.first(where: { $0.id == facts.ownID }), own.isRemoved else { return [] }
        let message = "\(own.name) was removed from the mesh: it serves nothing, and requests answer 503"
        let advice = "ask another node; `meshd node join \(own.name)` there gives it a place again"
        return [Finding("removed", .error, [own.name], message, advice: advice)]
    }

    private var isolation: [Finding] {
        guard facts.isIsolated else { return [] }
        let name = facts.name(of: facts.ownID)
        let message = "most questions of \(name) go unanswered: its network is the trouble, not the others'"
        return [Finding("isolated", .error, [name], message)]
    }

    private var majority: [Finding] {
        let gone = facts.members.filter { !$0.isReachable || $0.isRefilled }.map(\.name).sorted()
        var found: [Finding] = []
        if lostPartitions > 0 {
            let message =
                "\(count(lostPartitions)) of \(count(Partition.count)) partitions have lost their majority "
                + "(\(Wording.list(gone))): their keys answer 503"
            found.append(Finding("majority-lost", .error, gone, message, advice: adviceForMajority))
        }
        if !bereft.isEmpty {
            let holders = Set(bereft.flatMap(\.holders).flatMap(\.everyone))
            let missing = facts.members.filter { gone.contains($0.name) && holders.contains($0.id) }.map(\.name)
                .sorted()
            let message =
                "some keys of \(Wording.count(bereftBuckets, "bucket", "buckets")) on chosen nodes have lost their majority "
                + "(\(Wording.list(missing))): they answer 503"
            found.append(Finding("bucket-majority-lost", .error, missing, message, advice: adviceForMajority))
        }
        if isSmallStateLost {
            let message = "most voters are gone: buckets, keys, settings and the layout cannot be changed"
            found.append(Finding("voters-lost", .error, gone, message, advice: adviceForMajority))
        }
        return found
    }

    /// Who is away may come back; what a lost disk held does not, and has to be given up.
    private var adviceForMajority: String {
        let away = facts.members.filter { !$0.isReachable }.map(\.name).sorted()
        guard away.isEmpty else { return "start \(Wording.list(away)) again" }
        let empty = facts.members.filter(\.isRefilled).map(\.name).sorted()
        guard let first = empty.first else { return "" }
        let disks =
            empty.count == 1 ? "the former disk of \(first)" : "one of the former disks of \(Wording.list(empty))"
        return "put \(disks) back into its node, or give up what it held with `meshd node forget \(first)`"
    }

    private var failures: [Finding] {
        facts.nodes.compactMap { node in
            guard let reason = node.condition?.failure else { return nil }
            return Finding(
                "store-failed",
                lostPartitions > 0 ? .error : .warning,
                [node.name],
                "the store of \(node.name) has failed: \(reason)",
                advice: "look after its disk, then restart it"
            )
        }
    }

    // MARK: What is served with less to fall back on

    private var absences: [Finding] {
        facts.members.compactMap { node in
            let since =
                node.sinceMillis > 0 && facts.nowMillis > node.sinceMillis
                ? " for \(Wording.span(millis: facts.nowMillis - node.sinceMillis))" : ""
            switch node.state {
            case .alive: return nil
            case .unstable:
                let message = "\(node.name) comes and goes: work is kept away from it"
                return Finding("holder-unstable", .note, [node.name], message)
            case .suspect:
                return Finding("holder-suspect", .note, [node.name], "\(node.name) does not answer\(since)")
            case .expelled:
                let message = "\(node.name) is expelled and still has a place in the layout"
                let advice = "`meshd node remove \(node.name)` gives its place to others"
                return Finding("holder-expelled", .warning, [node.name], message, advice: advice)
            case .dead, .left, nil:
                let word = node.state == .left ? "has left" : node.state == nil ? "was never heard" : "is dead"
                let message =
                    "\(node.name) \(word)\(since): \(count(reducedPartitions)) of \(count(Partition.count)) partitions "
                    + "miss a copy"
                let advice =
                    "start it again; if it is lost, `meshd node replace \(node.name) NEW` or "
                    + "`meshd node remove \(node.name)`"
                return Finding("holder-dead", .warning, [node.name], message, advice: advice)
            }
        }
    }

    /// What a disk held is gone until the others have filled the new one.
    private var refills: [Finding] {
        facts.members.filter { $0.isRefilled && $0.isReachable }.map { node in
            let message =
                "\(node.name) came back without what it held and is being filled: \(count(reducedPartitions)) of "
                + "\(count(Partition.count)) partitions miss a copy"
            return Finding(
                "holder-refilled",
                .warning,
                [node.name],
                message,
                advice: "keep the others running meanwhile"
            )
        }
    }

    private var disks: [Finding] {
        facts.nodes.compactMap { node in
            guard let condition = node.condition, condition.isReadOnly else { return nil }
            let message =
                "the disk of \(node.name) is too full for writes: \(Wording.bytes(condition.freeBytes)) are free"
            return Finding(
                "disk-full",
                .warning,
                [node.name],
                message,
                advice: "make space, add a node, or lower its weight with `meshd node set \(node.name) --weight`"
            )
        }
    }

    private var damage: [Finding] {
        facts.nodes.compactMap { node in
            guard let condition = node.condition, condition.corruptions > 0 else { return nil }
            let many = Wording.count(condition.corruptions, "checksum was", "checksums were")
            return Finding(
                "damaged",
                .warning,
                [node.name],
                "\(many) wrong on \(node.name): bytes went bad on its disk",
                advice: "they are fetched from other holders; `meshd doctor` on \(node.name) names them"
            )
        }
    }

    private var silence: [Finding] {
        facts.members.compactMap { node in
            guard node.condition == nil, node.isReachable, node.id != facts.ownID else { return nil }
            let message = "\(node.name) lives but does not say how it is"
            return Finding("silent", .note, [node.name], message, advice: "`meshd probe \(node.name)`")
        }
    }

    // MARK: What is under way

    private var backlog: [Finding] {
        let peers = Set(facts.nodes.flatMap { $0.condition?.hints ?? [] }.filter { $0.objects > 0 }.map(\.peer))
        var found = peers.sorted().map { peer -> Finding in
            let piles = facts.nodes.flatMap { $0.condition?.hints ?? [] }.filter { $0.peer == peer }.map(\.objects)
            // Two holders keep the same hint, so that the loss of one loses no time.
            let count = max(piles.max() ?? 0, (piles.reduce(0, +) + 1) / 2)
            let name = facts.name(ofID: peer)
            return Finding(
                "hints",
                .note,
                [name],
                "\(Wording.count(count, "object waits", "objects wait")) for \(name)"
            )
        }
        for node in facts.nodes {
            guard let condition = node.condition, condition.wanted > 0 else { continue }
            let many = Wording.count(condition.wanted, "object is", "objects are")
            let message = "\(many) on \(node.name) without their bytes: they are fetched from other holders"
            found.append(Finding("bytes-wanted", .note, [node.name], message))
        }
        let paused = facts.nodes.filter { $0.condition?.isRepairPaused == true }.map(\.name).sorted()
        if !paused.isEmpty {
            let message = "repair and movement are paused on \(Wording.list(paused))"
            found.append(Finding("repair-paused", .warning, paused, message, advice: "`meshd repair resume`"))
        }
        return found
    }

    /// Who is away keeps tombstones from going: worth a word when it lasts.
    private var collection: [Finding] {
        let waiting = facts.nodes.compactMap { node -> RepairReport.Collection? in
            guard let collection = node.condition?.repair?.collection, let since = collection.sinceMillis,
                facts.nowMillis > since + Self.collectionPatienceMillis
            else { return nil }
            return collection
        }
        guard let longest = waiting.max(by: { $0.rows < $1.rows }) else { return [] }
        let whom = Wording.list(longest.waitsFor)
        let many = Wording.count(longest.rows, "trace of a deleted object waits", "traces of deleted objects wait")
        let advice = "start \(whom) again, or give its place away with `meshd node remove`"
        return [Finding("tombstones", .note, longest.waitsFor, "\(many) for \(whom)", advice: advice)]
    }

    private static let collectionPatienceMillis: UInt64 = 6 * 3_600_000

    private var movement: [Finding] {
        guard let movement = facts.movement else { return [] }
        var text = "\(movement.what): \(Int(movement.share * 100)) %"
        if movement.allBytes > 0 {
            text += ", \(Wording.bytes(movement.doneBytes)) of \(Wording.bytes(movement.allBytes))"
        } else if movement.allShares > 0 {
            text += ", \(Wording.count(movement.doneShares)) of \(Wording.count(movement.allShares)) shares"
        }
        guard movement.waitsFor.isEmpty else {
            let whom = Wording.list(movement.waitsFor)
            let advice = "start \(whom) again, or give its place away with `meshd node remove`"
            return [
                Finding("movement-stuck", .warning, movement.waitsFor, "\(text); it waits for \(whom)", advice: advice)
            ]
        }
        if movement.isPaused {
            text += ", paused"
        } else if let seconds = movement.secondsLeft {
            text += ", about \(Wording.span(millis: seconds * 1_000)) left"
        }
        return [Finding("movement", .note, [], text)]
    }

    private var copies: [Finding] {
        let holders = facts.members.count(where: \.isHolder)
        // What somebody asked for by name is said whatever there is.
        let special = facts.specialBuckets.filter { $0.has < $0.wants }.map { bucket in
            let message = "bucket \(bucket.name) wants \(bucket.wants) copies, has \(bucket.has)"
            guard bucket.isPooled else {
                return Finding("bucket-copies", .note, [], message, advice: Self.more(bucket.wants - holders))
            }
            let advice = "it is on chosen nodes or zones: choose more with `meshd bucket move \(bucket.name)`"
            return Finding("bucket-copies", .note, [], message + " where it is", advice: advice)
        }
        let shown = Array(special.prefix(Self.bucketsShownMax))
        // One node alone is a product, not a mesh that lacks something.
        guard holders > 1, holders < facts.copiesWanted else { return shown }
        let message = "wants \(facts.copiesWanted) copies, has \(holders)"
        return [Finding("copies", .note, [], message, advice: Self.more(facts.copiesWanted - holders))] + shown
    }

    /// `meshd bucket list` tells of the others.
    private static let bucketsShownMax = 8

    private static func more(_ lacking: Int) -> String {
        guard lacking > 0 else { return "" }
        return "\(Wording.count(lacking, "more node raises", "more nodes raise")) it without a command"
    }

    private var arrivals: [Finding] {
        facts.nodes.compactMap { node in
            switch node.place {
            case .draining:
                let message =
                    !facts.isChanging ? "\(node.name) is drained and empty" : "\(node.name) is being emptied"
                return Finding("draining", .note, [node.name], message, advice: "`meshd node resume \(node.name)`")
            case .leaving: return Finding("leaving", .note, [node.name], "\(node.name) is being removed")
            case .active, nil: break
            }
            guard !node.isMember, node.state?.isAlive == true else { return nil }
            if node.isRemoved {
                let advice = "`meshd node join \(node.name)` gives it a place again"
                return Finding("not-member", .note, [node.name], "\(node.name) was removed and is here", advice: advice)
            }
            return Finding("not-member", .note, [node.name], "\(node.name) is here and holds nothing yet")
        }
    }
}
