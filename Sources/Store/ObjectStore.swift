package import NIOCore

/// What is on this disk: versions of keys, their bytes, and the small state beside them.
///
/// The door of the room. Writes go through one committer and are durable when their call returns; reads use their own
/// threads and never wait for a writer. No call blocks the thread of its caller.
package final class ObjectStore: Sendable {
    /// Opens (or makes) a data directory: takes its lock, finishes or rolls back what a crash interrupted.
    ///
    /// Blocks; called once, at start. Throws `StoreError.unusable` with a whole sentence.
    package static func open(_ directory: String, settings: StoreSettings) throws -> ObjectStore {
        preconditionFailure()
    }

    /// Finishes what is queued, checkpoints the index, frees the lock. Later calls throw `.closed`.
    package func close() async { preconditionFailure() }

    // MARK: Writing

    /// Applies one mutation. Durable (fdatasync) when this returns an outcome.
    package func commit(_ mutation: Mutation) async throws -> Outcome { preconditionFailure() }

    /// Starts a stream of bytes of any length. Nothing is visible until a mutation names the finished blob; a stream
    /// that is dropped leaves only dead bytes, which compaction takes.
    package func makeBlob() throws -> BlobWriter { preconditionFailure() }

    // MARK: Reading

    /// One version of a key; nil if there is none. Delete markers are returned as such. With `body`, a small body comes
    /// along.
    package func find(_ bucket: BucketID, _ key: Key, _ version: VersionSelector, body: Bool) async throws -> Found? {
        preconditionFailure()
    }

    /// A reader for the bytes of a version. It stays valid while it lives, whatever happens to the version.
    package func openBody(of record: Record) async throws -> BodyReader { preconditionFailure() }

    /// The parts of a completed multipart object (`record.body == .parts`), in order.
    package func manifest(of record: Record) async throws -> [PartRef] { preconditionFailure() }

    /// One page of a bucket's current objects (delete markers left out), in the order of key bytes.
    package func list(_ query: ListQuery) async throws -> ListPage { preconditionFailure() }

    /// One page of a bucket's versions: by key, newest first, delete markers included.
    package func listVersions(_ query: VersionsQuery) async throws -> VersionsPage { preconditionFailure() }

    package func upload(_ id: UploadID) async throws -> Upload? { preconditionFailure() }

    /// Parts of an upload with a number above `after`, by number; at most `limit`.
    package func parts(of upload: UploadID, after: UInt16, limit: Int) async throws -> [Part] { preconditionFailure() }

    /// One page of a bucket's unfinished uploads, by key, then by time of initiation.
    package func listUploads(_ query: UploadsQuery) async throws -> UploadsPage { preconditionFailure() }

    // MARK: Small state, held in memory

    package func bucket(named name: String) -> Bucket? { preconditionFailure() }

    /// All buckets, by name.
    package func buckets() -> [Bucket] { preconditionFailure() }

    package func register(_ name: String) -> [UInt8]? { preconditionFailure() }

    /// Registers whose name begins with `prefix`, by name.
    package func registers(prefix: String) -> [(name: String, value: [UInt8])] { preconditionFailure() }

    /// Numbers for metrics and status: a consistent copy.
    package func statistics() -> StoreStatistics { preconditionFailure() }
}

/// A stream of bytes on its way to a segment file. One caller at a time.
///
/// `append` copies nothing and returns when the chunk is written (backpressure); chunks of `chunkBytes` each, only the
/// last may be shorter. A writer that is let go without `finish` leaves nothing but dead space.
package final class BlobWriter: Sendable {
    /// Bytes per chunk: 256 KiB stays in a core's second-level cache between hashing, checksum and system call.
    package static let chunkBytes = 256 * 1024

    /// Hands over one chunk. `observe` sees the bytes first, on the store's own thread: digests belong there, not on an
    /// event loop.
    package func append(_ chunk: ByteBuffer, observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?) async throws {
        preconditionFailure()
    }

    /// Makes the stream durable (fdatasync) and gives it its name.
    package func finish() async throws -> BlobID { preconditionFailure() }
}

/// Reads the bytes of one version, verified.
package final class BodyReader: Sendable {
    package var size: UInt64 { preconditionFailure() }

    /// The bytes from `offset` on: at least one, at most one chunk, never past `limit` (absolute, exclusive). Every byte
    /// was checked against its checksum. Throws `StoreError.corrupt`, never returns bytes that are not the object's.
    package func read(at offset: UInt64, limit: UInt64) async throws -> ByteBuffer { preconditionFailure() }
}

