import Mesh
import NIOCore
import NIOHTTP1
import Store
import Synchronization

/// The bytes of an object, or of some of it, as they are read; with their MD5.
struct OutgoingBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    /// What became of a reading; one reader at a time.
    private final class Course: Sendable {
        let digest = BodyDigest(checksum: nil, sha256: false)
        let failure = Mutex<ReplicationFailure?>(nil)
    }

    private let object: OutgoingObject
    private let range: Range<UInt64>
    private let course = Course()

    init(_ object: OutgoingObject, _ range: Range<UInt64>) {
        self.object = object
        self.range = range
    }

    var count: UInt64 { UInt64(range.count) }

    /// Why it could not be read.
    var failure: ReplicationFailure? { course.failure.withLock { $0 } }

    /// Whether the target says that it got these bytes. One that encrypts has other tags.
    func check(_ answer: TargetAnswer) throws(ReplicationFailure) {
        let tag = (answer.headers.first(name: "etag") ?? "").filter { $0 != "\"" }
        let isPlain = tag.utf8.count == 32 && answer.headers.first(name: "x-amz-server-side-encryption") == nil
        let md5 = course.digest.finish().md5
        guard isPlain, tag.lowercased() != Hex.encode(md5) else { return }
        throw .object("it says that it got other bytes than were sent")
    }

    func makeAsyncIterator() -> Iterator { Iterator(body: self, offset: range.lowerBound) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate let body: OutgoingBody
        fileprivate var offset: UInt64

        mutating func next() async throws -> ByteBuffer? {
            guard offset < body.range.upperBound else { return nil }
            do {
                let bytes = try await body.object.read(offset, body.range.upperBound)
                guard bytes.readableBytes > 0 else { throw StoreError.gone }
                body.course.digest.update(bytes)
                offset += UInt64(bytes.readableBytes)
                return bytes
            } catch {
                body.course.failure.withLock { $0 = .source("\(error)") }
                throw error
            }
        }
    }
}
