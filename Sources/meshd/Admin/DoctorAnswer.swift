import Mesh
import Store

/// What the doctor found, as JSON.
struct DoctorAnswer: Codable, Sendable {
    struct Finding: Codable, Sendable {
        /// `error`, `warning` or `note`.
        var severity: String
        var what: String
    }

    /// No errors.
    var sound: Bool
    var errors: Int
    var warnings: Int
    var notes: Int
    var versions: UInt64
    var logicalBytes: UInt64
    var bodies: UInt64
    var chunks: UInt64
    var chunkBytes: UInt64
    var segments: UInt64
    var deadBytes: UInt64
    var unfinishedUploads: UInt64
    var findings: [Finding]
    /// What is wrong with the mesh; nothing when no node runs on the data directory.
    var mesh: [Diagnosis]?

    init(_ report: DoctorReport) {
        sound = report.isSound
        errors = report.errors
        warnings = report.warnings
        notes = report.notes
        versions = report.versions
        logicalBytes = report.logicalBytes
        bodies = report.bodies
        chunks = report.chunks
        chunkBytes = report.chunkBytes
        segments = report.segments
        deadBytes = report.deadBytes
        unfinishedUploads = report.unfinishedUploads
        findings = report.findings.map { Finding(severity: $0.severity.rawValue, what: $0.what) }
    }
}
