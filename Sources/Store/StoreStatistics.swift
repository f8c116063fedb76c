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
    /// Why nothing is written any more (a failed sync or write); nil: all is well. Only a restart ends it.
    package var failure: String?
    package var commits: UInt64 = 0
    package var batches: UInt64 = 0
    package var syncs: UInt64 = 0
    package var queuedWrites: UInt64 = 0
    package var scrubbedBytes: UInt64 = 0
    package var corruptions: UInt64 = 0
    package var compactedBytes: UInt64 = 0

    package init() {}
}
