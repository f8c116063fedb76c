/// How far one node is with a rule. Codable: nodes tell each other in JSON.
package struct ReplicationReport: Codable, Sendable, Equatable {
    package struct Failure: Codable, Sendable, Equatable {
        /// Milliseconds since 1970.
        package var millis: UInt64
        /// Nil: no single key is at fault.
        package var key: String?
        package var sentence: String

        package init(millis: UInt64, key: String?, sentence: String) {
            self.millis = millis
            self.key = key
            self.sentence = sentence
        }
    }

    package init(rule: String) { self.rule = rule }

    /// `ReplicationRule.name`
    package var rule: String
    /// Keys that wait on this node's disk, for itself and for others.
    package var queued = 0
    /// What was there before the rule is still being looked through.
    package var isFilling = false
    /// When the oldest key was queued that this node is to work at, or when the last pass began if that left none; in
    /// milliseconds since 1970. Nil: nothing waits.
    package var oldestMillis: UInt64?
    /// Keys that failed for themselves and wait for another try.
    package var troubles = 0
    /// The target is left alone until then, in milliseconds since 1970; nil: it is not.
    package var restUntilMillis: UInt64?
    /// Since this node started.
    package var objectsSent: UInt64 = 0
    package var bytesSent: UInt64 = 0
    package var deletesSent: UInt64 = 0
    /// Changes that needed nothing: the target had them.
    package var skipped: UInt64 = 0
    package var failures: UInt64 = 0
    package var lastFailure: Failure?
    /// When something was sent last, in milliseconds since 1970.
    package var lastSentMillis: UInt64?
}
