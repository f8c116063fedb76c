import NIOCore
import Testing

@testable import Store

/// Bodies of one chunk that come with their rows, and what pages of rows say of themselves.
@Suite struct CarriedBodyTests {
    private func stamp(_ number: Int) -> Stamp { Stamp(t: 100 + UInt64(number), w: 1, q: 0) }

    @Test("bodies that came with their rows survive a power cut once they are acknowledged", arguments: 0..<4)
    func survive(seed: UInt64) async throws {
        var random = Seeded(seed &+ 90)
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        var sent: [(row: Row, bytes: [UInt8])] = []
        for number in 0..<24 {
            let bytes = random.bytes(number % 3 == 0 ? 300 : 17_000 + random.below(200_000))
            let op = OpID(high: 7, low: UInt64(number))
            sent.append((HolderSample.row(bucket, Key("k\(number)"), stamp(number), op: op, bytes: bytes), bytes))
        }
        // At once, so that many share a batch.
        await withTaskGroup(of: Void.self) { group in
            for (row, _) in sent { group.addTask { #expect(await store.commit(row) == .complete) } }
        }
        let image = scratch.path + "/image"
        try Image.take(of: scratch.directory, at: image, &random)
        await store.close()
        let copy = try ObjectStore.open(image, settings: .tight)
        for (row, bytes) in sent { #expect(try await copy.bytes(row.address, row.stamp) == bytes, "seed \(seed)") }
        await copy.close()
        let report = try Doctor.examine(image)
        #expect(report.errors == 0 && report.warnings == 0, "seed \(seed): \(report.findings)")
    }

    @Test("a row that comes again finds its bytes; one whose bytes are of another length is refused")
    func again() async throws {
        let scratch = Scratch()
        let store = try scratch.open()
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let bytes = [UInt8](repeating: 5, count: 70_000)
        let row = HolderSample.row(bucket, Key("k"), stamp(1), op: OpID(high: 1, low: 1), bytes: bytes)
        // By an epoch that is over: the bytes are here, the row is not.
        #expect(await store.call(.commit(row), epoch: 0).name.hasPrefix("staleEpoch"))
        #expect(store.isStaged(row.record.op))
        #expect(await store.commit(row) == .complete)
        #expect(!store.isStaged(row.record.op))
        #expect(await store.commit(row) == .complete)
        #expect(try await store.bytes(row.address, row.stamp) == bytes)
        let op = OpID(high: 1, low: 2)
        let short = HolderSample.row(bucket, Key("l"), stamp(2), op: op, bytes: bytes, size: 70_001)
        #expect(await store.call(.commit(short)).name == "invalid")
        #expect(try await store.bytes(short.address, short.stamp) == nil)
        await store.close()
    }

    @Test("when their sync fails bodies are not acknowledged, and neither is what came with them")
    func failedSync() async throws {
        let scratch = Scratch()
        let isBroken = Flag()
        var calls = DiskCalls.system
        calls.sync = { isBroken.value ? -5 : DiskCalls.system.sync($0) }
        let store = try scratch.open(calls: calls)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let bytes = [UInt8](repeating: 5, count: 70_000)
        let first = HolderSample.row(bucket, Key("a"), stamp(1), op: OpID(high: 1, low: 1), bytes: bytes)
        #expect(await store.commit(first) == .complete)
        isBroken.value = true
        let second = HolderSample.row(bucket, Key("b"), stamp(2), op: OpID(high: 1, low: 2), bytes: bytes)
        #expect(await store.commit(second) == nil)
        #expect(try await store.bytes(first.address, first.stamp) == bytes)
        await store.close()
    }

    @Test("digests of pages differ with any row, with its operation, its kind and the page's end; and with the seed")
    func digests() {
        let bucket = BucketID(rawValue: 1)
        func row(_ key: String, _ number: Int, _ kind: Record.Kind = .object, op: UInt64 = 1, null: Bool = true) -> Row
        {
            HolderSample.row(bucket, Key(key), stamp(number), kind, isNull: null, op: OpID(high: op, low: 1))
        }
        let plain = [row("a", 1), row("b", 2)]
        let pages = [
            ScanPage(rows: plain, isTruncated: false), ScanPage(rows: plain, isTruncated: true),
            ScanPage(rows: [row("a", 1)], isTruncated: false), ScanPage(rows: [], isTruncated: false),
            ScanPage(rows: [row("a", 1), row("b", 3)], isTruncated: false),
            ScanPage(rows: [row("a", 1), row("b", 2, op: 2)], isTruncated: false),
            ScanPage(rows: [row("a", 1), row("b", 2, .tombstone)], isTruncated: false),
            ScanPage(rows: [row("a", 1), row("b", 2, null: false)], isTruncated: false),
            ScanPage(rows: [row("ab", 1), row("", 2)], isTruncated: false),
        ]
        #expect(Set(pages.map { PageDigest($0, seed: 3) }).count == pages.count)
        #expect(PageDigest(pages[0], seed: 3) == PageDigest(ScanPage(rows: plain, isTruncated: false), seed: 3))
        #expect(PageDigest(pages[0], seed: 3) != PageDigest(pages[0], seed: 4))
    }
}
