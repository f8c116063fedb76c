#if DEBUG
    internal import Glibc
#endif

/// A rule of the daemon that is taken away on purpose, to see that the chaos harness notices (`chaos bugs`).
///
/// Only a debug build has any: one that is started with `MESHD_SEEDED_BUG=NAME`. In a release build `isOn` is the constant
/// `false`, the variable is not even read, and what asks for it costs nothing.
package enum SeededBug: String, CaseIterable, Sendable {
    /// A commit is answered when it is written, and on disk up to two seconds later.
    case ackBeforeFsync = "ack-before-fsync"
    /// One holder's answer is enough.
    case quorumOfOne = "quorum-of-one"
    /// Holders serve calls of a layout that is over.
    case missingFence = "missing-fence"
    /// Tombstones are collected without asking all holders whether they have them.
    case tombstoneCollectedEarly = "tombstone-collected-early"
    /// A read that saw holders differ returns the newest of what it saw and leaves them as they are.
    case readWithoutWriteBack = "read-without-write-back"
    /// Nobody remembers what a holder has missed.
    case hintDropped = "hint-dropped"
    /// A write takes its stamp from the clock, without a look at what is there.
    case staleClockWins = "stale-clock-wins"
    /// Who aborts an upload takes no notice of a completion that was decided.
    case tornMultipart = "torn-multipart"

    #if DEBUG
        /// The one that is on. A name that is none ends the process: a run with it would prove nothing.
        package static let present: SeededBug? = {
            guard let name = getenv("MESHD_SEEDED_BUG").map({ String(cString: $0) }) else { return nil }
            guard let bug = SeededBug(rawValue: name) else { preconditionFailure("MESHD_SEEDED_BUG: no bug \(name)") }
            return bug
        }()

        package var isOn: Bool { Self.present == self }
    #else
        @inlinable package static var present: SeededBug? { nil }
        @inlinable package var isOn: Bool { false }
    #endif
}

extension IndexWriter {
    /// `SeededBug.ackBeforeFsync`: only one commit of ten, in a burst every other second, is synced, and those before with
    /// it.
    func syncNowAndThen() throws {
        try database.execute("PRAGMA synchronous = \(Clock.wallMillis() % 2000 < 200 ? "FULL" : "NORMAL")")
    }
}
