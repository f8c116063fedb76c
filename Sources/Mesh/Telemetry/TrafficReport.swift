/// What clients did with one node since it started, in totals: who asks twice knows the rates between.
package struct TrafficReport: Codable, Sendable, Equatable {
    package var requests: UInt64 = 0
    /// Answered with a status of 500 or more, but 501: what nobody does here has not failed.
    package var failures: UInt64 = 0
    package var receivedBytes: UInt64 = 0
    package var sentBytes: UInt64 = 0
    package var inFlight: Int = 0
    /// How many requests took at most so long as each of `LatencyHistogram.boundsMicros`, and longer than the one
    /// before; the last counts those that took longer than all.
    package var latencies: [UInt64] = []

    package init() {}
}
