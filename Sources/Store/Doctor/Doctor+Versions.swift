/// Versions, uploads and what they name: a body, a manifest, blobs.
extension Doctor {
    func examineVersions() throws {
        var last = RowAddress(BucketID(rawValue: 0), Key([]))
        var isPassed = false
        try each("SELECT bucket, key, stamp, data FROM versions") { row in
            let bucket = BucketID(column: row.int(0))
            let bytes = row.blob(1)
            if last.bucket != bucket || !last.key.bytes.elementsEqual(bytes) {
                if last.bucket != bucket { try examineOwner(of: bucket) }
                last = RowAddress(bucket, Key([UInt8](bytes)))
                isPassed = false
            }
            let place = name(bucket, last.key)
            guard
                let found = try? RecordRow(
                    bucket: bucket,
                    key: last.key,
                    keyBytes: bytes,
                    stamp: row.blob(2),
                    data: row.blob(3)
                )
            else { return report.add(.error, "A row of the table versions is damaged: \(place).") }
            let kind = found.record.kind
            if !kind.isVersion { marks += 1 }
            if found.record.isNull, !kind.isChange, isPassed { try examineNull(found.record, place) }
            if !kind.isChange { isPassed = true }
            if let one = Usage(found.record, 1) { usage[bucket.within(.object), default: Usage()] += one }
            switch bucket.space {
            case .object:
                guard kind.isVersion else { break }
                report.versions += 1
                report.logicalBytes += found.record.size
            case .upload: try examineUpload(found.record)
            case .part: try examinePart(found.record)
            case .system: systemRows += 1
            }
            if found.lacksBytes { try examineWanted(found.record, place) }
            try examineBody(of: found, place)
        }
        if leftoverBuckets > 0 {
            report.add(.note, "Rows of writes that failed are left of \(leftoverBuckets) deleted buckets.")
        }
        if report.unfinishedUploads > 0 {
            report.add(.note, "\(report.unfinishedUploads) unfinished multipart uploads hold \(partBytes) bytes.")
        }
        try each("SELECT id, data FROM uploads") { row in
            let id = [UInt8](row.blob(0))
            guard let address = try? SmallRows.upload(id, row.blob(1)) else {
                return report.add(.error, "A row of the table uploads is damaged.")
            }
            if try current(address)?.kind != .object {
                report.add(.error, "The table uploads names an upload that is not there.")
            }
        }
    }

    /// Before the rows of a bucket: is it there?
    private func examineOwner(of bucket: BucketID) throws {
        guard bucket.space != .system, buckets[bucket.within(.object)] == nil else { return }
        let first = try database.prepare("SELECT key, stamp, data FROM versions WHERE bucket = ?1")
            .bind(1, bucket.column)
        while try first.step() {
            guard
                let row = try? RecordRow(
                    bucket: bucket,
                    keyBytes: first.blob(0),
                    stamp: first.blob(1),
                    data: first.blob(2)
                ), row.record.kind.isVersion
            else { continue }
            if try isClosed(bucket) {
                leftoverBuckets += 1
                return
            }
            return report.add(
                .error,
                "The table versions holds objects of the bucket with id \(bucket.within(.object).rawValue), which is "
                    + "not there."
            )
        }
    }

    /// Its deletion was under way here: a write that reached too few holders before that may have left its row, which
    /// nobody was ever told of.
    private func isClosed(_ bucket: BucketID) throws -> Bool {
        try database.prepare("SELECT 1 FROM closed WHERE bucket = ?1").bind(1, bucket.within(.object).column).step()
    }

    /// An unfinished upload is found by its id through `uploads`.
    private func examineUpload(_ record: Record) throws {
        guard record.kind == .object else { return }
        let place = name(record.bucket, record.key)
        guard let upload = Upload(record) else {
            return report.add(.error, "The row of \(place) says nothing about an upload.")
        }
        report.unfinishedUploads += 1
        let id = upload.id.column
        let row = try database.prepare("SELECT data FROM uploads WHERE id = ?1").bind(1, id)
        guard try row.step() else {
            return report.add(.error, "The \(place) is missing from the table uploads.")
        }
        // A damaged row is reported with its own table.
        if let address = try? SmallRows.upload(id, row.blob(0)), address != upload.address {
            report.add(.error, "The table uploads names another row than that of the \(place).")
        }
    }

    private func examinePart(_ record: Record) throws {
        guard record.kind == .object else { return }
        guard let number = UploadKey.partNumber(of: record.key.bytes) else {
            return report.add(.error, "The row of \(name(record.bucket, record.key)) says nothing about a part.")
        }
        partBytes += record.size
        let upload = RowAddress(record.bucket.within(.upload), Key(Array(record.key.bytes.dropLast(2))))
        if try current(upload)?.kind != .object {
            report.add(.warning, "Part \(number) of an upload belongs to an upload that is not there.")
        }
    }

    /// The newest version or tombstone of a key; a damaged row is reported with its own table.
    private func current(_ address: RowAddress) throws -> Record? {
        do { return try versions.head(address.bucket, address.key)?.row?.record } catch is StoreError { return nil }
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

    private func examineWanted(_ record: Record, _ place: String) throws {
        wanted += 1
        let row = try database.prepare("SELECT 1 FROM wanted WHERE bucket = ?1 AND key = ?2 AND stamp = ?3")
            .bind(1, record.bucket.column).bind(2, record.key.bytes).bind(3, record.stamp.sortable)
        if try !row.step() { unwanted.append(place) }
    }

    /// Rows that were accepted and not decided yet have bytes too.
    func examineInstances() throws {
        try each("SELECT bucket, key, data FROM instances") { row in
            instances += 1
            let address = RowAddress(BucketID(column: row.int(0)), Key([UInt8](row.blob(1))))
            let place = name(address.bucket, address.key)
            guard let kept = try? SmallRows.instance(address, row.blob(2)) else {
                return report.add(.error, "The row of \(place) in the table instances is damaged.")
            }
            if let accepted = kept.accepted?.row { try examineBody(of: accepted, "the undecided row of \(place)") }
        }
    }

    private func examineBody(of row: RecordRow, _ place: String) throws {
        let record = row.record
        switch record.body {
        case .absent:
            if record.bucket.space != .part, record.size > 0, !row.lacksBytes {
                report.add(.error, "A version of \(place) has lost its bytes, and nobody looks for them.")
            }
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
                for part in parts where part.blob != IndexWriter.noBlob {
                    try claim(part.blob, size: part.size, "part \(part.number) of \(place)")
                }
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
            case .empty, .inline, .absent: break
            }
        }
        for (blob, findings) in damaged.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let owner = owners[blob] ?? "no version"
            for what in findings { report.add(.error, "Blob \(blob.rawValue) (\(owner)): \(what).") }
        }
    }
}
