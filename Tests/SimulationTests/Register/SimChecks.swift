import Mesh
import Store

/// What an observer who sees all disks at once must never see. Asked after every change of a holder.
struct SimChecks {
    private(set) var violation: String?
    private var owners: [Stamp: OpID] = [:]
    private var tops: [[Key: Stamp]] = []
    /// Each change that a coordinator placed, with what it stands behind.
    private var successions: [(predecessor: Stamp, successor: Stamp)] = []
    /// The newest row of a key that was collected as its only one, and versions whose removal was.
    private var collected: [Key: Stamp] = [:]
    private var removed: Set<Stamp> = []

    mutating func fail(_ text: String) { if violation == nil { violation = text } }

    /// A store starts from nothing: what it had does not bind it.
    mutating func forget(_ replica: Int) { if tops.indices.contains(replica) { tops[replica] = [:] } }

    mutating func look(at replica: SimReplica, after call: ReplicaCall, _ reply: ReplicaReply, _ layout: SimLayout) {
        if case .commit(let row) = call.request, case .stored = reply {
            if let owner = owners[row.stamp], owner != row.record.op {
                fail("I3, I7: two operations have one stamp \(row.stamp)")
            }
            owners[row.stamp] = row.record.op
        }
        if case .commit(let row) = call.request, case .stored(.complete) = reply { came(row, replica) }
        if case .accept(let row, let predecessor?, _) = call.request, case .accepted = reply {
            // An absent key may be called by its newest row, and what is chosen may be a create above all that is settled.
            let rows = replica.keys[row.record.key]?.refs ?? KeyRows()
            let isAbsent = KeyBase(rows, settled: replica.layout.settled).isAbsent
            if !isAbsent { successions.append((predecessor, row.stamp)) }
        }
        while tops.count <= replica.index { tops.append([:]) }
        let key = call.request.address?.key ?? Key("")
        let top = replica.keys[key]?.refs.top?.stamp
        if let before = tops[replica.index][key], (top ?? .zero) < before {
            fail("I3: the newest row of holder \(replica.index) goes back from \(before)")
        }
        if let top { tops[replica.index][key] = top }
        switch reply {
        case .stored, .promised, .accepted, .view:
            if call.epoch < replica.layout.epoch, replica.faults.isEmpty {
                fail("I11: an operation of epoch \(call.epoch) is served behind the fence \(replica.layout.epoch)")
            }
        default: break
        }
    }

    /// I16: what was deleted, and its tombstone collected, is nowhere and comes from nowhere.
    private mutating func came(_ row: Row, _ replica: SimReplica) {
        guard row.ref.isVersion, row.record.kind != .tombstone else { return }
        if let last = collected[row.record.key], row.stamp < last {
            fail("I16: \(row.stamp) is back on holder \(replica.index), collected was \(last)")
        }
        if removed.contains(row.stamp) { fail("I16: the removed version \(row.stamp) is back on \(replica.index)") }
    }

    /// A holder has collected a row. It is the only way in which the newest row of a key may go back.
    mutating func reaped(_ row: RowRef, at key: Key, by replica: SimReplica) {
        if let target = row.target { removed.insert(target) }
        let left = replica.keys[key]?.refs ?? KeyRows()
        guard left.top.map({ $0.stamp < row.stamp }) ?? true else { return }
        if left.top != nil { fail("I3: holder \(replica.index) collected \(row.stamp) above other rows") }
        collected[key] = max(collected[key] ?? .zero, row.stamp)
        if tops.indices.contains(replica.index) { tops[replica.index][key] = nil }
    }

    /// An acknowledged row is at a majority of the set that all quorums of now meet, or something newer made it void.
    mutating func acknowledged(_ row: Row, _ replicas: [SimReplica], _ layout: SimLayout) {
        let having = layout.current.filter { index in
            // A disk that is lost by now may have been one of the quorum.
            if replicas[index].isLost || layout.lost.contains(index) { return true }
            let rows = replicas[index].keys[row.record.key]?.refs ?? KeyRows()
            return rows.rows.contains { $0.stamp == row.stamp } || rows.isVoid(row.ref)
                || collected[row.record.key].map { row.stamp <= $0 } ?? false || removed.contains(row.stamp)
                || row.record.target.map(removed.contains) ?? false
        }
        guard having.count < HolderSet.majority(of: layout.current.count) else { return }
        fail("I2: an acknowledged row is at \(having.count) of \(layout.current.count) holders")
    }

    mutating func finish(_ replicas: [SimReplica], _ layout: SimLayout) {
        for (predecessor, successor) in successions {
            for stamp in owners.keys where stamp > predecessor && stamp < successor {
                fail("I8: \(stamp) is between \(predecessor) and its successor \(successor)")
            }
        }
    }
}
