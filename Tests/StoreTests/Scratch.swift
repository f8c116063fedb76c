import Foundation
import NIOCore

@testable import Store

/// A directory that goes away with its test.
final class Scratch: Sendable {
    let path: String

    init() {
        // In memory where that is possible: the tests are about order and bytes, not about a disk's speed.
        let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
        path = parent + "store-test-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var directory: String { path + "/data" }

    /// Without the scrub: it would count the damage that a test made, sooner or later than the test reads it.
    func open(_ settings: StoreSettings = StoreSettings(), calls: DiskCalls = .system) throws -> ObjectStore {
        var settings = settings
        settings.scrubBytesPerSecond = 0
        settings.diskFreeBytesMin = min(settings.diskFreeBytesMin, 1 << 20)
        settings.diskFreeBytesResume = settings.diskFreeBytesMin
        return try ObjectStore.open(directory, settings: settings, calls: calls)
    }
}

/// SplitMix64: small, and the same on every machine.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

extension ObjectStore {
    /// Makes a bucket and answers its id.
    func bucket(_ name: String, _ versioning: Versioning, id: UInt64 = 1) async throws -> BucketID {
        let id = BucketID(rawValue: id)
        let bucket = Bucket(id: id, name: name, createdMillis: 1, versioning: versioning, settings: [])
        _ = try await commit(.createBucket(bucket))
        return id
    }

    /// Writes bytes in chunks and answers the blob.
    func blob(_ bytes: [UInt8]) async throws -> BlobID {
        let writer = try makeBlob()
        var start = 0
        while start < bytes.count {
            let end = min(start + BlobWriter.chunkBytes, bytes.count)
            try await writer.append(ByteBuffer(bytes: bytes[start..<end]), observe: nil)
            start = end
        }
        return try await writer.finish()
    }

    @discardableResult
    func put(_ bucket: BucketID, _ key: Key, _ bytes: [UInt8], _ condition: Precondition = .none) async throws
        -> Outcome
    {
        let body: NewBody =
            bytes.isEmpty
            ? .empty : bytes.count <= 16384 ? .inline(ByteBuffer(bytes: bytes)) : .blob(try await blob(bytes))
        let draft = Draft(
            bucket: bucket,
            key: key,
            size: UInt64(bytes.count),
            etag: ETag(high: Checksum.of(bytes), low: UInt64(bytes.count)),
            body: body,
            attributes: [1, 2, 3],
            tags: []
        )
        return try await commit(.put(draft, condition))
    }

    /// All bytes of a version; nil if there is none or it is a delete marker.
    func get(_ bucket: BucketID, _ key: Key, _ version: VersionSelector = .current) async throws -> [UInt8]? {
        guard let (found, body) = try await open(bucket, key, version), found.record.kind == .object else { return nil }
        return try await body.all()
    }
}

extension BodyReader {
    func all() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while UInt64(bytes.count) < size {
            let part = try await read(at: UInt64(bytes.count), limit: size)
            part.withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
        }
        return bytes
    }
}

extension Outcome {
    /// The name of the case, to compare with a model.
    var name: String {
        switch self {
        case .done: "done"
        case .preconditionFailed: "preconditionFailed"
        case .noSuchBucket: "noSuchBucket"
        case .noSuchKey: "noSuchKey"
        case .noSuchVersion: "noSuchVersion"
        case .noSuchUpload: "noSuchUpload"
        case .partsChanged: "partsChanged"
        case .bucketExists: "bucketExists"
        case .bucketNotEmpty: "bucketNotEmpty"
        case .registerChanged: "registerChanged"
        }
    }

    var record: Record? { if case .done(let record, _) = self { record } else { nil } }
}
