/// What one holder decides about one key: pure, over the few rows that the store read for it.
///
/// The holder decides in the order in which requests reach its committer, and what it decides is on its disk before it
/// answers. Rows only ever accumulate towards the normal form (`KeyRows`); nothing here depends on a clock.
package enum KeyRules {
    // MARK: Commit

    package enum Commit: Sendable, Equatable {
        /// Insert the row, and take away these rows with their bytes: they are void now. An instance that was open on
        /// the key is over when the row is the newest (its predecessor is no longer the newest row): drop it.
        /// Answer `.complete` or `.withoutBytes`.
        case store(dropping: [Stamp])
        /// This very row is here. If its bytes are missing and came along, keep them. Answer as above.
        case known
        /// Newer rows made it void; nothing changes. Answer `.superseded`.
        case void
        /// A create was accepted here that would sort above the row, and nobody knows yet whether it was decided. Answer
        /// `.outbid` with the ballot; the coordinator settles the instance or tries again.
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
    /// - Parameter instance: the open instance of the key. Only looked at if `rows` is empty and `row.stamp.t <= settled`;
    ///   nil may be given in all other cases.
    /// - Parameter isClosed: the bucket is closed for changes; repairs pass false.
    package static func commit(
        _ row: RowRef,
        among rows: KeyRows,
        instance: OpenInstance? = nil,
        settled: UInt64,
        isClosed: Bool = false
    ) -> Commit {
        guard row.isWellFormed else { return .invalid }
        // Also what is here: it may have come by repair, after whoever deletes the bucket found nothing.
        if isClosed { return .closed }
        guard let top = rows.top else {
            if let accepted = instance?.accepted, instance?.predecessor == nil, row.stamp < accepted.row.stamp {
                return .pending(accepted.ballot)
            }
            return .store(dropping: [])
        }
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

    /// The stamp of the one successor that a version (nil: a key that nobody wrote) can have. Nothing sorts between the
    /// two. Nil when the depth is used up, after four thousand million conditional writes without a blind one.
    ///
    /// - Parameter settled: no `t` up to it is given out any more, and all that was collected has one. A create sorts
    ///   above all of those and below every blind write.
    package static func successor(of predecessor: Stamp?, settled: UInt64) -> Stamp? {
        guard let predecessor else { return Stamp(t: settled + 1, w: 0, q: 1) }
        return predecessor.q < .max ? predecessor.successor : nil
    }

    /// Whether a row with this stamp may be accepted behind the predecessor. A create that was accepted before the last
    /// collection keeps its stamp when somebody finishes it: as long as a holder has it the key was never there, and
    /// nothing of it was collected.
    private static func isSuccessor(_ stamp: Stamp, of predecessor: Stamp?, settled: UInt64) -> Bool {
        guard predecessor == nil else { return stamp == successor(of: predecessor, settled: settled) }
        return stamp.w == 0 && stamp.q == 1 && stamp.t > 0 && stamp.t - 1 <= settled
    }

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
    /// - Parameters:
    ///   - top: the newest row of the key.
    ///   - instance: what is kept for the key, of whatever predecessor; nil if nothing is.
    package static func prepare(
        _ address: RowAddress,
        predecessor: Stamp?,
        _ ballot: Ballot,
        top: Stamp?,
        instance: OpenInstance?
    ) -> Prepare {
        guard top == predecessor else { return .elsewhere }
        guard let instance, instance.predecessor == predecessor else {
            return .promise(OpenInstance(address, predecessor: predecessor, promised: ballot))
        }
        guard ballot >= instance.promised else { return .outbid(instance.promised) }
        var promise = instance
        promise.promised = ballot
        return .promise(promise)
    }

    package enum Accept: Sendable {
        /// Make this durable, then answer `.accepted`.
        case accept(OpenInstance)
        case elsewhere
        case outbid(Ballot)
        case closed
        /// The stamp is not the predecessor's successor, or the row contradicts itself.
        case invalid
    }

    /// Paxos, second phase. The row with its small body is kept in the instance until the key moves on.
    package static func accept(
        _ row: Row,
        predecessor: Stamp?,
        _ ballot: Ballot,
        top: Stamp?,
        instance: OpenInstance?,
        settled: UInt64,
        isClosed: Bool = false
    ) -> Accept {
        guard row.ref.isWellFormed, isSuccessor(row.stamp, of: predecessor, settled: settled) else { return .invalid }
        guard top == predecessor else { return .elsewhere }
        if isClosed { return .closed }
        let known = instance.flatMap { $0.predecessor == predecessor ? $0 : nil }
        if let known, ballot < known.promised { return .outbid(known.promised) }
        var next = known ?? OpenInstance(row.address, predecessor: predecessor, promised: ballot)
        next.promised = ballot
        next.accepted = Proposal(ballot: ballot, row: row)
        return .accept(next)
    }

    /// What is kept for a key when another holder's instance comes along with its rows (merge the rows first): nil when
    /// the key has moved on from both.
    package static func merge(_ own: OpenInstance?, _ other: OpenInstance?, top: Stamp?) -> OpenInstance? {
        let live = [own, other].compactMap { $0 }.filter { $0.predecessor == top }
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
