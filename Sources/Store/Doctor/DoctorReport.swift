/// What the doctor found wrong, or worth knowing, in one sentence.
package struct Finding: Sendable, Hashable {
    package enum Severity: String, Sendable, Comparable {
        /// Bytes are lost or in danger.
        case error
        /// Nothing is lost, but something does not add up.
        case warning
        /// Worth knowing, nothing to do.
        case note

        private var rank: Int {
            switch self {
            case .error: 0
            case .warning: 1
            case .note: 2
            }
        }

        package static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
    }

    package let severity: Severity
    /// A whole sentence that names the file or table, and the bucket and key where there is one.
    package let what: String
}

/// What an examination of a data directory looked at and found.
package struct DoctorReport: Sendable {
    /// Findings that are kept: a disk that is all garbage must not fill the memory with sentences.
    package static let findingsMax = 1000

    /// The first `findingsMax` findings, errors first.
    package private(set) var findings: [Finding] = []
    /// How many there were of each kind, kept or not.
    package private(set) var errors = 0
    package private(set) var warnings = 0
    package private(set) var notes = 0

    /// What was looked at: rows of `versions`, the bytes they speak of, inline bodies, chunks and their bytes.
    package var versions: UInt64 = 0
    package var logicalBytes: UInt64 = 0
    package var bodies: UInt64 = 0
    package var chunks: UInt64 = 0
    package var chunkBytes: UInt64 = 0
    package var segments: UInt64 = 0
    package var deadBytes: UInt64 = 0
    package var unfinishedUploads: UInt64 = 0

    package var isSound: Bool { errors == 0 }

    mutating func add(_ severity: Finding.Severity, _ what: String) {
        switch severity {
        case .error: errors += 1
        case .warning: warnings += 1
        case .note: notes += 1
        }
        guard findings.count < Self.findingsMax else { return }
        findings.append(Finding(severity: severity, what: what))
    }

    mutating func sort() {
        findings = Finding.Severity.inOrder.flatMap { severity in findings.filter { $0.severity == severity } }
    }
}

extension Finding.Severity {
    fileprivate static let inOrder: [Self] = [.error, .warning, .note]
}
