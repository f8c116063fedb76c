import Store
import Swim
import Testing

/// The rules of a key's rows on one holder.
@Suite struct KeyRulesTests {
    private static let seeds: Range<UInt64> = 0..<300

    /// Rows as they can come to be on one key: stamps unique, changes above their targets.
    private func history(_ random: inout Swim.Random) -> [RowRef] {
        var rows: [RowRef] = []
        var stamp = Stamp(t: 10, w: 1, q: 0)
        for index in 0..<(2 + random.below(9)) {
            stamp =
                random.below(2) == 0
                ? stamp.successor : Stamp(t: stamp.t + 1 + UInt64(random.below(3)), w: random.next() % 100, q: 0)
            let op = OpID(high: 7, low: UInt64(index))
            let versions = rows.filter { $0.isVersion && $0.kind != .tombstone }
            if random.below(5) < 2, !versions.isEmpty {
                let target = versions[random.below(versions.count)]
                rows.append(
                    RowRef(
                        stamp: stamp,
                        op: op,
                        kind: random.below(2) == 0 ? .removal : .retag,
                        isNull: target.isNull,
                        target: target.stamp
                    )
                )
            } else {
                let isNull = random.below(2) == 0
                let kinds: [Store.Record.Kind] =
                    isNull ? [.object, .object, .deleteMarker, .tombstone] : [.object, .deleteMarker]
                rows.append(RowRef(stamp: stamp, op: op, kind: kinds[random.below(kinds.count)], isNull: isNull))
            }
        }
        return rows
    }

    /// A holder that decides row by row, over all rows or only those that the documentation asks for.
    private func stored(_ arrivals: [RowRef], sparing: Bool) -> KeyRows {
        var rows = KeyRows()
        for row in arrivals {
            let given = sparing ? needed(for: row, of: rows) : rows
            switch KeyRules.commit(row, among: given, settled: 0) {
            case .store(let dropped):
                rows = KeyRows(rows.rows.filter { !dropped.contains($0.stamp) } + [row])
            case .known, .void: break
            case .pending, .closed, .invalid: Issue.record("a sound row was refused")
            }
        }
        return rows
    }

    private func needed(for row: RowRef, of rows: KeyRows) -> KeyRows {
        guard let top = rows.top else { return rows }
        if row.stamp > top.stamp, row.isVersion, !row.isNull, top.isVersion { return KeyRows([top]) }
        var wanted = [row.relatives]
        if !top.isVersion { wanted.append(top.relatives) }
        return KeyRows(
            rows.rows.filter { other in
                other.stamp == top.stamp
                    || wanted.contains { $0.subject == other.subject || ($0.nulls && other.isNull) }
            }
        )
    }

    @Test("rows may come in any order, twice, and through other holders: all end with the same rows", arguments: seeds)
    func orderFree(seed: UInt64) {
        var random = Swim.Random(seed: seed)
        let rows = history(&random)
        var whole = KeyRows(rows)
        whole.normalize()
        let first = stored(rows.shuffled(using: &random), sparing: false)
        let second = stored((rows + rows).shuffled(using: &random), sparing: true)
        #expect(first == whole, "seed \(seed)")
        #expect(second == whole, "seed \(seed)")

        let half = KeyRows(rows.filter { _ in random.below(2) == 0 })
        var left = half
        left.normalize()
        var right = stored(rows.filter { !half.rows.contains($0) }.shuffled(using: &random), sparing: true)
        right.merge(left.rows)
        #expect(right == whole, "seed \(seed)")
        left.merge(right.rows)
        #expect(left == whole, "seed \(seed)")
    }

    @Test("the newest stamp of a key never goes back", arguments: seeds)
    func topNeverGoesBack(seed: UInt64) {
        var random = Swim.Random(seed: seed)
        var rows = KeyRows()
        for row in history(&random).shuffled(using: &random) {
            let before = rows.top?.stamp ?? .zero
            rows.merge(CollectionOfOne(row))
            #expect((rows.top?.stamp ?? .zero) >= max(before, row.stamp), "seed \(seed)")
        }
    }

    @Test("an older version null stays away although the one that replaced it was removed")
    func removedNullStillReplaces() {
        let old = RowRef(stamp: Stamp(t: 5, w: 1, q: 0), op: OpID(high: 1, low: 1), kind: .object, isNull: true)
        let new = RowRef(stamp: Stamp(t: 6, w: 2, q: 0), op: OpID(high: 1, low: 2), kind: .object, isNull: true)
        let removal = RowRef(
            stamp: new.stamp.successor,
            op: OpID(high: 1, low: 3),
            kind: .removal,
            isNull: true,
            target: new.stamp
        )
        var rows = KeyRows([new])
        rows.merge([removal])
        #expect(rows.rows == [removal])
        #expect(KeyRules.commit(old, among: rows, settled: 0) == .void)
        #expect(KeyRules.commit(new, among: rows, settled: 0) == .void)
    }

    @Test("a promise holds for its predecessor only, and a higher ballot wins")
    func promises() throws {
        let address = RowAddress(BucketID(rawValue: 1), Key("k"))
        let low = Ballot(round: 1, proposer: 1)
        let high = Ballot(round: 2, proposer: 1)
        let nothing = KeyBase(KeyRows(), settled: 7)
        let top = Stamp(t: 9, w: 0, q: 1)
        let moved = KeyBase(top: top, current: .object, settled: 7)
        func prepare(_ predecessor: Stamp?, _ ballot: Ballot, on base: KeyBase, _ kept: OpenInstance? = nil)
            -> KeyRules.Prepare
        { KeyRules.prepare(address, predecessor: predecessor, ballot, on: base, kept: kept) }
        guard case .promise(let open) = prepare(nil, high, on: nothing) else {
            Issue.record("a first ballot is promised")
            return
        }
        guard case .outbid(let ballot) = prepare(nil, low, on: nothing, open) else {
            Issue.record("a lower ballot is refused")
            return
        }
        #expect(ballot == high)
        guard case .elsewhere = prepare(nil, high, on: moved, open) else {
            Issue.record("the key moved on")
            return
        }
        guard case .promise(let fresh) = prepare(top, low, on: moved, open) else {
            Issue.record("an old instance means nothing for a new predecessor")
            return
        }
        #expect(fresh.promised == low && fresh.accepted == nil)
    }

    @Test("a depth that is used up is a value, not a trap")
    func depthEnds() {
        #expect(KeyBase(top: Stamp(t: 1, w: 1, q: .max)).successor == nil)
    }

    @Test("blind stamps rise with the clock, also while what is settled is up to 65 s ahead of it")
    func blindTimes() {
        func times(_ settled: UInt64, _ walls: [UInt64]) -> [UInt64] {
            walls.map { KeyRules.blindTime(wallMillis: $0, settled: settled) }
        }
        let settled: UInt64 = 70_000 << 16
        let floor = KeyRules.blindFloor(settled: settled)
        #expect(times(settled, [1, 2]) == [floor, floor], "further ahead all stand at the floor")
        let rising = times(settled, [5_000, 10_000, 10_001, 69_999, 70_000, 70_002, 70_003])
        #expect(rising == rising.sorted() && Set(rising).count == rising.count && rising[0] > floor, "\(rising)")
        #expect(
            rising.suffix(2) == [70_002 << 16, 70_003 << 16],
            "once the clock is beyond the floor it counts itself"
        )
        #expect(times(UInt64.max - 4, [1]) == [UInt64.max - 2], "as high as it goes")
        #expect(times(0, [.max]) == [(UInt64.max >> 17) << 16])
    }
}
