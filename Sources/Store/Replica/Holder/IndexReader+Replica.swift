import NIOCore

/// What a holder tells of its rows, as coordinators and other holders ask for them.
extension IndexReader {
    /// What is here of a key, and the version that is asked for. `newest`, for `.current` only: that version, if it is
    /// also the newest row of its key, for the hot records; with its small body if that was asked for and is sound.
    func look(
        _ address: RowAddress,
        _ selector: VersionSelector,
        _ depth: LookDepth
    ) throws -> (view: KeyView, newest: Found?) {
        try begin()
        let near = try rows(about: selector, of: address)
        let rows = KeyRows(near.map(\.ref))
        var view = KeyView(chain: rows.chain(selector), found: nil)
        if near.isEmpty { try versions.checkMissing(address.bucket, address.key) }
        guard let answer = rows.answer(to: selector),
            let kept = near.first(where: { $0.record.stamp == answer.stamp })
        else { return (view, nil) }
        // A look at stamps alone reads on as well, so that the next one finds the record in memory.
        let isNewest = selector == .current && view.chain.count == 1 && answer.stamp == view.top
        guard depth != .stamps || isNewest else { return (view, nil) }
        let shown = try versions.shown(kept)
        var row = Row(record: shown.record, body: shown.record.body == .empty ? .empty : .absent)
        if depth == .body, address.bucket.space == .upload {
            row.body = try bytesOfParts(of: shown.record)
        } else if depth == .body {
            // Bytes that are damaged here are with others, and this holder's word on the order is as good as before.
            do { row.body = try versions.row(kept).body } catch StoreError.corrupt
                where kept.record.body == .inline
            { row.body = .absent }
        }
        if depth != .stamps { view.found = row }
        guard isNewest else { return (view, nil) }
        var bytes: ByteBuffer?
        if case .inline(let inline) = row.body { bytes = inline }
        return (view, Found(record: shown.record, inlineBody: bytes, isCurrent: true))
    }

    /// What became of the bytes of the parts that an upload's completion names: see `LookDepth.body`.
    private func bytesOfParts(of upload: Record) throws -> RowBody {
        guard let completion = UploadRow(upload)?.completion else { return .absent }
        var missing = Set(completion.parts.map(\.op))
        var isHandedOver = false
        try versions.each(of: upload.bucket.within(.part), prefix: upload.key.bytes) { part in
            isHandedOver = part.isHandedOver(to: completion.op) && missing.contains(part.record.op)
            let isHere = part.record.body != .absent && !part.lacksBytes
            if isHere { missing.remove(part.record.op) }
            return !isHandedOver
        }
        if isHandedOver { return .handedOver }
        return missing.isEmpty ? .staged : .absent
    }

    /// The rows of `KeyRows.chain`, or more, newest first.
    private func rows(about selector: VersionSelector, of address: RowAddress) throws -> [RecordRow] {
        if case .stamp(let stamp) = selector, let few = try rows(about: stamp, of: address) { return few }
        var rows: [RecordRow] = []
        try versions.each(of: address.bucket, address.key) { row in
            rows.append(row)
            return selector != .current || row.record.kind.isChange
        }
        return rows
    }

    /// The same for a version that is here, by point reads: it was not removed, and knows its last retag. Nil: the
    /// version is not here, or rows about versions `null` may lie anywhere above it.
    private func rows(about stamp: Stamp, of address: RowAddress) throws -> [RecordRow]? {
        guard let version = try versions.exact(address.bucket, address.key, stamp), try counters().nullMarks == 0,
            let top = try versions.top(address)
        else { return nil }
        let retag = try version.retag.flatMap { try versions.exact(address.bucket, address.key, $0) }
        let head = try versions.head(address.bucket, address.key)?.row
        let null = try versions.null(address.bucket, address.key, head: head)
        var rows: [RecordRow] = []
        for row in [top, retag, version, null].compactMap({ $0 }).sorted(by: { $0.record.stamp > $1.record.stamp })
        where rows.last?.record.stamp != row.record.stamp {
            rows.append(row)
        }
        return rows
    }

    /// As they stood when this look at the index began.
    private func counters() throws -> Counters {
        defer { rows.counters.reset() }
        guard try rows.counters.step(), let counters = try? SmallRows.counters(rows.counters.blob(0)) else {
            throw corrupt("counters")
        }
        return counters
    }

