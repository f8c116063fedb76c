import CSQLite
import Synchronization

/// Moves committed pages from the write-ahead log into the index file, on a thread and a connection of its own.
///
/// A passive checkpoint waits for nobody, but under steady load it never meets the end of the log, which then cannot
/// start anew. So when the log has passed its hard limit, the committer itself moves the last few pages between two
/// batches, right behind a pass of the thread.
final class Checkpointer: Sendable {
    /// 16 MiB of log: enough to fold many changes of a page into one write.
    private static let softFrames = 4096
    /// 4 MiB more of log until the next pass.
    private static let passFrames = 1024
    /// 64 MiB of log: beyond it reading gets slower, and so does a start after a crash.
    private static let hardFrames = 16384

    private let bell = Bell()
    private let thread: StoreThread
    private let isBehind = Flag()
    private let frames: Gauge
    /// Frames in the log when the last pass was asked for; touched by the committer's thread alone.
    private let framesAtPass = Gauge()

    init(index: String, _ condition: Condition) throws {
        let bell = bell
        let isBehind = isBehind
        let frames = Gauge()
        self.frames = frames
        // The connection goes over to the new thread and is touched by no other.
        nonisolated(unsafe) let database = try Database(index, .readWrite)
        try Schema.prepare(database, cacheKibibytes: 512)
        thread = try StoreThread("store-checkpnt") {
            while bell.wait() {
                let code = Self.checkpoint(database.handle, SQLITE_CHECKPOINT_PASSIVE)
                if code == SQLITE_OK || code == SQLITE_BUSY {
                    isBehind.value = true
                } else if code & 0xff != SQLITE_FULL, code & 0xff != SQLITE_LOCKED, code & 0xff != SQLITE_BUSY {
                    condition.fail("checkpoint of \(index): \(String(cString: sqlite3_errstr(code)))")
                }
            }
        }
    }

    private static func checkpoint(_ handle: OpaquePointer, _ mode: Int32) -> Int32 {
        sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil)
    }

    /// The committer's log has grown. Called on its thread.
    func committed() {
        let (now, before) = (frames.value, framesAtPass.value)
        // A log that is shorter than it was has begun anew.
        guard now > Self.softFrames, now < before || now >= before + Self.passFrames else { return }
        framesAtPass.value = now
        bell.ring()
    }

    /// Between two batches, on the committer's thread.
    func relieve(_ database: Database) {
        guard frames.value > Self.hardFrames, isBehind.value else { return }
        isBehind.value = false
        _ = Self.checkpoint(database.handle, SQLITE_CHECKPOINT_PASSIVE)
    }

    /// SQLite tells after each commit of this connection how many frames the log has.
    func watch(_ database: Database) {
        // The gauge lives as long as the checkpointer, which outlives the committer's connection.
        sqlite3_wal_hook(
            database.handle,
            { gauge, _, _, count in
                if let gauge { Unmanaged<Gauge>.fromOpaque(gauge).takeUnretainedValue().value = Int(count) }
                return SQLITE_OK
            },
            Unmanaged.passUnretained(frames).toOpaque()
        )
    }

    /// Moves all of the log into the index and removes it: a closed store is one file and its segments, and the next
    /// start has nothing to replay. Called when no other connection is left; a log that cannot be moved stays.
    static func finish(_ index: String) {
        // A connection that has read nothing has not opened the log, and its checkpoint would do nothing.
        guard let database = try? Database(index, .readWrite), (try? database.number("PRAGMA user_version")) != nil
        else { return }
        _ = checkpoint(database.handle, SQLITE_CHECKPOINT_TRUNCATE)
    }

    func stop() {
        bell.close()
        thread.join()
    }
}

final class Flag: Sendable {
    private let state = Atomic<Bool>(false)
    var value: Bool {
        get { state.load(ordering: .acquiring) }
        set { state.store(newValue, ordering: .releasing) }
    }
}

final class Gauge: Sendable {
    private let state = Atomic<Int>(0)
    var value: Int {
        get { state.load(ordering: .relaxed) }
        set { state.store(newValue, ordering: .relaxed) }
    }
}
