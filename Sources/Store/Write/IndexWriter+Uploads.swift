extension IndexWriter {
    func createUpload(_ upload: Upload) throws -> Outcome {
        guard pending.small[upload.bucket] != nil else { return .noSuchBucket }
        try check(upload.key)
        guard try self.upload(upload.id) == nil else { throw StoreError.io(what: "the id of an upload is taken") }
        let id = upload.id.column
        try rows.insertUpload.bind(1, id).bind(2, upload.bucket.column).bind(3, upload.key.bytes)
            .bind(4, Int64(clamping: upload.initiatedMillis)).bind(5, SmallRows.encode(upload)).run()
        return .done(record: nil, removed: nil)
    }

    func putPart(_ id: UploadID, _ part: Part) throws -> Outcome {
        guard try upload(id) != nil else { return .noSuchUpload }
        let old = try self.part(part.number, of: id)
        let locations = try staged(part.blob, size: part.size)
        try adopt(part.blob, locations)
        if let old { try makeGarbage(.blob, old.blob.rawValue) }
        try rows.putPart.bind(1, id.column).bind(2, Int64(part.number)).bind(3, SmallRows.encode(part, of: id)).run()
        return .done(record: nil, removed: nil)
    }

    func completeUpload(
        _ id: UploadID,
        _ chosen: [PartRef],
        _ size: UInt64,
        _ etag: ETag,
        _ attributes: [UInt8],
        _ condition: Precondition
    ) throws -> Outcome {
        guard let upload = try upload(id) else { return .noSuchUpload }
        guard let bucket = pending.small[upload.bucket] else { return .noSuchBucket }
        let head = try versions.head(upload.bucket, upload.key)
        guard condition.holds(of: head?.record) else { return .preconditionFailed(current: head?.record) }
        var unused = try parts(of: id)
        for ref in chosen {
            guard let part = unused.removeValue(forKey: ref.number), part.blob == ref.blob, part.size == ref.size else {
                return .partsChanged
            }
        }
        guard chosen.reduce(UInt64(0), { $0 &+ $1.size }) == size else { return .partsChanged }
        let replaced = try replaced(in: bucket, upload.key, head)

        let body = try SmallRows.encode(chosen).withUnsafeBytes { try insertBody($0) }
        try forget(id, garbage: unused.values.map(\.blob))
        let record = Record(
            bucket: upload.bucket,
            key: upload.key,
            stamp: stamp(after: head, in: bucket, condition),
            kind: .object,
            isNull: bucket.versioning != .on,
            size: size,
            etag: etag,
            body: .parts,
            attributes: attributes,
            tags: upload.tags,
            modifiedMillis: nowMillis
        )
        return try place(record, body, in: bucket, over: head, replacing: replaced)
    }

    func abortUpload(_ id: UploadID) throws -> Outcome {
        guard try upload(id) != nil else { return .noSuchUpload }
        let parts = try parts(of: id)
        try forget(id, garbage: parts.values.map(\.blob))
        return .done(record: nil, removed: nil)
    }

    private func forget(_ id: UploadID, garbage: [BlobID]) throws {
        for blob in garbage { try makeGarbage(.blob, blob.rawValue) }
        try rows.deleteParts.bind(1, id.column).run()
        try rows.deleteUpload.bind(1, id.column).run()
    }

    private func upload(_ id: UploadID) throws -> Upload? {
        rows.upload.bind(1, id.column)
        defer { rows.upload.reset() }
        guard try rows.upload.step() else { return nil }
        do { return try SmallRows.upload(id, rows.upload.blob(0)) } catch { throw corrupt("uploads") }
    }

    private func part(_ number: UInt16, of id: UploadID) throws -> Part? {
        rows.part.bind(1, id.column).bind(2, Int64(number))
        defer { rows.part.reset() }
        guard try rows.part.step() else { return nil }
        do { return try SmallRows.part(number, of: id, rows.part.blob(0)) } catch { throw corrupt("parts") }
    }

    private func parts(of id: UploadID) throws -> [UInt16: Part] {
        rows.parts.bind(1, id.column)
        defer { rows.parts.reset() }
        var parts: [UInt16: Part] = [:]
        while try rows.parts.step() {
            guard let number = UInt16(exactly: rows.parts.int(0)) else { throw corrupt("parts") }
            do {
                parts[number] = try SmallRows.part(number, of: id, rows.parts.blob(1))
            } catch { throw corrupt("parts") }
        }
        return parts
    }

    /// The uploads of a bucket that goes away.
    func dropUploads(of bucket: BucketID) throws {
        var ids: [UploadID] = []
        rows.uploadsOfBucket.bind(1, bucket.column)
        do {
            defer { rows.uploadsOfBucket.reset() }
            while try rows.uploadsOfBucket.step() {
                do { ids.append(try UploadID(column: rows.uploadsOfBucket.blob(0))) } catch { throw corrupt("uploads") }
            }
        }
        for id in ids { try forget(id, garbage: try parts(of: id).values.map(\.blob)) }
    }

    func corrupt(_ table: String) -> StoreError { .corrupt(what: "\(database.path): table \(table)") }
}
