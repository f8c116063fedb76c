import Testing

@testable import Store

@Suite struct StampBoundsTests {
    @Test("a bound is what was there at the start, or the highest time of the keys that share it")
    func bounds() {
        let bounds = StampBounds(lastTime: 50)
        let bucket = BucketID(rawValue: 7)
        #expect(bounds.bound(bucket, Key("a")) == 50)
        bounds.raise(bucket, Key("a"), to: 70)
        bounds.raise(bucket, Key("a"), to: 60)
        #expect(bounds.bound(bucket, Key("a")) == 70)
        let others = (0..<1_000).filter { bounds.bound(bucket, Key("k\($0)")) == 70 }
        #expect(others.count < 3)
    }

    @Test("a holder tells of the newest rows where one may be as new as the time, else of none")
    func newest() async throws {
        let scratch = Scratch()
        let bucket = BucketID(rawValue: 7)
        for turn in 0..<2 {
            let store = try scratch.open(.tight)
            try await HolderSample.adopt(store)
            func newest(_ key: String, from time: UInt64) async -> Stamp? {
                guard case .view(let view) = await store.call(.newest(RowAddress(bucket, Key(key)), from: time)) else {
                    Issue.record("it is answered")
                    return nil
                }
                #expect(view.found == nil)
                return view.top
            }
            // Of what was there when it was opened a store knows the highest time.
            let row = HolderSample.row(bucket, Key("k"), Stamp(t: 100, w: 3, q: 0), op: OpID(high: 1, low: 2))
            if turn == 0 { #expect(await store.commit(row) == .complete) }
            #expect(await newest("k", from: 100) == row.record.stamp)
            #expect(await newest("k", from: 101) == nil)
            #expect(await newest("other", from: 1) == nil)
            let stale = await store.call(.newest(RowAddress(bucket, Key("k")), from: 101), epoch: 0)
            #expect(stale.name.hasPrefix("staleEpoch"))
            await store.close()
        }
    }
}
