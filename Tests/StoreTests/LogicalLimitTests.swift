import NIOCore
import Testing

@testable import Store

/// A limit of bytes of objects holds clients back, and nothing else.
@Suite struct LogicalLimitTests {
    private static var settings: StoreSettings {
        var settings = StoreSettings.tight
        settings.logicalBytesMax = 30_000
        return settings
    }

    @Test("over the limit objects, parts and uploads are refused; small state, deletions and what repair owes are not")
    func alone() async throws {
        let scratch = Scratch()
        let store = try scratch.open(Self.settings)
        let bucket = try await store.bucket("b", .off)
        #expect(try await store.put(bucket, Key("k"), [UInt8](repeating: 1, count: 40_000)).name == "done")
        await #expect(throws: StoreError.self) { try await store.put(bucket, Key("l"), [1]) }
        #expect(throws: StoreError.self) { try store.makeBlob() }
        #expect(throws: StoreError.self) { try store.stage(OpID(high: 1, low: 1)) }
        #expect(store.statistics().isReadOnly)
        let register = Mutation.setRegister(name: "a", value: [1], expected: nil, always: true)
        #expect(try await store.commit(register).name == "done")
        _ = try await store.bucket("c", .off, id: 2)
        let owed = try store.stage(OpID(high: 1, low: 2), isRepair: true)
        try await owed.append(ByteBuffer(bytes: [UInt8](repeating: 2, count: 20_000)), observe: nil)
        _ = try await owed.finish()
        #expect(try await store.commit(.delete(bucket, Key("k"), .none)).name == "done")
        #expect(try await store.put(bucket, Key("l"), [1]).name == "done")
        await store.close()
    }

    @Test("a holder over the limit takes rows of small state and of repair, and a witness all rows")
    func holder() async throws {
        let scratch = Scratch()
        let store = try scratch.open(Self.settings)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        func row(_ number: UInt64, _ bucket: BucketID, bytes: Int, body: RowBody? = nil) -> Row {
            HolderSample.row(
                bucket,
                Key("k\(number)"),
                Stamp(t: 100 + number, w: 1, q: 0),
                op: OpID(high: 1, low: number),
                bytes: [UInt8](repeating: 5, count: bytes),
                body: body
            )
        }
        #expect(await store.commit(row(1, bucket, bytes: 40_000)) == .complete)
        let small = row(2, bucket, bytes: 10)
        let carried = row(3, bucket, bytes: 20_000)
        for row in [small, carried] { #expect(await store.call(.commit(row)).name == "diskFull") }
        #expect(!store.isStaged(carried.record.op))
        let state = HolderSample.row(
            .system,
            Key("r/a"),
            Stamp(t: 104, w: 1, q: 0),
            op: OpID(high: 1, low: 4),
            attributes: [1]
        )
        #expect(await store.call(.commit(state)).name != "diskFull")
        let merged = await withUnsafeContinuation { continuation in
            store.merge([small], epoch: HolderSample.epoch) { continuation.resume(returning: $0) }
        }
        #expect(merged == [.complete])
        try await store.adopt(
            epoch: HolderSample.epoch + 1,
            settled: HolderSample.settled,
            fences: Array(repeating: 1, count: Partition.all),
            holds: Array(repeating: true, count: Partition.all),
            isSole: false,
            keepsBytes: false
        )
        let seen = row(5, bucket, bytes: 20_000, body: .absent)
        #expect(await store.call(.commit(seen), epoch: HolderSample.epoch + 1).name != "diskFull")
        await store.close()
    }
}
