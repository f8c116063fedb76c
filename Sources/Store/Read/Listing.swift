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
            guard let found = try cursor.current(key), found.record.kind == .object else {
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
                page.entries.append(.object(try versions.shown(found).record))
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
            inside = (marker, try versions.head(query.bucket, Key(marker))?.row?.record.stamp)
            // A version `null` that is gone by now has no place: its key is listed again rather than cut short.
            cursor.seek(marker, stamp.map { $0.sortable + [0] })
        } else {
            guard let start = Self.start(query.prefix, query.delimiter, after: query.keyMarker) else { return page }
            cursor.seek(start)
        }
        // Whether the newest version or tombstone of the key at hand was passed.
        var isPassed = false
        while let row = try cursor.next() {
            let key = row.key
            guard key.bytes.starts(with: query.prefix) else { break }
            if row.isNewest { isPassed = false }
            let found = try cursor.record(key)
            guard !found.record.kind.isChange else { continue }
            let isLatest = key.bytes == inside?.key ? found.record.stamp == inside?.newest : !isPassed
            isPassed = true
            guard found.record.kind.isVersion else { continue }
            guard page.entries.count < limit else {
                page.isTruncated = true
                break
            }
            if let rolled = key.bytes.rolledUp(behind: query.prefix.count, query.delimiter) {
                page.entries.append(.commonPrefix(rolled))
                guard let behind = rolled.behindPrefix else { break }
                cursor.seek(behind)
            } else {
                page.entries.append(.version(try versions.shown(found).record, isLatest: isLatest))
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
    static func start(_ prefix: [UInt8], _ delimiter: [UInt8], after: [UInt8]?) -> [UInt8]? {
        guard let after, !after.lexicographicallyPrecedes(prefix) else { return prefix }
        if after.starts(with: prefix), let rolled = after.rolledUp(behind: prefix.count, delimiter) {
            return rolled.behindPrefix
        }
        return after + [0]
    }
}
