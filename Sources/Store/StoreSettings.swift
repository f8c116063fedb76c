/// Limits and paces of a store; each with the reason for its default.
package struct StoreSettings: Sendable {
    /// Bodies up to this many bytes live in the index: one write, one sync. Larger ones go to segments.
    package var inlineBytesMax = 16 * 1024
    /// Below this many free bytes the store refuses writes until `diskFreeBytesResume` are free again.
    package var diskFreeBytesMin: UInt64 = 512 << 20
    /// With so many bytes of objects the store takes no more of clients, as if its disk were full. Small state, compaction
    /// and what repair owes are not held to it.
    package var logicalBytesMax: UInt64 = .max
    package var diskFreeBytesResume: UInt64 = 768 << 20
    /// A segment is closed at this size: small enough to compact in a minute, large enough to keep files few.
    package var segmentBytesMax: UInt64 = 256 << 20
    /// Threads that read: enough to keep a disk's queue filled.
    package var readerThreads = 4
    /// Writes that may wait for the committer.
    package var queuedWritesMax = 4096
    /// Reads that may wait for a reader thread.
    package var queuedReadsMax = 16384
    /// The pace of the background scrub, bytes per second; 0 switches it off.
    package var scrubBytesPerSecond: UInt64 = 8 << 20
    /// A pass of the scrub begins at most this often: a store that does nothing is not read all day.
    package var scrubPassMillisMin: UInt64 = 24 * 60 * 60 * 1000
    /// Segments with a larger share of dead bytes are compacted.
    package var compactionDeadShare = 0.5

    package init() {}
}
