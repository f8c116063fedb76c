/// The judgement of a mesh: one level, one sentence, and what is wrong in words.
///
/// A pure function of the facts, so that every sentence has a test.
package struct ClusterHealth: Codable, Sendable, Equatable {
    package enum Level: String, Codable, Sendable, CaseIterable, Comparable {
        /// All that is wanted is so, as far as there are nodes.
        case healthy
        /// Everything is served, with less to fall back on than is wanted.
        case degraded
        /// Something cannot be read or written now.
        case impaired

        package static func < (a: Level, b: Level) -> Bool {
            (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
        }
    }

    package var level: Level
    /// The health in one line, the level its first word.
    package var sentence: String
    /// The gravest first.
    package var findings: [Finding]

    /// What is found wrong, or worth knowing.
    package struct Finding: Codable, Sendable, Equatable {
        package enum Severity: String, Codable, Sendable, CaseIterable {
            case error, warning, note
        }

        /// A word for programs, from the list in the admin API's description.
        package var code: String
        package var severity: Severity
        /// Names of the nodes that it is about.
        package var nodes: [String]
        package var message: String
        /// What to do about it; empty when nothing has to be done.
        package var advice: String

        package init(
            _ code: String,
            _ severity: Severity,
            _ nodes: [String],
            _ message: String,
            advice: String = ""
        ) {
            self.code = code
            self.severity = severity
            self.nodes = nodes
            self.message = message
            self.advice = advice
        }
    }

    package init(level: Level, sentence: String, findings: [Finding]) {
        self.level = level
        self.sentence = sentence
        self.findings = findings
    }

    package init(_ facts: ClusterFacts) {
        let examination = Examination(facts)
        let found = examination.findings
        findings = Finding.Severity.allCases.flatMap { severity in found.filter { $0.severity == severity } }
        level = found.contains { $0.severity == .error } ? .impaired : .healthy
        if level == .healthy, found.contains(where: { $0.severity == .warning }) { level = .degraded }
        sentence = "\(level.rawValue): " + examination.summary(level)
    }
}
