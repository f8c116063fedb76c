extension IndexWriter {
    func createUpload(_ upload: Upload) throws -> Outcome {
        guard pending.small[upload.bucket] != nil else { return .noSuchBucket }
        try check(upload.key)
        guard try self.upload(upload.id) == nil else { throw StoreError.io(what: "the id of an upload is taken") }
        let address = upload.address
        let head = try versions.head(address.bucket, address.key)
        let record = Record(
            bucket: address.bucket,
            key: address.key,
            stamp: clock.next(after: head?.top, asSuccessor: false, nowMillis: nowMillis),
            kind: .object,
            isNull: true,
            size: 0,
            etag: ETag(high: 0, low: 0),
            body: .empty,
            attributes: UploadRow(attributes: upload.attributes).encoded,
            tags: upload.tags,
            modifiedMillis: upload.initiatedMillis,
            op: clock.nextOp()
        )
        if let row = head?.row { try erase(row) }
        try insert(RecordRow(record, bodyID: 0))
        return .done(record: nil, removed: nil)
    }

    func putPart(_ id: UploadID, _ part: Part) throws -> Outcome {
        guard let upload = try upload(id) else { return .noSuchUpload }
        let bucket = upload.record.bucket.within(.part)
        let key = UploadKey.part(upload.record.key, part.number)
        let head = try versions.head(bucket, key)
        let blob = part.op == .none ? part.blob : try blob(stagedUnder: part.op)
        let locations = try staged(blob, size: part.size)
        try adopt(blob, locations)
        if let row = head?.row { try erase(row) }
        let record = Record(
            bucket: bucket,
            key: key,
            stamp: clock.next(after: head?.top, asSuccessor: false, nowMillis: nowMillis),
            kind: .object,
            isNull: true,
            size: part.size,
            etag: part.etag,
            body: .blob(blob),
            attributes: part.attributes,
            tags: [],
            modifiedMillis: part.modifiedMillis,
            op: clock.nextOp()
        )
        try insert(RecordRow(record, bodyID: blob.rawValue))
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
        guard let row = try upload(id), let upload = Upload(row.record) else { return .noSuchUpload }
        guard let bucket = pending.small[upload.bucket] else { return .noSuchBucket }
        let head = try versions.head(upload.bucket, upload.key)
        let current = head?.version?.record
        guard condition.holds(of: current) else { return .preconditionFailed(current: current) }
        let parts = try parts(of: row.address)
        let byNumber = Dictionary(parts.compactMap { row in Part(row.record).map { ($0.number, $0) } }) { a, _ in a }
        var named: [PartRef] = []
        for ref in chosen {
            // By the operation: whoever read the parts from other holders knows no blob.
            let isSame: (Part) -> Bool = { ref.op == .none ? $0.blob == ref.blob : $0.op == ref.op }
            guard let part = byNumber[ref.number], isSame(part), part.size == ref.size else {
                return .partsChanged
            }
            named.append(
                PartRef(number: ref.number, blob: part.blob, size: ref.size, attributes: ref.attributes, op: part.op)
            )
        }
        guard chosen.reduce(UInt64(0), { $0 &+ $1.size }) == size, Set(chosen.map(\.number)).count == chosen.count
        else { return .partsChanged }
        let replaced = try replaced(in: bucket, upload.key, head)

        let body = try SmallRows.encode(named).withUnsafeBytes { try insertBody($0) }
        try forget(row, parts, keeping: Set(named.map(\.blob)))
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
            modifiedMillis: nowMillis,
            op: clock.nextOp()
        )
        return try place(record, body, in: bucket, over: head, replacing: replaced)
    }

    func abortUpload(_ id: UploadID) throws -> Outcome {
        guard let row = try upload(id) else { return .noSuchUpload }
        try forget(row, try parts(of: row.address), keeping: [])
        return .done(record: nil, removed: nil)
    }

    /// Takes away an upload and its parts; `kept` are the blobs that an object has now.
    func forget(_ upload: RecordRow, _ parts: [RecordRow], keeping kept: Set<BlobID>) throws {
        for part in parts {
            if case .blob(let blob) = part.record.body, kept.contains(blob) {
                try erase(part, bytes: .kept)
            } else {
                try erase(part)
            }
        }
        try erase(upload)
    }

    /// The row of an unfinished upload.
    private func upload(_ id: UploadID) throws -> RecordRow? {
        let id = id.column
        rows.upload.bind(1, id)
        defer { rows.upload.reset() }
        guard try rows.upload.step() else { return nil }
        let address: RowAddress
        do { address = try SmallRows.upload(id, rows.upload.blob(0)) } catch { throw corrupt("uploads") }
        return try versions.head(address.bucket, address.key)?.version
    }

    /// The rows of an upload's parts, by number.
    func parts(of upload: RowAddress) throws -> [RecordRow] {
        var parts: [RecordRow] = []
        try versions.each(of: upload.bucket.within(.part), prefix: upload.key.bytes) { row in
            parts.append(row)
            return true
        }
        return parts
    }

    func corrupt(_ table: String) -> StoreError { .corrupt(what: "\(database.path): table \(table)") }
}
