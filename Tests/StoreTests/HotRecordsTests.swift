import NIOCore
import Testing

@testable import Store

@Suite struct HotRecordsTests {
    private let bucket = BucketID(rawValue: 7)
    private let key = Key("k")

    private func found(_ time: UInt64, _ body: [UInt8]?, _ stored: Body = .inline) -> Found {
        var record = HolderSample.row(bucket, key, Stamp(t: time, w: 1, q: 0), op: OpID(high: 1, low: time)).record
        record.body = stored
        return Found(record: record, inlineBody: body.map { ByteBuffer(bytes: $0) }, isCurrent: true)
    }

    @Test("a record without its body answers who asks for stamps, until somebody reads the body")
    func bare() {
        let hot = HotRecords()
        hot.keep(found(1, nil), hot.ticket(bucket, key))
        #expect(hot.find(bucket, key, body: false)?.record.stamp.t == 1)
        #expect(hot.find(bucket, key, body: true) == nil)
        hot.keep(found(1, [1, 2]), hot.ticket(bucket, key))
        #expect(hot.find(bucket, key, body: true)?.inlineBody == ByteBuffer(bytes: [1, 2]))
        hot.keep(found(1, nil), hot.ticket(bucket, key))
        #expect(hot.find(bucket, key, body: true) != nil, "what has its body is not replaced by what has none")
    }

    @Test("of a body that is too long only the record is kept; one that is no small body needs none")
    func long() throws {
        let hot = HotRecords()
        hot.keep(found(1, [UInt8](repeating: 1, count: HotRecords.bodyBytesMax + 1)), hot.ticket(bucket, key))
        #expect(hot.find(bucket, key, body: true) == nil)
        let kept = try #require(hot.find(bucket, key, body: false))
        #expect(kept.inlineBody == nil)
        var wide = found(3, nil)
        wide.record.attributes = [UInt8](repeating: 1, count: HotRecords.bytesMax / 100)
        let empty = HotRecords()
        empty.keep(wide, empty.ticket(bucket, key))
        #expect(empty.find(bucket, key, body: false) == nil, "it has more than a shard may")
        let other = HotRecords()
        other.keep(found(2, nil, .blob(BlobID(rawValue: 4))), other.ticket(bucket, key))
        #expect(other.find(bucket, key, body: true)?.record.stamp.t == 2)
    }

    @Test("what a commit changes is gone before it, and nobody brings back what he saw before its end")
    func commits() {
        let hot = HotRecords()
        let early = hot.ticket(bucket, key)
        hot.keep(found(1, nil), early)
        #expect(hot.find(bucket, key, body: false) != nil)
        hot.beginCommit([(bucket, key)])
        #expect(hot.find(bucket, key, body: false) == nil)
        let during = hot.ticket(bucket, key)
        hot.keep(found(1, nil), during)
        hot.endCommit([(bucket, key)])
        for late in [early, during] { hot.keep(found(1, nil), late) }
        #expect(hot.find(bucket, key, body: false) == nil)
        hot.keep(found(2, nil), hot.ticket(bucket, key))
        #expect(hot.find(bucket, key, body: false) != nil, "behind the commit the shard is open again")
    }

    @Test("a look at stamps alone keeps the record, and nothing where a change is the newest row")
    func looks() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let address = RowAddress(bucket, key)
        let stamp = Stamp(t: HolderSample.settled + 2, w: 1, q: 0)
        let row = HolderSample.row(bucket, key, stamp, op: OpID(high: 3, low: 1), bytes: [1, 2, 3])
        #expect(await store.commit(row) == .complete)
        let cold = await store.view(address, .current, .stamps)
        #expect(store.engine.hot.find(bucket, key, body: false)?.record.stamp == stamp)
        #expect(store.engine.hot.find(bucket, key, body: true) == nil)
        let hot = await store.view(address, .current, .stamps)
        #expect(hot?.chain == cold?.chain && hot?.found == nil)
        let next = stamp.successor
        let retag = HolderSample.row(bucket, key, next, .retag, op: OpID(high: 3, low: 2), target: stamp)
        #expect(await store.commit(retag) == .complete)
        for depth in [LookDepth.stamps, .body] {
            #expect(await store.view(address, .current, depth)?.top == next)
            #expect(store.engine.hot.find(bucket, key, body: false) == nil)
        }
        await store.close()
    }

    @Test(
        "whatever depth it is asked at, a holder never shows less than it acknowledged or showed before",
        arguments: Depth.seeds(3)
    )
    func fresh(seed: UInt64) async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let address = RowAddress(bucket, key)
        let floor = RaceTests.Floor()
        let last = HolderSample.settled + 200
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var random = Seeded(seed &+ 90)
                for time in (HolderSample.settled + 2)...last {
                    let bytes = random.body(random.below(2) == 0 ? 30 : 9_000)
                    let op = OpID(high: 3, low: time)
                    let row = HolderSample.row(bucket, key, Stamp(t: time, w: 1, q: 0), op: op, bytes: bytes)
                    #expect(await store.commit(row) == .complete)
                    floor.raise(time)
                }
            }
            for depth in [LookDepth.stamps, .record, .body] {
                group.addTask {
                    while floor.now < last {
                        let least = floor.now
                        let view = try #require(await store.view(address, .current, depth))
                        let seen = view.top?.t ?? 0
                        #expect(seen >= least, "seed \(seed), \(depth): \(seen) was shown after \(least)")
                        floor.raise(seen)
                        #expect(
                            depth == .stamps || seen == 0 || view.found?.stamp == view.top,
                            "seed \(seed), \(depth)"
                        )
                        if depth == .body, seen > 0 {
                            guard case .inline(let bytes)? = view.found?.body else {
                                Issue.record("seed \(seed): a look at the body brought none")
                                return
                            }
                            #expect(UInt64(bytes.readableBytes) == view.found?.record.size, "seed \(seed)")
                        }
                        await Task.yield()
                    }
                }
            }
            try await group.waitForAll()
        }
        await store.close()
    }
}
