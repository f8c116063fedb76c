/// Versions, uploads and what they name: a body, a manifest, blobs.
extension Doctor {
    func examineVersions() throws {
        var lastKey: [UInt8]?
        var lastBucket: Int64?
        try each("SELECT bucket, key, stamp, data FROM versions") { row in
            report.versions += 1
            let bucket = BucketID(column: row.int(0))
            let bytes = row.blob(1)
            let isNewest = lastBucket != row.int(0) || !(lastKey.map { $0.elementsEqual(bytes) } ?? false)
            if isNewest {
                if lastBucket != row.int(0), buckets[bucket] == nil {
                    report.add(
                        .error,
                        "The table versions holds objects of the bucket with id \(bucket.rawValue), which is not there."
                    )
                }
                lastBucket = row.int(0)
                lastKey = [UInt8](bytes)
            }
            let key = Key(lastKey ?? [])
            let place = name(bucket, key)
            guard
                let found = try? RecordRow(
                    bucket: bucket,
                    key: key,
                    keyBytes: bytes,
                    stamp: row.blob(2),
                    data: row.blob(3)
                )
            else { return report.add(.error, "A row of the table versions is damaged: \(place).") }
            report.logicalBytes += found.record.size
            if found.record.isNull, !isNewest { try examineNull(found.record, place) }
            try examineBody(of: found, place)
        }
    }

    /// The version `null`, when it is not the newest, is found through `nulls`.
    private func examineNull(_ record: Record, _ place: String) throws {
        let row = try database.prepare("SELECT data FROM nulls WHERE bucket = ?1 AND key = ?2")
            .bind(1, record.bucket.column).bind(2, record.key.bytes)
        guard try row.step() else {
            return report.add(.error, "The version null of \(place) is missing from the table nulls.")
        }
        // A damaged row is reported with its own table.
        if let stamp = try? SmallRows.null(record.bucket, record.key, row.blob(0)), stamp != record.stamp.sortable {
            report.add(.error, "There are two versions null of \(place).")
        }
    }

    private func examineBody(of row: RecordRow, _ place: String) throws {
        let record = row.record
        switch record.body {
        case .empty:
            if record.size != 0 {
                report.add(.error, "A version of \(place) says \(record.size) bytes and has no body.")
            }
        case .inline:
            try claimBody(row, place) { bytes in
                if UInt64(bytes.count) != record.size {
                    report.add(
                        .error,
                        "A version of \(place) says \(record.size) bytes, its body in the table bodies has "
                            + "\(bytes.count)."
                    )
                }
            }
        case .blob(let blob):
            try claim(blob, size: record.size, "a version of \(place)")
        case .parts:
            try claimBody(row, place) { bytes in
                guard let parts = try? SmallRows.manifest(bytes) else {
                    return report.add(.error, "The manifest \(row.bodyID) of \(place) in the table bodies is damaged.")
                }
                for part in parts { try claim(part.blob, size: part.size, "part \(part.number) of \(place)") }
                if parts.reduce(UInt64(0), { $0 &+ $1.size }) != record.size {
                    report.add(.error, "The parts of \(place) do not add up to its \(record.size) bytes.")
                }
            }
        }
    }

    private func claimBody(_ row: RecordRow, _ place: String, _ use: (UnsafeRawBufferPointer) throws -> Void) throws {
        if !bodies.insert(row.bodyID) {
            report.add(.error, "Row \(row.bodyID) of the table bodies is named twice, once by \(place).")
        }
        do {
            try versions.body(row.bodyID, of: row.record, use)
        } catch StoreError.corrupt {
            report.add(.error, "The body of \(place), row \(row.bodyID) of the table bodies, is damaged or missing.")
        }
    }

