internal import Store
internal import struct Store.Record
internal import Swim

/// S3's lists over several holders: pages are merged before anything is left out, and rolled up behind that.
extension Coordinator {
    /// Keys that one round asks for at least: tombstones are among them.
    fileprivate static let roundMin = 64

    func list(_ query: ListQuery, _ mesh: MeshSide) async throws -> ListPage {
        let limit = min(max(query.limit, 0), Self.pageMax)
        var page = ListPage(entries: [], isTruncated: false)
        guard limit > 0 else { return page }
        var walk = Walk(query.bucket, query.prefix, query.delimiter, after: query.after)
        walk.scan.limit = walk.isRolling ? Self.roundMin : max(limit + 1, Self.roundMin)
        while true {
            let merged = try await scan(walk.scan, .bucket, mesh)
            let before = page.entries.count
            var behind: [UInt8]?
            for entry in merged.entries {
                if let behind, !behind.lexicographicallyPrecedes(entry.key) { continue }
                guard let current = entry.current, current.record.kind == .object else { continue }
                guard page.entries.count < limit else {
                    page.isTruncated = true
                    return page
                }
                guard let rolled = walk.rolledUp(entry.key) else {
                    page.entries.append(.object(current.shown))
                    continue
                }
                page.entries.append(.commonPrefix(rolled))
                behind = Walk.end(of: rolled)
            }
            guard let next = walk.next(merged, behind) else { return page }
            walk.scan.after = next
            walk.pace(page.entries.count - before, most: max(limit + 1, Self.roundMin))
            // All that is still asked is whether there is one more.
            if page.entries.count == limit { walk.scan.limit = Self.roundMin }
        }
    }

    func listVersions(
        _ query: VersionsQuery,
        _ mesh: MeshSide,
        settles: Bool = true
    ) async throws -> VersionsPage {
        let limit = min(max(query.limit, 0), Self.pageMax)
        var page = VersionsPage(entries: [], isTruncated: false)
        guard limit > 0 else { return page }
        let isInside = query.versionMarker != nil && query.keyMarker?.starts(with: query.prefix) == true
        var walk = Walk(query.bucket, query.prefix, query.delimiter, after: isInside ? nil : query.keyMarker)
        if isInside, let marker = query.keyMarker { walk.scan.after = Walk.predecessor(of: marker) }
        walk.scan.allVersions = true
        walk.scan.limit = max(limit + 1, Self.roundMin)
        while true {
            let merged = try await scan(walk.scan, .bucket, mesh, settles: settles)
            var behind: [UInt8]?
            for entry in merged.entries {
                if let behind, !behind.lexicographicallyPrecedes(entry.key) { continue }
                let isMarked = isInside && entry.key == query.keyMarker
                var isLatest = true
                let versions = entry.versions
                let marker = isMarked ? Self.place(of: query.versionMarker, in: entry) : nil
                for version in versions {
                    defer { isLatest = false }
                    if let marker, version.stamp >= marker { continue }
                    guard page.entries.count < limit else {
                        page.isTruncated = true
                        return page
                    }
                    if !isMarked, let rolled = walk.rolledUp(entry.key) {
                        page.entries.append(.commonPrefix(rolled))
                        behind = Walk.end(of: rolled)
                        break
                    }
                    page.entries.append(.version(version.shown, isLatest: isLatest))
                }
            }
            guard let next = walk.next(merged, behind) else { return page }
            walk.scan.after = next
            if page.entries.count == limit { walk.scan.limit = Self.roundMin }
        }
    }

    /// A version `null` that is gone by now has no place: its key is listed again rather than cut short.
    private static func place(of marker: VersionSelector?, in entry: MergedScan.Entry) -> Stamp? {
        switch marker {
        case .stamp(let stamp): stamp
        case .null: entry.rows.answer(to: .null)?.stamp
        case .current, nil: nil
        }
    }

    func listUploads(_ query: UploadsQuery, _ mesh: MeshSide) async throws -> UploadsPage {
        let limit = min(max(query.limit, 0), Self.pageMax)
        var page = UploadsPage(entries: [], isTruncated: false)
        guard limit > 0 else { return page }
        var scan = ScanQuery(bucket: query.bucket.within(.upload), limit: max(limit + 1, Self.roundMin))
        scan.prefix = UploadKey.escape(query.prefix)
        if let marker = query.keyMarker {
            let key = Key(marker)
            if let id = query.uploadMarker {
                scan.after = UploadKey.upload(key, initiatedMillis: id.initiatedMillis, id).bytes
            } else {
                let walk = Walk(query.bucket, query.prefix, query.delimiter, after: nil)
                let rolled = marker.starts(with: query.prefix) ? walk.rolledUp(marker) : nil
                scan.after = rolled.map { Walk.end(of: UploadKey.escape($0)) } ?? Walk.end(of: UploadKey.prefix(key))
            }
        }
        let walk = Walk(query.bucket, query.prefix, query.delimiter, after: nil)
        while true {
            let merged = try await self.scan(scan, .bucket, mesh)
            var behind: [UInt8]?
            for entry in merged.entries {
                if let behind, !behind.lexicographicallyPrecedes(entry.key) { continue }
                guard let current = entry.current, let upload = Self.upload(current.record) else { continue }
                guard page.entries.count < limit else {
                    page.isTruncated = true
                    return page
                }
                if let rolled = walk.rolledUp(upload.key.bytes) {
                    page.entries.append(.commonPrefix(rolled))
                    behind = Walk.end(of: UploadKey.escape(rolled))
                } else {
                    page.entries.append(.upload(upload))
                }
            }
            guard let next = walk.next(merged, behind) else { return page }
            scan.after = next
        }
    }