/// A page of current objects: S3's ListObjects in the store's words.
package struct ListQuery: Sendable {
    package var bucket: BucketID
    package var prefix: [UInt8] = []
    /// Empty: no roll-up.
    package var delimiter: [UInt8] = []
    /// Only keys (and common prefixes) after this one; nil: from the start.
    package var after: [UInt8]?
    /// Objects and common prefixes together; 0 to 1,000.
    package var limit: Int

    package init(bucket: BucketID, limit: Int) {
        self.bucket = bucket
        self.limit = limit
    }
}

package struct ListPage: Sendable {
    package enum Entry: Sendable {
        case object(Record)
        case commonPrefix([UInt8])
    }

    /// In order of bytes, objects and prefixes mixed.
    package var entries: [Entry]
    package var isTruncated: Bool

    package init(entries: [Entry], isTruncated: Bool) {
        self.entries = entries
        self.isTruncated = isTruncated
    }
}

/// A page of versions: S3's ListObjectVersions in the store's words.
package struct VersionsQuery: Sendable {
    package var bucket: BucketID
    package var prefix: [UInt8] = []
    package var delimiter: [UInt8] = []
    package var keyMarker: [UInt8]?
    /// With `keyMarker`: go on behind this version of that key; nil: behind the key.
    package var versionMarker: VersionSelector?
    package var limit: Int

    package init(bucket: BucketID, limit: Int) {
        self.bucket = bucket
        self.limit = limit
    }
}

package struct VersionsPage: Sendable {
    package enum Entry: Sendable {
        case version(Record, isLatest: Bool)
        case commonPrefix([UInt8])
    }

    package var entries: [Entry]
    package var isTruncated: Bool

    package init(entries: [Entry], isTruncated: Bool) {
        self.entries = entries
        self.isTruncated = isTruncated
    }
}

package struct UploadsQuery: Sendable {
    package var bucket: BucketID
    package var prefix: [UInt8] = []
    package var delimiter: [UInt8] = []
    package var keyMarker: [UInt8]?
    package var uploadMarker: UploadID?
    package var limit: Int

    package init(bucket: BucketID, limit: Int) {
        self.bucket = bucket
        self.limit = limit
    }
}

package struct UploadsPage: Sendable {
    package enum Entry: Sendable {
        case upload(Upload)
        case commonPrefix([UInt8])
    }

    package var entries: [Entry]
    package var isTruncated: Bool

    package init(entries: [Entry], isTruncated: Bool) {
        self.entries = entries
        self.isTruncated = isTruncated
    }
}

/// Limits and paces of a store; each with the reason for its default.
package struct StoreSettings: Sendable {
    /// Bodies up to this many bytes live in the index: one write, one sync. Larger ones go to segments.
    package var inlineBytesMax = 16 * 1024
    /// Below this many free bytes the store refuses writes until `diskFreeBytesResume` are free again.
    package var diskFreeBytesMin: UInt64 = 512 << 20
    package var diskFreeBytesResume: UInt64 = 768 << 20
    /// A segment is closed at this size: small enough to compact in a minute, large enough to keep files few.
    package var segmentBytesMax: UInt64 = 256 << 20
    /// Threads that read: enough to keep a disk's queue filled.
    package var readerThreads = 4
    /// Writes that may wait for the committer.
    package var queuedWritesMax = 4096
    /// The pace of the background scrub, bytes per second; 0 switches it off.
    package var scrubBytesPerSecond: UInt64 = 8 << 20
    /// Segments with a larger share of dead bytes are compacted.
    package var compactionDeadShare = 0.5

    package init() {}
}

/// A copy of the store's counters, all since it was opened unless said otherwise.
package struct StoreStatistics: Sendable {
    /// Now: object versions, their bytes, segment files, bytes in them, bytes that no version names any more.
    package var versions: UInt64 = 0
    package var logicalBytes: UInt64 = 0
    package var segments: UInt64 = 0
    package var segmentBytes: UInt64 = 0
    package var deadBytes: UInt64 = 0
    package var indexBytes: UInt64 = 0
    package var freeBytes: UInt64 = 0
    package var isReadOnly = false
    package var commits: UInt64 = 0
    package var batches: UInt64 = 0
    package var syncs: UInt64 = 0
    package var queuedWrites: UInt64 = 0
    package var scrubbedBytes: UInt64 = 0
    package var corruptions: UInt64 = 0
    package var compactedBytes: UInt64 = 0

    package init() {}
}