    /// Whoever names a blob must find all of it: its pages without a gap, its chunks as long as it says.
    private func claim(_ blob: BlobID, size: UInt64, _ owner: String) throws {
        if !blobs.insert(blob.rawValue) {
            report.add(.error, "Blob \(blob.rawValue) is named twice, once by \(owner).")
        }
        let statement = try database.prepare("SELECT id, data FROM extents WHERE id >= ?1 AND id < ?2 ORDER BY id")
            .bind(1, Location.extentID(blob, page: 0)).bind(2, Location.extentID(blob, page: Location.pagesMax))
        var page = 0
        var bytes: UInt64 = 0
        while try statement.step() {
            let id = statement.int(0)
            guard id == Location.extentID(blob, page: page) else { break }
            // A damaged row is reported with its own table.
            guard let locations = try? SmallRows.extent(id, statement.blob(1)) else { return }
            bytes += locations.reduce(0) { $0 + UInt64($1.length) }
            page += 1
        }
        if bytes != size {
            report.add(
                .error,
                "The table extents has \(bytes) bytes of blob \(blob.rawValue), \(owner) says \(size): bytes are missing."
            )
        }
    }

    func examineUploads() throws {
        try each("SELECT id, data FROM uploads") { row in
            report.unfinishedUploads += 1
            guard let id = try? UploadID(column: row.blob(0)), let upload = try? SmallRows.upload(id, row.blob(1))
            else {
                return report.add(.error, "A row of the table uploads is damaged.")
            }
            if buckets[upload.bucket] == nil {
                report.add(.error, "An unfinished upload of \(name(upload.bucket, upload.key)) has lost its bucket.")
            }
        }
        let owner = try database.prepare("SELECT 1 FROM uploads WHERE id = ?1")
        var bytes: UInt64 = 0
        try each("SELECT upload, number, data FROM parts") { row in
            guard let id = try? UploadID(column: row.blob(0)), let number = UInt16(exactly: row.int(1)),
                let part = try? SmallRows.part(number, of: id, row.blob(2))
            else { return report.add(.error, "A row of the table parts is damaged.") }
            defer { owner.reset() }
            if try !owner.bind(1, id.column).step() {
                report.add(.error, "Part \(number) in the table parts belongs to an upload that is not there.")
            }
            bytes += part.size
            try claim(part.blob, size: part.size, "part \(number) of an unfinished upload")
        }
        if report.unfinishedUploads > 0 {
            report.add(.note, "\(report.unfinishedUploads) unfinished multipart uploads hold \(bytes) bytes.")
        }
    }

    // MARK: Whose chunks are damaged

    /// Blobs whose damage is kept until their keys are known.
    private static let damagedMax = 10_000

    func damage(_ blob: BlobID, _ what: String) {
        guard damaged.count < Self.damagedMax || damaged[blob] != nil else {
            return report.add(.error, "Blob \(blob.rawValue): \(what).")
        }
        damaged[blob, default: []].append(what)
    }

    /// One more pass over the versions, only when something was found.
    func nameDamaged() throws {
        guard !damaged.isEmpty else { return }
        var owners: [BlobID: String] = [:]
        try each("SELECT bucket, key, stamp, data FROM versions") { row in
            let bucket = BucketID(column: row.int(0))
            guard
                let found = try? RecordRow(bucket: bucket, keyBytes: row.blob(1), stamp: row.blob(2), data: row.blob(3))
            else { return }
            let place = name(bucket, found.record.key)
            switch found.record.body {
            case .blob(let blob): if damaged[blob] != nil { owners[blob] = place }
            case .parts:
                guard let parts = try? versions.manifest(found.bodyID, of: found.record) else { return }
                for part in parts where damaged[part.blob] != nil {
                    owners[part.blob] = "part \(part.number) of \(place)"
                }
            case .empty, .inline: break
            }
        }
        for (blob, findings) in damaged.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let owner = owners[blob] ?? "no version"
            for what in findings { report.add(.error, "Blob \(blob.rawValue) (\(owner)): \(what).") }
        }
    }
}
