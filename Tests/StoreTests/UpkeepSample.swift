import Foundation
import NIOCore
import Testing

@testable import Store

/// A store in a directory of its own, with objects of every kind, for the tests of the doctor, compaction and scrub.
final class UpkeepSample: Sendable {
    static let bucket = BucketID(rawValue: 77)

    let path: String
    let settings: StoreSettings

    init(_ change: (inout StoreSettings) -> Void = { _ in }) throws {
        path = NSTemporaryDirectory() + "store-upkeep-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        var settings = StoreSettings()
        settings.diskFreeBytesMin = 0
        settings.diskFreeBytesResume = 0
        settings.segmentBytesMax = 1 << 20
        settings.scrubBytesPerSecond = 0
        settings.compactionDeadShare = 2
        change(&settings)
        self.settings = settings
    }

    private init(path: String, settings: StoreSettings) {
        self.path = path
        self.settings = settings
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Opens the store, with these settings changed once more for this run of it.
    func open(_ change: (inout StoreSettings) -> Void = { _ in }) throws -> ObjectStore {
        var settings = settings
        change(&settings)
        return try ObjectStore.open(path, settings: settings)
    }

    /// The directory as a crash at this moment would leave it, with segments that were removed a moment before.
    ///
    /// Segments only grow, so they are copied before the index and once more after it: what the index names is there.
    /// The log stays below the size at which a checkpoint could change the index between the two copies.
    func copy() throws -> UpkeepSample {
        let other = NSTemporaryDirectory() + "store-upkeep-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: other + "/segments", withIntermediateDirectories: true)
        copySegments(to: other)
        for name in ["index.sqlite", "index.sqlite-wal", "store-id"]
        where FileManager.default.fileExists(atPath: path + "/" + name) {
            try FileManager.default.copyItem(atPath: path + "/" + name, toPath: other + "/" + name)
        }
        copySegments(to: other)
        return UpkeepSample(path: other, settings: settings)
    }

    private func copySegments(to other: String) {
        for name in segmentNames() {
            // A segment that is removed at this moment keeps the copy that was made before.
            guard let bytes = FileManager.default.contents(atPath: path + "/segments/" + name) else { continue }
            _ = FileManager.default.createFile(atPath: other + "/segments/" + name, contents: bytes)
        }
    }

    func segmentNames() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path + "/segments")) ?? []).sorted()
    }

    /// Bytes that tell by themselves whether they are the right ones.
    static func bytes(_ seed: UInt64, _ count: Int) -> [UInt8] {
        var random = Seeded(seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    static func makeBucket(_ store: ObjectStore, _ versioning: Versioning = .off) async throws {
        let bucket = Bucket(id: bucket, name: "photos", createdMillis: 1, versioning: versioning, settings: [])
        _ = try await store.commit(.createBucket(bucket))
    }

    static func blob(_ store: ObjectStore, _ bytes: [UInt8]) async throws -> BlobID {
        let writer = try store.makeBlob()
        for start in stride(from: 0, to: bytes.count, by: BlobWriter.chunkBytes) {
            let chunk = ByteBuffer(bytes: bytes[start..<min(start + BlobWriter.chunkBytes, bytes.count)])
            try await writer.append(chunk, observe: nil)
        }
        return try await writer.finish()
    }

    static func put(_ store: ObjectStore, _ key: String, _ bytes: [UInt8]) async throws {
        let body: NewBody =
            bytes.count <= 4096 ? .inline(ByteBuffer(bytes: bytes)) : .blob(try await blob(store, bytes))
        let draft = Draft(
            bucket: bucket,
            key: Key(key),
            size: UInt64(bytes.count),
            etag: ETag(high: 1, low: 2),
            body: body,
            attributes: [],
            tags: []
        )
        _ = try await store.commit(.put(draft, .none))
    }

    static func get(_ store: ObjectStore, _ key: String) async throws -> [UInt8]? {
        guard let (found, body) = try await store.open(bucket, Key(key), .current) else { return nil }
        var bytes: [UInt8] = []
        while UInt64(bytes.count) < found.record.size {
            let buffer = try await body.read(at: UInt64(bytes.count), limit: found.record.size)
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    static func delete(_ store: ObjectStore, _ key: String) async throws {
        _ = try await store.commit(.delete(bucket, Key(key), .none))
    }

    /// A key, a multipart object, old versions and a version null, an unfinished upload: every table has rows.
    static func fill(_ store: ObjectStore) async throws {
        try await makeBucket(store)
        try await put(store, "small", bytes(1, 1000))
        try await put(store, "large", bytes(2, 700_000))
        _ = try await store.commit(.setVersioning(bucket, .on))
        try await put(store, "small", bytes(3, 500))
        try await put(store, "a/b", bytes(4, 300_000))
        try await delete(store, "a/b")
        _ = try await store.commit(.setRegister(name: "key/x", value: [1, 2, 3], expected: nil, always: true))
        try await upload(store, UploadID(high: 1, low: 1), finish: true)
        try await upload(store, UploadID(high: 2, low: 2), finish: false)
    }

    private static func upload(_ store: ObjectStore, _ id: UploadID, finish: Bool) async throws {
        let upload = Upload(
            id: id,
            bucket: bucket,
            key: Key("parts"),
            initiatedMillis: 5,
            attributes: [],
            tags: []
        )
        _ = try await store.commit(.createUpload(upload))
        var parts: [PartRef] = []
        for number in UInt16(1)...2 {
            let blob = try await blob(store, bytes(UInt64(number) + 10, 300_000))
            let etag = ETag(high: 3, low: UInt64(number))
            let part = Part(number: number, blob: blob, size: 300_000, etag: etag, modifiedMillis: 6, attributes: [])
            _ = try await store.commit(.putPart(id, part))
            parts.append(PartRef(number: number, blob: blob, size: 300_000, attributes: []))
        }
        guard finish else { return }
        let etag = ETag(high: 4, low: 4, parts: 2)
        let done = Mutation.completeUpload(id, parts: parts, size: 600_000, etag: etag, attributes: [], .none)
        _ = try await store.commit(done)
    }

    /// Flips one bit of a file.
    static func flip(_ path: String, at offset: Int, bit: Int = 0) throws {
        guard let file = FileHandle(forUpdatingAtPath: path) else { throw StoreError.io(what: "no \(path)") }
        try file.seek(toOffset: UInt64(offset))
        guard let byte = try file.read(upToCount: 1)?.first else { throw StoreError.io(what: "\(path) ends") }
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data([byte ^ (1 << UInt8(bit))]))
        try file.close()
    }
}
