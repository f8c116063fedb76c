/// What the next change of a key is based on, as one holder has it or a coordinator saw it.
///
/// **Absent.** A key is absent when it has no row, and also when nothing of it is there and its newest row is settled: a
/// tombstone or a removal that some holders may have collected while others still have it, and bring it back. Both have
/// one predecessor, nil, whose successor is stamped above all that is settled. Otherwise a create that some holders
/// accepted, and a tombstone that came back to the others, would keep each other away for ever.
package struct KeyBase: Sendable {
    /// The newest row of the key.
    package let top: Stamp?
    /// No row; or nothing is there, and the newest row is settled. A create may be placed.
    package let isAbsent: Bool
    /// No `t` up to this is given out any more, and all that was collected has one.
    private let settled: UInt64

    /// - Parameter rows: at least the chain of the current version (`KeyRows.chain`), or that of a version that is there.
    package init(_ rows: KeyRows, settled: UInt64) {
        self.init(top: rows.top?.stamp, current: rows.current?.kind, settled: settled)
    }

    /// - Parameters:
    ///   - top: the newest row.
    ///   - current: the kind of the newest version that was not removed, tombstones included; nil if there is none.
    ///   - settled: of the layout that the holder or the coordinator goes by.
    package init(top: Stamp?, current: Record.Kind?, settled: UInt64) {
        self.top = top
        self.settled = settled
        let isThere = current != nil && current != .tombstone
        isAbsent = top.map { $0.t <= settled && !isThere } ?? true
    }

    /// The base as a holder has it that tells a settled tombstone from none: the newest row is a predecessor like others.
    package init(top: Stamp) { self.init(top: top, current: .object, settled: 0) }

    // MARK: Places

    /// Names the Paxos instance that is open on the key.
    package var predecessor: Stamp? { isAbsent ? nil : top }

    /// Whether a coordinator means this base. It may call an absent key by its newest row.
    func isPredecessor(_ stamp: Stamp?) -> Bool { stamp == predecessor || stamp == top }

    /// The stamp of the one row that can be placed here. Nothing sorts between the predecessor and it; behind none it sorts
    /// above all that is settled and below every blind write. Nil when the depth is used up, after four thousand million
    /// conditional writes without a blind one.
    package var successor: Stamp? {
        guard let predecessor else { return Stamp(t: settled + 1, w: 0, q: 1) }
        return predecessor.q < .max ? predecessor.successor : nil
    }

    /// Whether a row that was planned with this stamp can be placed here: its predecessor is the newest row, or the key is
    /// absent as it was then. Behind a tombstone that has been settled since it still can.
    package func takes(_ stamp: Stamp) -> Bool {
        stamp == successor || top.map { stamp == KeyBase(top: $0).successor } ?? false
    }

    /// Whether a row with this stamp may be accepted here. Where the key is absent, what was accepted before the last
    /// collection keeps its stamp when somebody finishes it: a create, or the successor of a tombstone that is settled by
    /// now. As long as a holder keeps what it accepted nothing of the key is collected.
    func isSuccessor(_ stamp: Stamp) -> Bool {
        stamp == successor || isAbsent && stamp.q > 0 && stamp.t > 0 && stamp.t <= settled
    }

    /// Whether the stamp sorts above all that is here.
    package func isBelow(_ stamp: Stamp) -> Bool { top.map { $0 < stamp } ?? true }

    // MARK: Instances

    /// What of an instance that is kept still counts here; nil: it is over.
    ///
    /// An instance is over where its predecessor is the newest row no more. One about an absent key outlasts rows that
    /// are settled: they sort below what it may have decided, and the key may be absent again behind them. So what was
    /// promised stays promised, and what was accepted stays where it could still be placed.
    package func live(_ kept: OpenInstance?) -> OpenInstance? {
        guard let kept, kept.predecessor == top || kept.predecessor == nil && isSettled else { return nil }
        return OpenInstance(
            kept.address,
            predecessor: isAbsent ? nil : kept.predecessor,
            promised: kept.promised,
            accepted: kept.accepted.flatMap { isPlaceable($0.row.stamp, in: kept) ? $0 : nil }
        )
    }

    private func isPlaceable(_ stamp: Stamp, in kept: OpenInstance) -> Bool {
        isBelow(stamp) && (isAbsent || kept.predecessor == top || stamp == successor)
    }

    /// What is left of an instance when the newest row of this base has just been stored: one behind another row is over.
    package func outlasting(_ kept: OpenInstance?) -> OpenInstance? { kept?.predecessor == nil ? live(kept) : nil }

    private var isSettled: Bool { top.map { $0.t <= settled } ?? true }
}
