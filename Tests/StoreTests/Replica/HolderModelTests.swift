import NIOCore
import Synchronization
import Testing

@testable import Store

/// One holder's table against the rules of a key's rows.
@Suite struct HolderModelTests {
    @Test(
        "rows that come in any order, some twice, leave the normal form, its answers and a sound index",
        arguments: Depth.seeds(3)
    )
    func normalForm(seed: UInt64) async throws {
        var random = Seeded(seed &+ 900)
        let scratch = Scratch()
        var store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .on)
        try await HolderSample.adopt(store)
        var histories: [Key: [Row]] = [:]
        for number in 0..<400 {
            let key = Key("k\(number)")
            let rows = HolderSample.history(bucket, key, &random, changesNulls: seed % 2 == 1)
            histories[key] = rows
            var arrivals = rows.shuffled(using: &random)
            if random.chance(0.3) { arrivals = rows }
            if random.chance(0.4) { arrivals += rows.shuffled(using: &random) }
            await Self.send(arrivals, to: store, viaMerge: random.chance(0.2))
        }
        for (key, rows) in histories { try await Self.check(store, RowAddress(bucket, key), rows, seed) }
        await store.close()
        let report = try Doctor.examine(scratch.directory)
        #expect(report.errors == 0 && report.warnings == 0, "seed \(seed): \(report.findings)")

        store = try scratch.open(.tight)
        try await HolderSample.adopt(store)
        for (key, rows) in histories { try await Self.check(store, RowAddress(bucket, key), rows, seed) }
        await store.close()
    }

    /// Without waiting: the committer takes them in this order.
    private static func send(_ rows: [Row], to store: ObjectStore, viaMerge: Bool) async {
        if viaMerge {
            _ = await withUnsafeContinuation { continuation in
                store.merge(rows, epoch: HolderSample.epoch) { continuation.resume(returning: $0) }
            }
            return
        }
        let count = rows.count
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let left = Mutex(count)
            for row in rows {
                store.answer(ReplicaCall(epoch: HolderSample.epoch, .commit(row))) { _ in
                    let isLast = left.withLock {
                        $0 -= 1
                        return $0 == 0
                    }
                    if isLast { continuation.resume() }
                }
            }
        }
    }

    private static func check(_ store: ObjectStore, _ address: RowAddress, _ rows: [Row], _ seed: UInt64) async throws {
        var whole = KeyRows(rows.map(\.ref))
        whole.normalize()
        let place = "seed \(seed), key \(address.key.text)"
        let kept = await store.allRows(address)
        #expect(kept.map(\.ref) == whole.rows, "\(place)")
        let byStamp = Dictionary(uniqueKeysWithValues: rows.map { ($0.stamp, $0) })
        for selector in [.current, .null] + rows.map({ VersionSelector.stamp($0.stamp) }) {
            let view = await store.view(address, selector)
            let wanted = whole.answer(to: selector)
            #expect(view?.chain == whole.chain(selector), "\(place), \(selector)")
            #expect(view?.found?.ref == wanted, "\(place), \(selector)")
            if let wanted, let found = view?.found {
                let row = try #require(byStamp[wanted.stamp])
                let tags = whole.retag(of: wanted.stamp).flatMap { byStamp[$0.stamp]?.record.tags } ?? []
                #expect(found.record.tags == tags, "\(place), \(selector)")
                #expect(found.body == row.body, "\(place), \(selector)")
            }
            let local = try await store.find(address.bucket, address.key, selector, body: true)
            #expect(local?.record.stamp == wanted?.stamp, "\(place), \(selector)")
        }
        let stamps = whole.rows.map(\.stamp)
        guard case .rows(let raw) = await store.call(.fetch(address, stamps)) else {
            return #expect(Bool(false), "no rows")
        }
        for row in raw {
            let sent = try #require(byStamp[row.stamp])
            #expect(row.record.tags == sent.record.tags && row.body == sent.body, "\(place)")
        }
    }

    @Test("a key of many versions takes changes by point reads and ends as the rules say")
    func manyVersions() async throws {
        var random = Seeded(17)
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .on)
        try await HolderSample.adopt(store)
        let key = Key("k")
        var rows: [Row] = []
        var stamp = Stamp(t: 100, w: 1, q: 0)
        for number in 0..<300 {
            stamp = Stamp(t: stamp.t + 1, w: random.next(), q: 0)
            let op = OpID(high: 1, low: UInt64(number))
            let versions = rows.filter { $0.record.kind.isVersion }
            if number > 20, random.chance(0.5) {
                let target = random.pick(versions).record
                let kind: Record.Kind = random.chance(0.6) ? .removal : .retag
                rows.append(
                    HolderSample.row(bucket, key, stamp, kind, isNull: target.isNull, op: op, target: target.stamp)
                )
            } else {
                rows.append(HolderSample.row(bucket, key, stamp, isNull: random.chance(0.1), op: op))
            }
            _ = await store.commit(rows[rows.count - 1])
        }
        var whole = KeyRows(rows.map(\.ref))
        whole.normalize()
        #expect(await store.allRows(RowAddress(bucket, key)).map(\.ref) == whole.rows)
        await store.close()
        let report = try Doctor.examine(scratch.directory)
        #expect(report.errors == 0 && report.warnings == 0, "\(report.findings)")
    }
}
