/// Pages of keys, versions and uploads: what S3's three list calls ask of the index.
///
/// A page costs one seek for each key or common prefix that is not the neighbour of the one before, whatever lies
/// between.
extension IndexReader {
    static let pageMax = 1000

    func list(_ query: ListQuery) throws -> ListPage {
        try begin()
        let limit = min(max(query.limit, 0), Self.pageMax)
        var page = ListPage(entries: [], isTruncated: false)
        guard limit > 0, let start = Self.start(query.prefix, query.delimiter, after: query.after) else { return page }
        let cursor = VersionCursor(self, query.bucket)
        cursor.seek(start)
        var row = try cursor.next()
        while let current = row {
            let key = current.key
            guard key.bytes.starts(with: query.prefix) else { break }
            let record = try cursor.record(key).record
            guard record.kind == .object else {
                row = try cursor.nextKey()
                continue
            }
            guard page.entries.count < limit else {
                page.isTruncated = true
                break
            }
            if let rolled = key.bytes.rolledUp(behind: query.prefix.count, query.delimiter) {
                page.entries.append(.commonPrefix(rolled))
                guard let behind = rolled.behindPrefix else { break }
                cursor.seek(behind)
                row = try cursor.next()
            } else {
                page.entries.append(.object(record))
                row = try cursor.nextKey()
            }
        }
        return page
    }

    func listVersions(_ query: VersionsQuery) throws -> VersionsPage {
        try begin()
        let limit = min(max(query.limit, 0), Self.pageMax)
        var page = VersionsPage(entries: [], isTruncated: false)
        guard limit > 0 else { return page }
        let cursor = VersionCursor(self, query.bucket)
        // Inside a key, behind one of its versions, only its newest is the newest.
        var inside: (key: [UInt8], newest: Stamp?)?
        if let marker = query.keyMarker, let version = query.versionMarker, marker.starts(with: query.prefix) {
            let stamp = try stamp(of: version, query.bucket, Key(marker))
            inside = (marker, try versions.head(query.bucket, Key(marker))?.record.stamp)
            // A version `null` that is gone by now has no place: its key is listed again rather than cut short.
            cursor.seek(marker, stamp.map { $0.sortable + [0] })
        } else {
            guard let start = Self.start(query.prefix, query.delimiter, after: query.keyMarker) else { return page }
            cursor.seek(start)
        }
        while let row = try cursor.next() {
            let key = row.key
            guard key.bytes.starts(with: query.prefix) else { break }
            guard page.entries.count < limit else {
                page.isTruncated = true
                break
            }
            if let rolled = key.bytes.rolledUp(behind: query.prefix.count, query.delimiter) {
                page.entries.append(.commonPrefix(rolled))
                guard let behind = rolled.behindPrefix else { break }
                cursor.seek(behind)
            } else {
                let record = try cursor.record(key).record
                let isLatest = key.bytes == inside?.key ? record.stamp == inside?.newest : row.isNewest
                page.entries.append(.version(record, isLatest: isLatest))
            }
        }
        return page
    }

    /// The stamp that a version marker stands for.
    private func stamp(of version: VersionSelector, _ bucket: BucketID, _ key: Key) throws -> Stamp? {
        if case .stamp(let stamp) = version { return stamp }
        return try versions.select(bucket, key, version)?.row.record.stamp
    }

    /// Where a listing begins; nil: behind its end. A common prefix that the marker begins with sorts before it, so that
    /// all of it is skipped.
    private static func start(_ prefix: [UInt8], _ delimiter: [UInt8], after: [UInt8]?) -> [UInt8]? {
        guard let after, !after.lexicographicallyPrecedes(prefix) else { return prefix }
        if after.starts(with: prefix), let rolled = after.rolledUp(behind: prefix.count, delimiter) {
            return rolled.behindPrefix
        }
        return after + [0]
    }

    // MARK: Uploads

    func upload(_ id: UploadID) throws -> Upload? {
        try begin()
        rows.upload.bind(1, id.column)
        defer { rows.upload.reset() }
        guard try rows.upload.step() else { return nil }
        do { return try SmallRows.upload(id, rows.upload.blob(0)) } catch { throw corrupt("uploads") }
    }

    func parts(_ id: UploadID, after: UInt16, limit: Int) throws -> [Part] {
        try begin()
        rows.parts.bind(1, id.column).bind(2, Int64(after)).bind(3, Int64(min(max(limit, 0), 10_000)))
        defer { rows.parts.reset() }
        var parts: [Part] = []
        while try rows.parts.step() {
            guard let number = UInt16(exactly: rows.parts.int(0)) else { throw corrupt("parts") }
            do { parts.append(try SmallRows.part(number, of: id, rows.parts.blob(1))) } catch { throw corrupt("parts") }
        }
        return parts
    }

    func listUploads(_ query: UploadsQuery) throws -> UploadsPage {
        try begin()
        let limit = min(max(query.limit, 0), Self.pageMax)
        var page = UploadsPage(entries: [], isTruncated: false)
        guard limit > 0 else { return page }
        let statement = rows.uploadsFrom
        defer { statement.reset() }
        func seek(_ key: [UInt8], _ initiated: Int64, _ id: [UInt8]) {
            statement.reset()
            statement.bind(1, query.bucket.column).bind(2, key).bind(3, initiated).bind(4, id)
        }
        let marker = query.keyMarker ?? []
        if let id = query.uploadMarker, query.keyMarker != nil, marker.starts(with: query.prefix) {
            // An upload that is gone by now has no place: its key is listed again rather than cut short.
            let known = try upload(id)
            seek(marker, known.map { Int64(clamping: $0.initiatedMillis) } ?? -1, known == nil ? [] : id.column)
        } else {
            guard let start = Self.start(query.prefix, query.delimiter, after: query.keyMarker) else { return page }
            seek(start, -1, [])
        }
        while try statement.step() {
            let key = [UInt8](statement.blob(0))
            guard key.starts(with: query.prefix) else { break }
            guard page.entries.count < limit else {
                page.isTruncated = true
                break
            }
            if let rolled = key.rolledUp(behind: query.prefix.count, query.delimiter) {
                page.entries.append(.commonPrefix(rolled))
                guard let behind = rolled.behindPrefix else { break }
                seek(behind, -1, [])
                continue
            }
            do {
                let id = try UploadID(column: statement.blob(2))
                page.entries.append(.upload(try SmallRows.upload(id, statement.blob(3))))
            } catch { throw corrupt("uploads") }
        }
        return page
    }

    func corrupt(_ table: String) -> StoreError { .corrupt(what: "\(database.path): table \(table)") }
}
