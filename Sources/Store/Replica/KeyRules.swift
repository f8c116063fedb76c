/// What one holder decides about one key: pure, over the few rows that the store read for it.
///
/// The holder decides in the order in which requests reach its committer, and what it decides is on its disk before it
/// answers. Rows only ever accumulate towards the normal form (`KeyRows`); nothing here depends on a clock.
package enum KeyRules {
    // MARK: Commit

    package enum Commit: Sendable, Equatable {
        /// Insert the row, and take away these rows with their bytes: they are void now. When the row is the
        /// newest, keep of an instance what `KeyBase.outlasting(_:)` says. Answer `.complete` or `.withoutBytes`.
        case store(dropping: [Stamp])
        /// This very row is here. If its bytes are missing and came along, keep them. Answer as above.
        case known
        /// Newer rows made it void; nothing changes. Answer `.superseded`.
        case void
        /// A create was accepted here that would sort above the row, nobody knows yet whether it was decided, and with the
        /// row the key would not be absent. Answer `.outbid` with the ballot; the coordinator tries again.
        case pending(Ballot)
        /// The bucket is closed. Answer `.refused(.bucketClosed)`.
        case closed
        /// The row contradicts itself, or another row has its stamp. Answer `.refused(.invalid)`.
        case invalid
    }

    /// Decides about a row that is decided for the key: a blind write, a chosen conditional one, a repair.
    ///
    /// - Parameter rows: all rows of the key, or fewer with at least
    ///   1. the newest row of the key (always);
    ///   2. nothing more, if `row.stamp` is above it, `row` is a version and not `isNull`, and the newest row is a version;
    ///   3. else the `relatives` of `row` (those with its subject, and if `row.isNull` those of the null class), and if
    ///      the newest row is a change (`!isVersion`) its relatives too.
    ///
    ///   In a bucket that never had versioning a key has at most three rows, all of the null class: give all.
    /// - Parameter kept: the instance that is kept for the key, and the chain of its current version. It makes no
    ///   difference unless `row.stamp.t <= settled` and the instance is about an absent key; else nil may be given.
    /// - Parameter isClosed: the bucket is closed for changes; repairs pass false.
    package static func commit(
        _ row: RowRef,
        among rows: KeyRows,
        kept: (instance: OpenInstance, chain: KeyRows)? = nil,
        settled: UInt64,
        isClosed: Bool = false
    ) -> Commit {
        guard row.isWellFormed else { return .invalid }
        // Also what is here: it may have come by repair, after whoever deletes the bucket found nothing.
        if isClosed { return .closed }
        if let kept, let ballot = undecided(above: row, kept.instance, kept.chain, settled: settled) {
            return .pending(ballot)
        }
        guard let top = rows.top else { return .store(dropping: []) }
        for other in rows.rows where other.stamp == row.stamp { return other.op == row.op ? .known : .invalid }
        if rows.rows.count == 1, row.stamp > top.stamp, row.isVersion, top.isVersion {
            return .store(dropping: row.isNull && top.isNull ? [top.stamp] : [])
        }
        var merged = rows
        merged.merge(CollectionOfOne(row))
        guard merged.rows.contains(where: { $0.stamp == row.stamp }) else { return .void }
        let dropped = rows.rows.filter { old in !merged.rows.contains { $0.stamp == old.stamp } }
        return .store(dropping: dropped.map(\.stamp))
    }

    /// The ballot of a create that was accepted here, and that would sort above a row that it should have been judged by.
    private static func undecided(
        above row: RowRef,
        _ instance: OpenInstance,
        _ chain: KeyRows,
        settled: UInt64
    ) -> Ballot? {
        let base = KeyBase(chain, settled: settled)
        guard base.isAbsent, instance.predecessor == nil, let accepted = base.live(instance)?.accepted,
            row.stamp < accepted.row.stamp
        else { return nil }
        var merged = chain
        merged.merge(CollectionOfOne(row))
        return KeyBase(merged, settled: settled).isAbsent ? nil : accepted.ballot
    }

    // MARK: Collection

    /// Whether a row says nothing any more but that others are gone, so that it may be collected once nobody has those.
    ///
    /// - A tombstone or a removal that is the only row of its key: the key is as if it had never been written.
    /// - A removal below newer rows whose version is gone.
    ///
    /// - Parameter rows: all rows of the key.
    package static func isSpent(_ row: RowRef, among rows: KeyRows) -> Bool {
        guard rows.rows.contains(row) else { return false }
        switch row.kind {
        case .tombstone: return rows.rows.count == 1
        case .removal:
            return rows.rows.count == 1 || (rows.top != row && !rows.rows.contains { $0.stamp == row.target })
        case .object, .deleteMarker, .retag: return false
        }
    }

    // MARK: Paxos

    /// The lowest `t` of a blind write.
    package static func blindFloor(settled: UInt64) -> UInt64 { settled + 2 }

    /// The `t` of a blind write of a key that has no stamp as new as this; `wallMillis`: the time of day, since 1970.
    ///
    /// What is settled may be ahead of the clock: for half a minute after a single node became several. If all stamps of
    /// that time were the same, holders would have to look at the index for each write (`StampBounds`). So there the
    /// stamp rises above the floor by one for each millisecond of the clock.
    package static func blindTime(wallMillis: UInt64, settled: UInt64) -> UInt64 {
        let clock = min(wallMillis, .max >> 17) << 16
        let floor = blindFloor(settled: settled)
        let behindMillis = floor > clock ? (floor - clock) >> 16 : 0
        return max(clock, floor + (blindStepsMax - min(behindMillis, blindStepsMax)))
    }

    /// Together less than a millisecond. Where what is settled is further ahead than so many milliseconds, 65 s, because
    /// a clock had run wrong, stamps stay at the floor until then.
    private static let blindStepsMax: UInt64 = (1 << 16) - 1

    package enum Prepare: Sendable {
        /// Make this durable, then answer `.promised(accepted: instance.accepted)`.
        case promise(OpenInstance)
        /// Answer `.elsewhere` with the chain of the current version.
        case elsewhere
        case outbid(Ballot)
    }

    /// Paxos, first phase.
    /// - Parameter kept: what is kept for the key, of whatever predecessor; nil if nothing is.
    package static func prepare(
        _ address: RowAddress,
        predecessor: Stamp?,
        _ ballot: Ballot,
        on base: KeyBase,
        kept: OpenInstance?
    ) -> Prepare {
        guard base.isPredecessor(predecessor) else { return .elsewhere }
        guard var promise = base.live(kept) else {
            return .promise(OpenInstance(address, predecessor: base.predecessor, promised: ballot))
        }
        guard ballot >= promise.promised else { return .outbid(promise.promised) }
        promise.promised = ballot
        return .promise(promise)
    }

    package enum Accept: Sendable {
        /// Make this durable, then answer `.accepted`.
        case accept(OpenInstance)
        case elsewhere
        case outbid(Ballot)
        case closed
        /// No row with this stamp may be placed here, or the row contradicts itself.
        case invalid
    }

    /// Paxos, second phase. The row with its small body is kept in the instance until the key moves on.
    package static func accept(
        _ row: Row,
        predecessor: Stamp?,
        _ ballot: Ballot,
        on base: KeyBase,
        kept: OpenInstance?,
        isClosed: Bool = false
    ) -> Accept {
        guard row.ref.isWellFormed else { return .invalid }
        guard base.isPredecessor(predecessor), base.isBelow(row.stamp) else { return .elsewhere }
        guard base.isSuccessor(row.stamp) else { return .invalid }
        if isClosed { return .closed }
        let known = base.live(kept)
        if let known, ballot < known.promised { return .outbid(known.promised) }
        var next = known ?? OpenInstance(row.address, predecessor: base.predecessor, promised: ballot)
        next.promised = ballot
        next.accepted = Proposal(ballot: ballot, row: row)
        return .accept(next)
    }

    /// What is kept for a key when another holder's instance comes along with its rows (merge the rows first): nil when
    /// the key has moved on from both.
    package static func merge(_ own: OpenInstance?, _ other: OpenInstance?, on base: KeyBase) -> OpenInstance? {
        let live = [own, other].compactMap { base.live($0) }
        guard var merged = live.first else { return nil }
        if live.count == 2 {
            merged.promised = max(live[0].promised, live[1].promised)
            if let accepted = live[1].accepted, accepted.ballot > merged.accepted?.ballot ?? .lowest {
                merged.accepted = accepted
            }
        }
        return merged
    }
}
