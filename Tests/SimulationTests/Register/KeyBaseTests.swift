import Store
import Testing

/// What a change is based on where tombstones are collected by some holders and not yet by others.
@Suite struct KeyBaseTests {
    private static let settled: UInt64 = 100
    private let address = RowAddress(BucketID(rawValue: 5), Key("k"))

    private func ref(_ kind: Store.Record.Kind, _ t: UInt64, q: UInt32 = 0, target: Stamp? = nil) -> RowRef {
        RowRef(
            stamp: Stamp(t: t, w: 9, q: q),
            op: OpID(high: t, low: UInt64(q)),
            kind: kind,
            isNull: kind == .tombstone,
            target: target
        )
    }

    private func base(_ rows: RowRef...) -> KeyBase { KeyBase(KeyRows(rows), settled: Self.settled) }
    private func ballot(_ round: UInt64) -> Ballot { Ballot(round: round, proposer: 1) }

    private func create(_ t: UInt64 = KeyBaseTests.settled + 1) -> Row {
        MachineSample.row(.object, Stamp(t: t, w: 0, q: 1))
    }

    private func prepare(
        _ predecessor: Stamp?,
        _ round: UInt64,
        on base: KeyBase,
        _ kept: OpenInstance?
    ) -> KeyRules.Prepare { KeyRules.prepare(address, predecessor: predecessor, ballot(round), on: base, kept: kept) }

    private func accept(
        _ row: Row,
        _ predecessor: Stamp?,
        _ round: UInt64,
        on base: KeyBase,
        _ kept: OpenInstance?
    ) -> OpenInstance? {
        switch KeyRules.accept(row, predecessor: predecessor, ballot(round), on: base, kept: kept) {
        case .accept(let instance): instance
        default: nil
        }
    }

    @Test("a key is absent when nothing is there, and what says so is settled")
    func absent() {
        let old = ref(.tombstone, 90)
        let version = ref(.object, 80)
        let removal = ref(.removal, 90, target: version.stamp)
        #expect(base().isAbsent && base(old).isAbsent && base(removal).isAbsent)
        #expect(base(old).predecessor == nil && base(old).successor == Stamp(t: 101, w: 0, q: 1))
        #expect(!base(ref(.tombstone, 101)).isAbsent && !base(version).isAbsent)
        #expect(!base(removal, ref(.object, 70)).isAbsent, "an older version came to light")
        #expect(!base(ref(.deleteMarker, 90)).isAbsent, "versions are below")
        #expect(base(version).successor == version.stamp.successor)
    }

    @Test("a tombstone that comes back and a create that was accepted do not keep each other away")
    func comesBack() throws {
        let back = ref(.tombstone, 90)
        let accepted = try #require(accept(create(), nil, 1, on: base(), nil))
        let decision = KeyRules.commit(back, among: KeyRows(), kept: (accepted, KeyRows()), settled: Self.settled)
        #expect(decision == .store(dropping: []))
        let kept = try #require(base(back).outlasting(accepted))
        #expect(kept.accepted?.row.stamp == create().stamp && kept.promised == ballot(1))
        // The holder that has the tombstone already takes the create, too.
        #expect(accept(create(), nil, 1, on: base(back), nil)?.predecessor == .some(nil))
        guard case .promise(let promise) = prepare(nil, 2, on: base(back), kept) else {
            Issue.record("a higher ballot is promised")
            return
        }
        #expect(promise.accepted?.row.stamp == create().stamp)
    }

    @Test("a version that comes late does not slip below a create that was accepted")
    func slipsBelow() throws {
        let accepted = try #require(accept(create(), nil, 1, on: base(), nil))
        let late = ref(.object, 95)
        let below = ref(.object, 60)
        let back = KeyRows([ref(.tombstone, 90)])
        let removed = KeyRows([ref(.removal, 90, target: Stamp(t: 70, w: 9, q: 0))])
        for (row, chain) in [(late, KeyRows()), (late, back), (below, removed)] {
            let decision = KeyRules.commit(row, among: chain, kept: (accepted, chain), settled: Self.settled)
            #expect(decision == .pending(ballot(1)), "\(row) among \(chain)")
        }
        #expect(accept(create(), nil, 1, on: base(late), nil) == nil, "nor the other way round")
    }

    @Test("what was promised about an absent key outlasts settled rows, and ends with a new one")
    func outlasts() throws {
        guard case .promise(let promise) = prepare(nil, 5, on: base(), nil) else {
            Issue.record("a first ballot is promised")
            return
        }
        let version = ref(.object, 95)
        let kept = try #require(base(version).outlasting(promise))
        guard case .outbid(ballot(5)) = prepare(version.stamp, 4, on: base(version), kept) else {
            Issue.record("ballots of all predecessors are one sequence here")
            return
        }
        let deleted = ref(.tombstone, 95, q: 1)
        let left = try #require(
            accept(MachineSample.row(.tombstone, deleted.stamp), version.stamp, 6, on: base(version), kept)
        )
        let behind = try #require(base(deleted).outlasting(left))
        #expect(behind.accepted == nil && behind.promised == ballot(6))
        #expect(accept(create(), nil, 4, on: base(deleted), behind) == nil, "the old ballot does not come alive")
        #expect(base(ref(.object, 102)).outlasting(promise) == nil)
    }

    @Test("an instance behind a tombstone is that of the absent key once the tombstone is settled")
    func settles() throws {
        let tombstone = ref(.tombstone, 90)
        let before = KeyBase(KeyRows([tombstone]), settled: 80)
        let row = MachineSample.row(.object, tombstone.stamp.successor)
        let accepted = try #require(accept(row, tombstone.stamp, 3, on: before, nil))
        #expect(accepted.predecessor == tombstone.stamp)
        let meaning = try #require(base(tombstone).live(accepted))
        #expect(meaning.predecessor == nil && meaning.accepted?.row.stamp == row.stamp)
        // Somebody finishes it, also at holders that have collected the tombstone.
        #expect(accept(row, nil, 4, on: base(), nil) != nil)
        let newer = ref(.tombstone, 92)
        #expect(base(newer).live(meaning)?.accepted == nil, "a newer tombstone voids it")
        #expect(accept(row, nil, 4, on: base(newer), nil) == nil)
    }

    @Test("a coordinator of an older build may call a settled tombstone by its stamp")
    func olderBuilds() throws {
        let tombstone = ref(.tombstone, 90)
        let row = MachineSample.row(.object, tombstone.stamp.successor)
        let accepted = try #require(accept(row, tombstone.stamp, 3, on: base(tombstone), nil))
        #expect(accepted.predecessor == nil)
        guard case .outbid(ballot(3)) = prepare(nil, 2, on: base(tombstone), accepted) else {
            Issue.record("both names are one instance")
            return
        }
    }

    @Test("what is taken over from two holders is one instance")
    func merges() throws {
        let tombstone = ref(.tombstone, 90)
        let low = try #require(accept(create(), nil, 1, on: base(), nil))
        let high = try #require(accept(create(40), nil, 2, on: base(), nil))
        let merged = try #require(KeyRules.merge(low, high, on: base(tombstone)))
        #expect(merged.promised == ballot(2))
        #expect(merged.accepted?.row.stamp == create().stamp, "the other one is below the tombstone")
        #expect(KeyRules.merge(low, high, on: base())?.accepted?.row.stamp == create(40).stamp)
        #expect(KeyRules.merge(low, high, on: base(ref(.object, 102))) == nil)
    }
}
