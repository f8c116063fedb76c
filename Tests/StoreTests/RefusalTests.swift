import NIOCore
import Testing

@testable import Store

/// Bad input and bad luck are answers, never the end of the store and never a body that cannot be read.
@Suite struct RefusalTests {
    @Test("an upload whose id is taken is refused, and the store goes on")
    func takenUpload() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        let upload = Upload(
            id: UploadID(high: 1, low: 1),
            bucket: bucket,
            key: Key("k"),
            initiatedMillis: 1,
            attributes: [],
            tags: []
        )
        #expect(try await store.commit(.createUpload(upload)).name == "done")
        await #expect(throws: StoreError.self) { try await store.commit(.createUpload(upload)) }
        #expect(try await store.put(bucket, Key("k"), [1]).name == "done")
        await store.close()
    }

    @Test("a key that is empty or too long is refused wherever it comes in")
    func badKeys() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        for key in [Key(""), Key([UInt8](repeating: 65, count: Key.bytesMax + 1))] {
            await #expect(throws: StoreError.self) { try await store.put(bucket, key, [1]) }
            let upload = Upload(
                id: UploadID(high: 1, low: 1),
                bucket: bucket,
                key: key,
                initiatedMillis: 1,
                attributes: [],
                tags: []
            )
            await #expect(throws: StoreError.self) { try await store.commit(.createUpload(upload)) }
            #expect(try await store.commit(.delete(bucket, key, .none)).name == "done")
            #expect(try await store.find(bucket, key, .current, body: true) == nil)
        }
        #expect(try await store.put(bucket, Key([UInt8](repeating: 65, count: Key.bytesMax)), [1]).name == "done")
        await store.close()
    }

    @Test("a stream that lost a chunk to a full disk cannot be finished, and a new one can once there is space")
    func lostChunk() async throws {
        let scratch = Scratch()
        let isFull = Flag()
        var calls = DiskCalls.system
        calls.write = { isFull.value ? -28 : DiskCalls.system.write($0, $1, $2) }
        let store = try scratch.open(.tight, calls: calls)
        let bucket = try await store.bucket("b", .off)
        var random = Seeded(1)
        let bytes = random.body(3 * BlobWriter.chunkBytes)
        let chunk = ByteBuffer(bytes: bytes[..<BlobWriter.chunkBytes])
        let writer = try store.makeBlob()
        try await writer.append(chunk, observe: nil)
        isFull.value = true
        await #expect(throws: StoreError.self) { try await writer.append(chunk, observe: nil) }
        isFull.value = false
        await #expect(throws: StoreError.self) { try await writer.append(chunk, observe: nil) }
        await #expect(throws: StoreError.self) { try await writer.finish() }
        // The store looks for space twice a second.
        var outcome: Outcome?
        while outcome == nil {
            do { outcome = try await store.put(bucket, Key("k"), bytes) } catch StoreError.diskFull {
                await Task.yield()
            }
        }
        #expect(try await store.get(bucket, Key("k")) == bytes)
        await store.close()
    }

    @Test("a mutation that names a blob of another size, a used one or an unknown one changes nothing")
    func wrongBlobs() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        func draft(_ blob: BlobID, _ size: UInt64) -> Mutation {
            let etag = ETag(high: 1, low: 1)
            return .put(
                Draft(
                    bucket: bucket,
                    key: Key("k"),
                    size: size,
                    etag: etag,
                    body: .blob(blob),
                    attributes: [],
                    tags: []
                ),
                .none
            )
        }
        let blob = try await store.blob([1, 2, 3])
        await #expect(throws: StoreError.self) { try await store.commit(draft(BlobID(rawValue: 1 << 40), 3)) }
        await #expect(throws: StoreError.self) { try await store.commit(draft(blob, 4)) }
        #expect(try await store.get(bucket, Key("k")) == nil)
        #expect(try await store.commit(draft(blob, 3)).name == "done")
        await #expect(throws: StoreError.self) { try await store.commit(draft(blob, 3)) }
        #expect(try await store.get(bucket, Key("k")) == [1, 2, 3])
        #expect(try await store.commit(.delete(bucket, Key("k"), .none)).name == "done")
        await store.close()
    }
}
