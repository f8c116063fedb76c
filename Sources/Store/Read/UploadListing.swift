/// Unfinished uploads and their parts, as rows of their spaces.
extension IndexReader {
    func upload(_ id: UploadID) throws -> Upload? {
        try begin()
        let id = id.column
        rows.upload.bind(1, id)
        defer { rows.upload.reset() }
        guard try rows.upload.step() else { return nil }
        let address: RowAddress
        do { address = try SmallRows.upload(id, rows.upload.blob(0)) } catch { throw corrupt("uploads") }
        return try versions.head(address.bucket, address.key)?.version.flatMap { Upload($0.record) }
    }

    func parts(_ id: UploadID, after: UInt16, limit: Int) throws -> [Part] {
        let limit = min(max(limit, 0), 10_000)
        guard limit > 0, after < .max, let upload = try upload(id) else { return [] }
        let key = upload.address.key
        let cursor = VersionCursor(self, upload.bucket.within(.part))
        cursor.seek(UploadKey.part(key, after + 1).bytes)
        var parts: [Part] = []
        var row = try cursor.next()
        while let current = row, parts.count < limit, current.key.bytes.starts(with: key.bytes) {
            if let part = try cursor.current(current.key).flatMap({ Part($0.record) }) { parts.append(part) }
            row = try cursor.nextKey()
        }
        return parts
    }

    func listUploads(_ query: UploadsQuery) throws -> UploadsPage {
        try begin()
        let limit = min(max(query.limit, 0), Self.pageMax)
        var page = UploadsPage(entries: [], isTruncated: false)
        guard limit > 0 else { return page }
        let cursor = VersionCursor(self, query.bucket.within(.upload))
        let marker = query.keyMarker ?? []
        if let id = query.uploadMarker, query.keyMarker != nil, marker.starts(with: query.prefix) {
            // An upload that is gone by now has no place: its key is listed again rather than cut short.
            let known = try upload(id).flatMap { $0.bucket == query.bucket ? $0 : nil }
            cursor.seek(known.map { $0.address.key.bytes + [0] } ?? UploadKey.prefix(Key(marker)))
        } else {
            guard let start = Self.start(query.prefix, query.delimiter, after: query.keyMarker) else { return page }
            cursor.seek(UploadKey.escape(start))
        }
        var row = try cursor.next()
        while let current = row {
            let key = UploadKey.objectKey(of: current.key.bytes)
            guard key.starts(with: query.prefix) else { break }
            guard let found = try cursor.current(current.key), found.record.kind == .object else {
                row = try cursor.nextKey()
                continue
            }
            guard page.entries.count < limit else {
                page.isTruncated = true
                break
            }
            if let rolled = key.rolledUp(behind: query.prefix.count, query.delimiter) {
                page.entries.append(.commonPrefix(rolled))
                guard let behind = UploadKey.escape(rolled).behindPrefix else { break }
                cursor.seek(behind)
                row = try cursor.next()
            } else {
                guard let upload = Upload(found.record) else { throw corrupt("versions, an upload") }
                page.entries.append(.upload(upload))
                row = try cursor.nextKey()
            }
        }
        return page
    }

    func corrupt(_ table: String) -> StoreError { .corrupt(what: "\(database.path): table \(table)") }
}
