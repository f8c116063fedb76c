/// What one node says of its own disk and duties when an operator asks: facts, no judgement.
///
/// It travels as JSON, because it is asked rarely and grows a field with many a version; unknown fields are skipped.
package struct NodeCondition: Codable, Sendable, Equatable {
    /// 32 hexadecimal digits.
    package var id: String
    package var name: String
    package var version = ""
    /// The layout epoch that it goes by; 0 before it has a layout.
    package var epoch: UInt64 = 0
    /// S3 requests are served.
    package var isReady = false
    package var versions: UInt64 = 0
    package var logicalBytes: UInt64 = 0
    package var freeBytes: UInt64 = 0
    package var capacityBytes: UInt64 = 0
    /// The disk is too full for writes.
    package var isReadOnly = false
    /// Why nothing is written any more; nil: all is well.
    package var failure: String?
    /// Checksums that were wrong since the start.
    package var corruptions: UInt64 = 0
    /// Whether the sums by which nodes compare themselves are known: not before the scan of a start is through.
    package var hasDigests = true
    /// What waits here for others and for this node, and what moves; nil when no repair runs.
    package var repair: RepairReport?
    /// What clients did there; nil from a node of an older version.
    package var traffic: TrafficReport?
    /// What it takes of its machine; nil from a node of an older version.
    package var machine: MachineReport?
    /// The place of the newest event there: who follows asks when it changes.
    package var newestEvent: String?

    package init(id: String, name: String) {
        self.id = id
        self.name = name
    }

    /// Rows whose bytes should be here and are not.
    package var wanted: Int { repair?.wanted ?? 0 }
    package var hints: [RepairReport.Backlog] { repair?.hints ?? [] }
    package var isRepairPaused: Bool { repair?.isPaused ?? false }
}
