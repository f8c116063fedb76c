/// What a node's process takes of its machine, and how busy that is. Nil: the machine does not tell.
package struct MachineReport: Codable, Sendable, Equatable {
    /// Of the process lately, in percent of one core.
    package var cpuPercent: Double?
    package var residentBytes: UInt64?
    /// Processes that ran or wanted to, on average over a minute: more than there are cores is too much.
    package var load: Double?
    package var cores: Int?
    /// Of the whole machine.
    package var memoryBytes: UInt64?
    /// What programs could still get.
    package var memoryFreeBytes: UInt64?

    package init() {}
}
