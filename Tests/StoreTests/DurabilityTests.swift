import Foundation
import NIOCore
import Synchronization
import Testing

@testable import Store

/// What a crash, a lying disk or a wrong directory may not do.
@Suite struct DurabilityTests {
    @Test("every acknowledged write is in a copy taken while others go on", arguments: [UInt64(11), 12, 13])
    func crashImages(seed: UInt64) async throws {
        let scratch = Scratch()
        let store = try scratch.open()
        let bucket = try await store.bucket("b", .off)
        let acknowledged = Ledger()
        let image = scratch.path + "/image"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<6 {
                group.addTask {
                    var random = Seeded(seed &* 100 &+ UInt64(writer))
                    for number in 0..<40 {
                        let key = Key("w\(writer)/\(number)")
                        let sizes = [0, 100, 3000, 20_000, 300_000]
                        let bytes = random.bytes(sizes.randomElement(using: &random)!)
                        try await store.put(bucket, key, bytes)
                        acknowledged.add(key, bytes)
                        if writer == 0, number == 20 {
                            // No checkpoint runs below 16 MiB of log, so the index file stands still. The log goes
                            // first: segments may only be ahead of it.
                            let promised = acknowledged.all
                            try Self.copy(scratch.directory, to: image)
                            try Self.soil(image, &random)
                            try await Self.check(image, bucket, promised, seed)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let all = acknowledged.all
        await store.close()
        try await Self.check(scratch.directory, bucket, all, seed)
    }

    /// What was acknowledged so far.
    private final class Ledger: Sendable {
        private let entries = Mutex<[Key: [UInt8]]>([:])

        var all: [Key: [UInt8]] { entries.withLock { $0 } }
        func add(_ key: Key, _ bytes: [UInt8]) { entries.withLock { $0[key] = bytes } }
    }

    private static func copy(_ from: String, to: String) throws {
        let files = FileManager.default
        try files.createDirectory(atPath: to + "/segments", withIntermediateDirectories: true)
        for name in ["store-id", "index.sqlite-wal", "index.sqlite"] {
            try files.copyItem(atPath: "\(from)/\(name)", toPath: "\(to)/\(name)")
        }
        for name in try files.contentsOfDirectory(atPath: from + "/segments") {
            try files.copyItem(atPath: "\(from)/segments/\(name)", toPath: "\(to)/segments/\(name)")
        }
    }

    /// Bytes behind the last commit, and a segment that was never committed: what a crash may leave.
    private static func soil(_ image: String, _ random: inout Seeded) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: image + "/segments") {
            let file = try #require(FileHandle(forWritingAtPath: image + "/segments/" + name))
            try file.seekToEnd()
            try file.write(contentsOf: Data(random.bytes(5000)))
            try file.close()
        }
        _ = FileManager.default.createFile(atPath: image + "/segments/0000ffff.seg", contents: Data(random.bytes(30)))
    }

    private static func check(_ path: String, _ bucket: BucketID, _ promised: [Key: [UInt8]], _ seed: UInt64)
        async throws
    {
        var settings = StoreSettings()
        settings.diskFreeBytesMin = 0
        let store = try ObjectStore.open(path, settings: settings)
        for (key, bytes) in promised {
            #expect(try await store.get(bucket, key) == bytes, "seed \(seed) key \(key.text)")
        }
        // Whatever else is visible is whole.
        let page = try await store.list(ListQuery(bucket: bucket, limit: 1000))
        for case .object(let record) in page.entries {
            let bytes = try #require(try await store.get(bucket, record.key))
            #expect(UInt64(bytes.count) == record.size)
            #expect(Checksum.of(bytes) == record.etag.high, "seed \(seed) key \(record.key.text)")
        }
        await store.close()
    }

    @Test("a flipped bit is never served", arguments: [UInt64(21), 22])
    func bitFlips(seed: UInt64) async throws {
        var random = Seeded(seed)
        let scratch = Scratch()
        let store = try scratch.open()
        let bucket = try await store.bucket("b", .off)
        var written: [Key: [UInt8]] = [:]
        for number in 0..<30 {
            let key = Key("key/\(number)")
            written[key] = random.bytes(number % 3 == 0 ? 400_000 : 2000)
            try await store.put(bucket, key, written[key]!)
        }
        await store.close()
        let segments = try FileManager.default.contentsOfDirectory(atPath: scratch.directory + "/segments")
        for round in 0..<60 {
            let name = round % 2 == 0 ? "index.sqlite" : "segments/" + segments.randomElement(using: &random)!
            let path = scratch.directory + "/" + name
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            var damaged = whole
            let at = Int.random(in: 0..<whole.count, using: &random)
            damaged[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            try damaged.write(to: URL(fileURLWithPath: path))
            if let store = try? scratch.open() {
                for (key, bytes) in written {
                    let served = try? await store.get(bucket, key)
                    if let served { #expect(served == bytes, "seed \(seed): \(name) at \(at), key \(key.text)") }
                }
                await store.close()
            }
            try whole.write(to: URL(fileURLWithPath: path))
            for tail in ["-wal", "-shm"] where name == "index.sqlite" {
                try? FileManager.default.removeItem(atPath: path + tail)
            }
        }
    }

    @Test("a flipped bit in a chunk is counted and reported")
    func chunkDamage() async throws {
        let scratch = Scratch()
        var store = try scratch.open()
        let bucket = try await store.bucket("b", .off)
        try await store.put(bucket, Key("k"), [UInt8](repeating: 7, count: 300_000))
        await store.close()
        let name = try #require(
            try FileManager.default.contentsOfDirectory(atPath: scratch.directory + "/segments").first
        )
        let path = scratch.directory + "/segments/" + name
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[1000] ^= 4
        try bytes.write(to: URL(fileURLWithPath: path))
        store = try scratch.open()
        await #expect(throws: StoreError.self) { try await store.get(bucket, Key("k")) }
        #expect(store.statistics().corruptions == 1)
        await store.close()
    }

    @Test("after a failed sync nothing is written any more, and reads go on")
    func failedSync() async throws {
        let scratch = Scratch()
        let isBroken = Flag()
        var calls = DiskCalls.system
        calls.sync = { isBroken.value ? -5 : DiskCalls.system.sync($0) }
        let store = try scratch.open(calls: calls)
        let bucket = try await store.bucket("b", .off)
        try await store.put(bucket, Key("before"), [1])
        try await store.put(bucket, Key("large"), [UInt8](repeating: 1, count: 50_000))
        isBroken.value = true
        await #expect(throws: StoreError.self) {
            try await store.put(bucket, Key("large2"), [UInt8](repeating: 1, count: 50_000))
        }
        isBroken.value = false
        await #expect(throws: StoreError.self) { try await store.put(bucket, Key("after"), [2]) }
        #expect(try await store.get(bucket, Key("before")) == [1])
        #expect(try await store.get(bucket, Key("after")) == nil)
        await store.close()
    }

    @Test("short writes are finished, a full disk refuses writes and lets deletes in")
    func fullDisk() async throws {
        let scratch = Scratch()
        let isFull = Flag()
        var calls = DiskCalls.system
        calls.write = { file, pieces, offset in
            if isFull.value { return -28 }
            let first = UnsafeRawBufferPointer(rebasing: pieces[0].prefix(4096))
            return DiskCalls.system.write(file, [first], offset)
        }
        calls.freeBytes = { _ in isFull.value ? 1000 : 1 << 40 }
        let store = try scratch.open(calls: calls)
        let bucket = try await store.bucket("b", .off)
        let bytes = [UInt8](repeating: 9, count: 300_000)
        try await store.put(bucket, Key("k"), bytes)
        #expect(try await store.get(bucket, Key("k")) == bytes)
        isFull.value = true
        await #expect(throws: StoreError.self) { try await store.put(bucket, Key("l"), bytes) }
        await #expect(throws: StoreError.self) { try await store.put(bucket, Key("small"), [1]) }
        #expect(store.statistics().isReadOnly)
        #expect(try await store.commit(.delete(bucket, Key("k"), .none)).name == "done")
        await store.close()
    }

    @Test("a body that is being read stays whole when its version is replaced")
    func pinned() async throws {
        let scratch = Scratch()
        let store = try scratch.open()
        let bucket = try await store.bucket("b", .off)
        var random = Seeded(31)
        let bytes = random.bytes(700_000)
        try await store.put(bucket, Key("k"), bytes)
        let (_, body) = try #require(try await store.open(bucket, Key("k"), .current))
        for _ in 0..<50 { try await store.put(bucket, Key("k"), random.bytes(20_000)) }
        #expect(try await body.all() == bytes)
        let slice = try await body.read(at: 262_140, limit: 262_150)
        #expect(Array(slice.readableBytesView) == Array(bytes[262_140..<262_144]))
        await store.close()
    }

    @Test("parts become one object, others are dropped, and a changed part is noticed")
    func multipart() async throws {
        let scratch = Scratch()
        let store = try scratch.open()
        let bucket = try await store.bucket("b", .on)
        var random = Seeded(41)
        let id = UploadID(high: 1, low: 2)
        let key = Key("big")
        _ = try await store.commit(
            .createUpload(Upload(id: id, bucket: bucket, key: key, initiatedMillis: 5, attributes: [], tags: [9]))
        )
        var whole: [UInt8] = []
        var refs: [PartRef] = []
        for number in [UInt16(1), 2, 5] {
            let bytes = random.bytes(300_000)
            let blob = try await store.blob(bytes)
            let size = UInt64(bytes.count)
            let etag = ETag(high: 1, low: UInt64(number))
            let part = Part(number: number, blob: blob, size: size, etag: etag, modifiedMillis: 1, attributes: [])
            #expect(try await store.commit(.putPart(id, part)).name == "done")
            guard number != 2 else { continue }
            refs.append(PartRef(number: number, blob: blob, size: size, attributes: []))
            whole += bytes
        }
        #expect(try await store.parts(of: id, after: 1, limit: 10).map(\.number) == [2, 5])
        let size = UInt64(whole.count)
        let stale = [PartRef(number: 1, blob: refs[1].blob, size: 300_000, attributes: []), refs[1]]
        let etag = ETag(high: 3, low: 4, parts: 2)
        func complete(_ parts: [PartRef]) -> Mutation {
            .completeUpload(id, parts: parts, size: size, etag: etag, attributes: [], .none)
        }
        #expect(try await store.commit(complete(stale)).name == "partsChanged")
        let record = try #require(try await store.commit(complete(refs)).record)
        #expect(record.tags == [9])
        #expect(try await store.commit(complete(refs)).name == "noSuchUpload")
        #expect(try await store.manifest(of: record).map(\.blob) == refs.map(\.blob))
        #expect(try await store.get(bucket, key) == whole)
        await store.close()
    }

    @Test("a directory in use, of a newer format, or without its index is refused in words")
    func refusals() async throws {
        let scratch = Scratch()
        let store = try scratch.open()
        let bucket = try await store.bucket("b", .off)
        try await store.put(bucket, Key("k"), [UInt8](repeating: 1, count: 50_000))
        #expect(Self.refusal { try scratch.open() }?.contains("pid \(getpid())") == true)
        await store.close()
        do {
            let index = try Database(scratch.directory + "/index.sqlite", .readWrite)
            try index.execute("PRAGMA user_version = 99")
        }
        #expect(Self.refusal { try scratch.open() }?.contains("format version 99") == true)
        try FileManager.default.removeItem(atPath: scratch.directory + "/index.sqlite")
        #expect(Self.refusal { try scratch.open() }?.contains("no index.sqlite") == true)
    }

    private static func refusal(_ body: () throws -> ObjectStore) -> String? {
        do { _ = try body() } catch StoreError.unusable(let reason) { return reason } catch {}
        return nil
    }
}
