import Foundation
import Testing

@testable import Store

/// Beginnings and ends.
@Suite struct OpeningTests {
    @Test("a clean close leaves no write-ahead log behind")
    func cleanClose() async throws {
        for round in 0..<8 {
            let scratch = Scratch()
            let store = try scratch.open(.tight)
            let bucket = try await store.bucket("b", .off)
            try await store.put(bucket, Key("k"), [UInt8(round)])
            _ = try await store.find(bucket, Key("k"), .null, body: true)
            #expect(store.statistics().failure == nil)
            await store.close()
            let names = try FileManager.default.contentsOfDirectory(atPath: scratch.directory).sorted()
            // The sums are kept when the rows were counted by then.
            #expect(names.filter { $0 != "digest" } == ["index.sqlite", "lock", "segments", "store-id"])
        }
    }

    @Test("what is asked of a closed store is refused as closed")
    func closed() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await store.put(bucket, Key("k"), [1])
        let (_, body) = try #require(try await store.open(bucket, Key("k"), .current))
        let writer = try store.makeBlob()
        await store.close()
        await store.close()
        await #expect(throws: StoreError.self) { try await store.put(bucket, Key("k"), [1]) }
        await #expect(throws: StoreError.self) { try await store.find(bucket, Key("k"), .current, body: true) }
        await #expect(throws: StoreError.self) { try await writer.finish() }
        #expect(throws: StoreError.self) { try store.makeBlob() }
        // Small bytes are in hand already.
        #expect(try await body.all() == [1])
    }

    @Test("blob ids are never given out twice, whatever ends a run")
    func blobIDs() async throws {
        let scratch = Scratch()
        var seen: Set<BlobID> = []
        for _ in 0..<4 {
            let store = try scratch.open(.tight)
            for _ in 0..<5 { #expect(seen.insert(try await store.blob([1])).inserted) }
            await store.close()
        }
    }

    @Test("an index that lost rows of segments or buckets is refused, and no segment is touched")
    func lostRows() async throws {
        let losses = [
            ("segments", "DELETE FROM segments"),
            ("small state", "DELETE FROM versions WHERE bucket = \(BucketID.system.column)"),
        ]
        for (what, sql) in losses {
            let scratch = Scratch()
            let store = try scratch.open(.tight)
            let bucket = try await store.bucket("b", .off)
            try await store.put(bucket, Key("k"), [UInt8](repeating: 1, count: 50_000))
            _ = try await store.commit(.setRegister(name: "r", value: [1], expected: nil, always: true))
            await store.close()
            do {
                let index = try Database(scratch.directory + "/index.sqlite", .readWrite)
                try index.execute(sql)
            }
            let before = try FileManager.default.contentsOfDirectory(atPath: scratch.directory + "/segments")
            do {
                _ = try scratch.open(.tight)
                Issue.record("an index without its \(what) was opened")
            } catch StoreError.unusable(let reason) {
                #expect(reason.contains(what) && reason.hasSuffix("."))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.directory + "/segments") == before)
        }
    }
}
