import NIOCore

/// Examines a data directory that no store has open, and says in plain words what it found. Changes nothing but the
/// lock file; blocks.
///
/// It checks SQLite's own structure, the checksum of every row, every body and chunk against its checksum, and index
/// against segments both ways.
package struct Doctor {
    package enum Severity: String, Sendable {
        /// Worth knowing; nothing is wrong.
        case note
        /// Space is wasted or something is untidy; no data is touched by it.
        case warning
        /// Data is damaged or missing.
        case damage
    }

    package struct Finding: Sendable {
        package let severity: Severity
        package let text: String
    }

    package private(set) var findings: [Finding] = []
    package private(set) var versions: UInt64 = 0
    package private(set) var chunks: UInt64 = 0
    package private(set) var bytes: UInt64 = 0

    /// Findings that are kept; the rest is counted only.
    private static let findingsMax = 1000
    private var unlisted = 0
    /// Live bytes by segment, as the extents say.
    private var live: [UInt32: UInt64] = [:]
    private var blobs: Set<BlobID> = []

    private init() {}

    /// Throws `StoreError.unusable` when the directory is in use or is no store at all.
    package static func examine(_ path: String) throws -> Doctor {
        guard DataDirectory.exists(path + "/index.sqlite") else {
            throw StoreError.unusable(reason: "There is no index.sqlite in \(path).")
        }
        let directory = try DataDirectory(path)
        defer { directory.unlock() }
        var doctor = Doctor()
        do {
            try doctor.examine(directory)
        } catch let failure as SQLiteFailure {
            doctor.report(.damage, "The index cannot be read on: \(failure.what)")
        }
        if doctor.unlisted > 0 {
            doctor.findings.append(Finding(severity: .damage, text: "\(doctor.unlisted) more findings are not listed."))
        }
        return doctor
    }

    private mutating func report(_ severity: Severity, _ text: String) {
        if findings.count < Self.findingsMax {
            findings.append(Finding(severity: severity, text: text))
        } else {
            unlisted += 1
        }
    }

    private mutating func examine(_ directory: DataDirectory) throws {
        let (database, loaded) = try Opening.index(directory)
        let integrity = try database.prepare("PRAGMA integrity_check(100)")
        while try integrity.step() {
            let text = String(decoding: integrity.blob(0), as: UTF8.self)
            if text != "ok" { report(.damage, "SQLite finds the index damaged: \(text)") }
        }
        try examineVersions(database)
        try examineParts(database)
        try examineExtents(database, directory, loaded)
        examineSegments(directory, loaded)
        let garbage = try database.number("SELECT count(*) FROM garbage")
        if garbage > 0 { report(.note, "\(garbage) removed bodies wait to be swept.") }
    }

    // MARK: Rows

    private mutating func examineVersions(_ database: Database) throws {
        let rows = try VersionRows(database)
        let all = try database.prepare("SELECT bucket, key, stamp, data FROM versions")
        var logical: UInt64 = 0
        while try all.step() {
            let bucket = BucketID(column: all.int(0))
            let key = Key([UInt8](all.blob(1)))
            versions += 1
            do {
                let row = try rows.decode(bucket, key, stamp: all.blob(2), data: all.blob(3))
                logical += row.record.size
                switch row.record.body {
                case .empty: break
                case .inline: try rows.body(row.bodyID, of: row.record) { _ in }
                case .blob(let blob): blobs.insert(blob)
                case .parts:
                    for part in try rows.manifest(row.bodyID, of: row.record) where part.size > 0 {
                        blobs.insert(part.blob)
                    }
                }
            } catch let error as StoreError {
                report(.damage, "The key \(key.text) has a damaged version: \(Self.text(error))")
            }
        }
        bytes = logical
    }

    private mutating func examineParts(_ database: Database) throws {
        let all = try database.prepare("SELECT upload, number, data FROM parts")
        while try all.step() {
            do {
                let upload = try UploadID(column: all.blob(0))
                let part = try SmallRows.part(UInt16(truncatingIfNeeded: all.int(1)), of: upload, all.blob(2))
                if part.size > 0 { blobs.insert(part.blob) }
            } catch {
                report(.damage, "Part \(all.int(1)) of an unfinished upload has a damaged row.")
            }
        }
    }

    // MARK: Chunks

    private mutating func examineExtents(_ database: Database, _ directory: DataDirectory, _ loaded: LoadedIndex) throws
    {
        let garbage = try database.prepare("SELECT id FROM garbage WHERE kind = 0")
        var dying: Set<BlobID> = []
        while try garbage.step() { dying.insert(BlobID(rawValue: garbage.int(0))) }
        let manifests = try database.prepare(
            "SELECT bodies.data FROM garbage JOIN bodies ON bodies.id = garbage.id WHERE garbage.kind = 1"
        )
        while try manifests.step() {
            for part in (try? SmallRows.manifest(manifests.blob(0))) ?? [] { dying.insert(part.blob) }
        }

        let source = ChunkSource(
            segments: SegmentTable(directory, nextID: .max),
            calls: .system,
            metrics: Metrics(),
            quarantine: { _, _, _ in }
        )
        var seen: Set<BlobID> = []
        let all = try database.prepare("SELECT id, data FROM extents")
        while try all.step() {
            let id = all.int(0)
            let blob = BlobID(rawValue: id >> 16)
            let page = Int(id & 0xffff)
            seen.insert(blob)
            guard let locations = try? SmallRows.extent(id, all.blob(1)) else {
                report(.damage, "The places of blob \(blob.rawValue), page \(page), have a damaged row.")
                continue
            }
            for (slot, location) in locations.enumerated() {
                live[location.segment, default: 0] += location.frameBytes
                chunks += 1
                guard loaded.segments[location.segment] != nil else {
                    report(.damage, "Blob \(blob.rawValue) lies in segment \(location.segment), which is not listed.")
                    continue
                }
                do {
                    _ = try source.read(location, blob, UInt32(page * Location.perPage + slot))
                } catch let error as StoreError {
                    report(.damage, Self.text(error))
                }
            }
        }
        for blob in blobs.subtracting(seen).sorted(by: { $0.rawValue < $1.rawValue }) {
            report(
                .damage,
                "The bytes of blob \(blob.rawValue) are named by an object or a part but nowhere to be found."
            )
        }
        let orphans = seen.subtracting(blobs).subtracting(dying)
        if !orphans.isEmpty { report(.warning, "\(orphans.count) blobs are named by nothing and waste their space.") }
    }

    private mutating func examineSegments(_ directory: DataDirectory, _ loaded: LoadedIndex) {
        guard let files = try? DataDirectory.segmentFiles(in: directory.segments) else {
            return report(.damage, "The directory \(directory.segments) cannot be read.")
        }
        for name in files.strangers { report(.warning, "\(directory.segments)/\(name) is not a segment.") }
        for id in files.ids where loaded.segments[id] == nil {
            report(.warning, "\(directory.segment(id)) is not in the index: the next start deletes it.")
        }
        var dead: UInt64 = 0
        for (id, row) in loaded.segments.sorted(by: { $0.key < $1.key }) {
            let path = directory.segment(id)
            guard let size = DataDirectory.fileBytes(path) else {
                report(.damage, "\(path) is missing.")
                continue
            }
            if size < row.size { report(.damage, "\(path) has \(size) bytes, the index needs \(row.size).") }
            if size > row.size {
                report(.note, "\(path) ends with \(size - row.size) bytes that were never acknowledged.")
            }
            if (live[id] ?? 0) != row.live {
                report(.warning, "\(path) has \(live[id] ?? 0) live bytes, the index counts \(row.live).")
            }
            let used = row.live + SegmentFile.headerBytes
            dead += row.size > used ? row.size - used : 0
        }
        if dead > 0 { report(.note, "\(dead) bytes in segments belong to removed versions.") }
    }

    private static func text(_ error: StoreError) -> String {
        switch error {
        case .corrupt(let what), .io(let what): what
        default: "\(error)"
        }
    }
}
