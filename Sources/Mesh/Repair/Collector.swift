internal import Store
internal import Swim
internal import Synchronization

/// Collects tombstones, and removals that say nothing any more, in rounds in which all members take part.
///
/// In a stable epoch each member first goes through what it has and should not have, since that may be older than the
/// tombstones. Then the first holder of each partition looks for rows that might go, and asks all holders, one after the
/// other, whether they have exactly that and no more. What all confirm it sends to all of them. When every member is
/// through, the steward proposes the layout anew with a higher `settled` (`Layout.collected`); who takes that epoch up
/// right behind this one forgets what is on its list, row by row, if it is still so.
///
/// That is safe because in the first epoch nobody had anything older than the tombstone, and in the second nothing is
/// taken that was read or sent in the first. A list that is lost keeps tombstones, which does no harm: the next round
/// finds them again. Small state keeps its tombstones: every node has all of it, and there are few.
final class Collector: Sendable {
    private struct State {
        /// What follows is about this epoch.
        var epoch: UInt64 = 0
        var layout: Layout?
        var enteredAt: Micros = 0
        /// This node has nothing that it is not to have.
        var isClean = false
        /// This node's share of the round; nil: not listed yet.
        var listed: (rows: Int, highest: UInt64)?
        var listedAt: Micros = 0
        /// More is to be had at once.
        var isFull = false
        /// What all holders have confirmed, to go in the epoch behind this one.
        var agreed: Set<SpentRow> = []
        /// To go now.
        var due: [SpentRow] = []
        /// Others wait for this node's share.
        var isWaitedFor = false
        /// After a failure nothing is listed before this.
        var retryAt: Micros = 0
        var waitsFor: Set<NodeID> = []
        var waitsSinceMillis: UInt64?
    }

    /// Rows in one question, one message or one transaction.
    private static let rowsAtOnce = 512
    /// When a round had no room for all, or could not be held, the next is tried after this part of the interval.
    private static let hurry: Micros = 60

    private let around: RepairSurroundings
    private let surplus: Surplus
    private let state = Mutex(State())

    init(_ around: RepairSurroundings, _ surplus: Surplus) {
        self.around = around
        self.surplus = surplus
    }

    /// What this node says to others of a round in this epoch.
    func status(in epoch: UInt64) -> CollectionStatus {
        state.withLock { state in
            guard state.epoch == epoch, epoch > 0 else { return CollectionStatus() }
            return CollectionStatus(
                isClean: state.isClean,
                isListed: state.listed != nil,
                rows: UInt32(clamping: state.listed?.rows ?? 0),
                highest: state.listed?.highest ?? 0
            )
        }
    }

    /// For people: rows that could go some day, and whom they wait for, since when.
    var backlog: (rows: Int, waitsFor: Set<NodeID>, sinceMillis: UInt64?) {
        let (nodes, since) = state.withLock { ($0.waitsFor, $0.waitsSinceMillis) }
        return (around.book.current.isSole == nil ? around.disk.marksCount : 0, nodes, since)
    }

    /// What all nodes that answer say: the highest time word of what all members agreed to collect in this layout. Nil
    /// when they did not, or on nothing.
    func collectable(_ statuses: [NodeID: SyncStatus], in layout: Layout) -> UInt64? {
        guard !layout.isJoint, layout.isSole == nil else { return nil }
        var highest: UInt64 = 0
        var rows: UInt64 = 0
        var isListed = true
        var missing: Set<NodeID> = []
        for member in layout.members {
            guard let status = statuses[member.node], status.epoch == layout.epoch, status.storeID == member.storeID
            else {
                missing.insert(member.node)
                continue
            }
            isListed = isListed && status.collection.isClean && status.collection.isListed
            rows += UInt64(status.collection.rows)
            highest = max(highest, status.collection.highest)
        }
        state.withLock { [missing, rows] state in
            guard state.epoch == layout.epoch else { return }
            state.isWaitedFor = rows > 0
            state.waitsFor = missing
            state.waitsSinceMillis = missing.isEmpty ? nil : state.waitsSinceMillis ?? WallClock.unixMillis
        }
        let isWhole = missing.isEmpty || SeededBug.tombstoneCollectedEarly.isOn
        return isListed && isWhole && rows > 0 ? min(highest, around.settings.cut(share: 2).rows) : nil
    }

    // MARK: Events

    /// All holders of these rows have them, and nothing else of it, in this epoch. False: too many.
    func take(_ rows: [SpentRow], epoch: UInt64) -> Bool {
        let layout = around.book.current
        return state.withLock { state in
            guard layout.epoch == epoch else { return false }
            Self.enter(layout, &state)
            guard state.agreed.count + rows.count <= around.settings.collectRowsMax else { return false }
            state.agreed.formUnion(rows)
            return true
        }
    }

    /// One look: goes on with the round of this epoch as far as it can now.
    func step() async throws {
        let layout = around.book.current
        guard around.peers.epoch() == layout.epoch else { return }
        state.withLock { Self.enter(layout, &$0) }
        try await forgetDue(layout)
        guard around.settings.collectMicros > 0, isRipe(layout) else { return }
        if !state.withLock({ $0.isClean }) {
            let pass = try await surplus.pass()
            guard pass.kept == 0, around.book.current.epoch == layout.epoch else { return }
            state.withLock { if $0.epoch == layout.epoch { $0.isClean = true } }
        }
        let mine = (0..<Partition.count).map { Partition(number: UInt16($0)) }.filter {
            layout.isLister(around.own, of: $0)
        }
        guard !mine.isEmpty, around.disk.marksCount > 0 else { return finish(layout, 0, 0, isFull: false) }
        guard isDue, await areAllClean(layout) else { return }
        do { try await list(Set(mine), layout) } catch {
            let again = MonotonicClock.micros + around.settings.collectMicros / Self.hurry
            state.withLock { $0.retryAt = again }
            throw error
        }
    }