    func parts(of upload: Upload, after: UInt16, limit: Int, _ mesh: MeshSide) async throws -> [Part] {
        guard limit > 0 else { return [] }
        let key = Self.key(of: upload)
        var query = ScanQuery(bucket: upload.bucket.within(.part), limit: min(limit, 10_000))
        query.prefix = key.bytes
        query.after = UploadKey.part(key, after).bytes
        let address = RowAddress(query.bucket, UploadKey.part(key, 0))
        var parts: [Part] = []
        while true {
            let merged = try await scan(query, .key(address), mesh)
            for entry in merged.entries {
                guard let record = entry.current?.record, let number = UploadKey.partNumber(of: entry.key) else {
                    continue
                }
                var part = Part(
                    number: number,
                    blob: BlobID(rawValue: 0),
                    size: record.size,
                    etag: record.etag,
                    modifiedMillis: record.modifiedMillis,
                    attributes: record.attributes
                )
                part.op = record.op
                parts.append(part)
                if parts.count == limit { return parts }
            }
            guard let next = merged.horizon else { return parts }
            query.after = next
        }
    }

    static let pageMax = 1000
}

/// Where a listing is in its bucket.
private struct Walk {
    var scan: ScanQuery
    private let prefixCount: Int
    private let delimiter: [UInt8]

    init(_ bucket: BucketID, _ prefix: [UInt8], _ delimiter: [UInt8], after: [UInt8]?) {
        scan = ScanQuery(bucket: bucket, limit: 1)
        scan.prefix = prefix
        prefixCount = prefix.count
        self.delimiter = delimiter
        guard let after, !after.lexicographicallyPrecedes(prefix) else { return }
        // A common prefix that the marker begins with sorts before it: all of it is skipped.
        scan.after = after.starts(with: prefix) ? rolledUp(after).map { Self.end(of: $0) } ?? after : after
    }

    var isRolling: Bool { !delimiter.isEmpty }

    /// A common prefix may hold any number of keys, of which the first is enough: rounds grow only while they pay.
    mutating func pace(_ gained: Int, most: Int) {
        guard isRolling else { return }
        scan.limit = gained * 2 >= scan.limit ? min(scan.limit * 2, most) : Coordinator.roundMin
    }

    /// The common prefix of a key that starts with the listing's prefix.
    func rolledUp(_ key: [UInt8]) -> [UInt8]? {
        guard !delimiter.isEmpty, key.count > prefixCount else { return nil }
        var start = prefixCount
        while start + delimiter.count <= key.count {
            if key[start..<start + delimiter.count].elementsEqual(delimiter) {
                return Array(key[..<(start + delimiter.count)])
            }
            start += 1
        }
        return nil
    }

    /// Behind every key that starts with these bytes, and before all that are behind those: keys are UTF-8, or escaped,
    /// and neither has such a byte there.
    static func end(of prefix: [UInt8]) -> [UInt8] { prefix + [0xff] }

    /// The next place to go on from, behind the horizon and behind a common prefix; nil: that was all.
    func next(_ merged: MergedScan, _ behind: [UInt8]?) -> [UInt8]? {
        guard let horizon = merged.horizon else { return nil }
        guard let behind, horizon.lexicographicallyPrecedes(behind) else { return horizon }
        return behind
    }

    /// Some bytes before the key with no possible key between.
    static func predecessor(of key: [UInt8]) -> [UInt8]? {
        guard let last = key.last else { return nil }
        return last == 0 ? Array(key.dropLast()) : key.dropLast() + [last - 1, 0xff]
    }
}

extension Row {
    /// The record as a caller sees it: where its bytes are is said by the row.
    var shown: Record {
        var record = record
        record.body =
            switch body {
            case .inline: .inline
            case .parts: .parts
            case .empty: .empty
            // What came without its bytes: the list of parts is asked for when it is needed, and whether bytes are inline
            // matters to nobody who did not ask for them.
            case .staged, .absent, .handedOver:
                if record.etag.parts > 0 { .parts } else { record.size == 0 ? .empty : .blob(BlobID(rawValue: 0)) }
            }
        return record
    }
}