    func fetch(_ address: RowAddress, _ stamps: [Stamp]) throws -> [Row] {
        try begin()
        return try stamps.prefix(ReplicaCall.fetchMax).compactMap { stamp in
            try versions.exact(address.bucket, address.key, stamp).map { try versions.row($0) }
        }
    }

    func wanted(after: RowAddress?, limit: Int) throws -> [(RowAddress, Stamp)] {
        try begin()
        let statement = try database.prepare(
            "SELECT bucket, key, stamp FROM wanted WHERE (bucket, key) > (?1, ?2) ORDER BY bucket, key, stamp"
        )
        statement.bind(1, after?.bucket.column ?? .min).bind(2, after?.key.bytes ?? [])
        var found: [(RowAddress, Stamp)] = []
        while try statement.step() {
            let address = RowAddress(BucketID(column: statement.int(0)), Key([UInt8](statement.blob(1))))
            if found.count >= limit, found.last?.0 != address { break }
            guard let stamp = try? Stamp(sortable: statement.blob(2)) else { throw corrupt("wanted") }
            found.append((address, stamp))
        }
        return found
    }

    // MARK: Scans

    /// Keys in one page at most (what S3 lists, and one that says whether there is more), and the bytes of rows after
    /// which a page ends with its key; with twice as many it ends in the middle of the key: a page is one frame.
    private static let scanKeysMax = 1001
    private static let scanBytesMax = 512 << 10

    func scan(_ query: ScanQuery) throws -> ScanPage {
        try begin()
        var page = ScanPage(rows: [], isTruncated: false)
        let limit = min(max(query.limit, 0), Self.scanKeysMax)
        guard limit > 0 else { return page }
        let cursor = VersionCursor(self, query.bucket)
        if let key = query.after, let stamp = query.inside {
            cursor.seek(key, stamp.sortable + [0])
        } else {
            guard let start = Self.start(query.prefix, query.delimiter, after: query.after) else { return page }
            cursor.seek(start)
        }
        var (keys, bytes) = (0, 0)
        var next = try cursor.next()
        while let row = next {
            let key = row.key
            guard key.bytes.starts(with: query.prefix) else { break }
            if let before = query.before, !key.bytes.lexicographicallyPrecedes(before) { break }
            guard keys < limit, bytes < Self.scanBytesMax else {
                page.isTruncated = true
                break
            }
            keys += 1
            let first = page.rows.count
            switch try collect(key, cursor, query.allVersions, into: &page.rows, &bytes) {
            case .done(let row): next = row
            case .cut:
                // Whoever asks for what is behind the last whole key gets this one first.
                if keys > 1 { page.rows.removeSubrange(first...) }
                page.isCut = keys == 1
                page.isTruncated = true
                return page
            }
            let added = page.rows[first...]
            let lives = added.contains { query.allVersions ? $0.record.kind.isVersion : $0.record.kind == .object }
            guard lives, let rolled = key.bytes.rolledUp(behind: query.prefix.count, query.delimiter) else { continue }
            guard let behind = rolled.behindPrefix else { break }
            cursor.seek(behind)
            next = try cursor.next()
        }
        return page
    }

    private enum Collected {
        /// All rows were collected; the first one behind them.
        case done(VersionCursor.Row?)
        /// The page is full in the middle of the key.
        case cut
    }

    /// The rows of the key under the cursor.
    private func collect(
        _ key: Key,
        _ cursor: VersionCursor,
        _ allVersions: Bool,
        into rows: inout [Row],
        _ bytes: inout Int
    ) throws -> Collected {
        while true {
            let record = try cursor.record(key).record
            let size = 128 + key.bytes.count + record.attributes.count + record.tags.count
            if bytes + size > 2 * Self.scanBytesMax, !rows.isEmpty { return .cut }
            bytes += size
            rows.append(Row(record: record, body: record.body == .empty ? .empty : .absent))
            if !allVersions, !record.kind.isChange { return .done(try cursor.nextKey()) }
            guard let next = try cursor.next() else { return .done(nil) }
            if next.isNewest { return .done(next) }
        }
    }
}