    /// Which of what was agreed is due: all, if the new epoch is that of the collection; else nothing.
    private static func enter(_ layout: Layout, _ state: inout State) {
        guard layout.epoch != state.epoch || layout.lineage != state.layout?.lineage else { return }
        let isCollection = state.layout.map { layout.isCollection(of: $0) } ?? false
        var next = State(epoch: layout.epoch, layout: layout, enteredAt: MonotonicClock.micros)
        next.due = isCollection ? Array(state.agreed) : []
        next.isFull = isCollection && state.isFull
        state = next
    }

    /// The layout has stayed for a moment, and is one in which there are rounds.
    private func isRipe(_ layout: Layout) -> Bool {
        guard !layout.isJoint, layout.isSole == nil, layout.member(around.own) != nil else { return false }
        let (now, wait) = (MonotonicClock.micros, around.settings.collectMicros / Self.hurry)
        return state.withLock { state in
            now - state.enteredAt >= wait && now >= state.retryAt
        }
    }

    private var isDue: Bool {
        let (now, interval) = (MonotonicClock.micros, around.settings.collectMicros)
        return state.withLock { state in
            guard state.listed != nil else {
                return state.isFull || state.isWaitedFor || now - state.enteredAt >= interval
            }
            // Nobody proposed anything: there was nothing to collect, or somebody is away.
            return state.agreed.isEmpty && now - state.listedAt >= interval
        }
    }

    // MARK: The end of a round

    private func forgetDue(_ layout: Layout) async throws {
        while true {
            let batch = state.withLock { state -> [SpentRow] in
                guard state.epoch == layout.epoch else { return [] }
                let batch = Array(state.due.suffix(Self.rowsAtOnce))
                state.due.removeLast(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return }
            let count = try await around.disk.collect(batch, epoch: layout.epoch)
            around.counters.tombstonesCollected.add(UInt64(count))
        }
    }

    // MARK: Listing

    /// Whether every member goes by this epoch and has only what it is to have.
    private func areAllClean(_ layout: Layout) async -> Bool {
        if SeededBug.tombstoneCollectedEarly.isOn { return true }
        for member in layout.members where member.node != around.own {
            guard let status = try? await around.peers.status(member.node), status.epoch == layout.epoch,
                status.storeID == member.storeID, status.collection.isClean
            else { return false }
        }
        return true
    }

    private func list(_ partitions: Set<Partition>, _ layout: Layout) async throws {
        // Every member may list as many, and all of them may be on one node's list.
        let room = max(1, around.settings.collectRowsMax / layout.members.count)
        var place: WalkPlace?
        var count = 0
        var highest: UInt64 = 0
        repeat {
            let page = try await around.disk.spentRows(
                partitions,
                around.settings.cut(),
                after: place,
                limit: min(Self.rowsAtOnce, room - count)
            )
            for (holders, rows) in Self.byHolders(page.rows, layout) where holders.first == around.own {
                let agreed = try await agree(rows, holders, layout)
                guard !agreed.isEmpty else { continue }
                for node in holders { await tell(node, agreed, layout) }
                count += agreed.count
                highest = max(highest, agreed.map(\.ref.stamp.t).max() ?? 0)
            }
            try Task.checkCancellation()
            guard around.book.current.epoch == layout.epoch else { throw RepairFailure.superseded }
            place = page.next
        } while place != nil && count < room
        if count > 0 { around.counters.collections.add() }
        finish(layout, count, highest, isFull: place != nil)
    }

    private func finish(_ layout: Layout, _ count: Int, _ highest: UInt64, isFull: Bool) {
        state.withLock { state in
            guard state.epoch == layout.epoch else { return }
            state.listed = ((state.listed?.rows ?? 0) + count, max(state.listed?.highest ?? 0, highest))
            state.listedAt = MonotonicClock.micros
            state.isFull = isFull
        }
    }

    /// By who is to be asked, in which order. Rows of a pool whose first holder is another node are that one's to list.
    private static func byHolders(_ rows: [SpentRow], _ layout: Layout) -> [([NodeID], [SpentRow])] {
        var groups: [[NodeID]: [SpentRow]] = [:]
        for row in rows {
            let holders = layout.placed(row.address)
            if !holders.contains(HolderSet.lost) { groups[holders, default: []].append(row) }
        }
        return groups.map { ($0.key, $0.value) }
    }

    /// Those of the rows that all holders have, and as the last word. Who has missed one is brought it, and asked again.
    private func agree(_ rows: [SpentRow], _ holders: [NodeID], _ layout: Layout) async throws -> [SpentRow] {
        if SeededBug.tombstoneCollectedEarly.isOn { return rows }
        var left = rows
        for node in holders where node != around.own && !left.isEmpty {
            var standing = try await around.peers.standing(node, ofSpent: left, epoch: layout.epoch)
            let missed = zip(left, standing).filter { $0.1 == .missing || $0.1 == .absent }.map(\.0)
            if !missed.isEmpty {
                let names = missed.map { RowName($0.address, $0.ref.stamp) }
                _ = try? await RowPush(around: around, peer: node).push(names)
                standing = try await around.peers.standing(node, ofSpent: left, epoch: layout.epoch)
            }
            left = zip(left, standing).filter { $0.1 == .spent }.map(\.0)
        }
        return left
    }

    /// Who does not hear of it keeps the rows, and the next round finds them.
    private func tell(_ node: NodeID, _ rows: [SpentRow], _ layout: Layout) async {
        if node == around.own {
            _ = take(rows, epoch: layout.epoch)
        } else {
            try? await around.peers.collect(node, rows, epoch: layout.epoch)
        }
    }
}
