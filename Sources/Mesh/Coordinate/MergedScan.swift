internal import Glibc
internal import Store
internal import Swim

/// Pages of several holders as one: what each key is when all that they have of it is taken together.
///
/// Nothing is left out before the merge: a holder's tombstone has to meet another one's stale row. Of the keys only those
/// up to the horizon count, the least of the last keys of the pages that were cut short: behind it some holder has more to
/// say (Cassandra's short-read protection, by construction).
struct MergedScan {
    /// One key, merged.
    struct Entry {
        let key: [UInt8]
        /// The rows themselves, as far as a holder sent them.
        let raw: ArraySlice<Row>
        /// What several holders made of it; nil: what all of them sent is all there is.
        fileprivate let merged: KeyRows?
        /// Whether all who answer for the key showed the same.
        let isAgreed: Bool
        /// What holders of the key did not have.
        let missing: [(node: NodeID, row: Row)]

        var rows: KeyRows { merged ?? KeyRows(raw.map(\.ref)) }

        /// A version with the tags that it has now.
        private func version(_ ref: RowRef, of rows: KeyRows) -> Row? {
            guard var row = raw.first(where: { $0.stamp == ref.stamp }) else { return nil }
            if let retag = rows.retag(of: ref.stamp), let tags = raw.first(where: { $0.stamp == retag.stamp }) {
                row.record.tags = tags.record.tags
            }
            return row
        }

        /// What the register's read found, where the pages differed.
        fileprivate var settled: Row??

        /// The current version, if it is not a tombstone.
        var current: Row? {
            if let settled { return settled }
            // Nearly every key is one row.
            if raw.count == 1, let only = raw.first, only.record.kind == .object { return only }
            let rows = rows
            return rows.answer(to: .current).flatMap { version($0, of: rows) }
        }

        /// Objects and delete markers, newest first.
        var versions: [Row] {
            let rows = rows
            // A key may have very many: each is looked up, none searched for.
            let bodies = Dictionary(raw.map { ($0.stamp, $0) }, uniquingKeysWith: { first, _ in first })
            var tags: [Stamp: Stamp] = [:]
            // The newest of several wins.
            for ref in rows.rows.reversed() where ref.kind == .retag {
                if let target = ref.target { tags[target] = ref.stamp }
            }
            return rows.versions.compactMap { ref in
                guard var row = bodies[ref.stamp] else { return nil }
                if let retag = tags[ref.stamp].flatMap({ bodies[$0] }) { row.record.tags = retag.record.tags }
                return row
            }
        }
    }

    /// By key, none behind the horizon.
    private(set) var entries: [Entry] = []
    /// Behind this key nothing is known yet; nil: the pages say all there is.
    private(set) var horizon: [UInt8]?

    /// - Parameters:
    ///   - pages: of each node that was asked.
    ///   - holders: the nodes among them that answer for a key.
    ///   - wholeKeys: pages have all rows of their keys, not only those down to the current version.
    init(
        _ pages: [(node: NodeID, page: ScanPage)],
        wholeKeys: Bool,
        holders: (RowAddress) -> [NodeID]
    ) {
        for (_, page) in pages where page.isTruncated {
            guard let last = page.rows.last?.record.key.bytes else { continue }
            if horizon.map({ last.lexicographicallyPrecedes($0) }) ?? true { horizon = last }
        }
        entries.reserveCapacity(pages.map(\.page.rows.count).max() ?? 0)
        var cursors = pages.map { (node: $0.node, rows: $0.page.rows[...]) }
        var found: [(node: NodeID, rows: ArraySlice<Row>)] = []
        while let least = Self.leastKey(cursors) {
            if let horizon, horizon.lexicographicallyPrecedes(least) { break }
            found.removeAll(keepingCapacity: true)
            for index in cursors.indices {
                let rows = cursors[index].rows
                var end = rows.startIndex
                while end < rows.endIndex, Self.same(rows[end].record.key.bytes, least) { end += 1 }
                guard end > rows.startIndex else { continue }
                found.append((cursors[index].node, rows[..<end]))
                cursors[index].rows = rows[end...]
            }
            guard let address = found.first?.rows.first?.address else { break }
            entry(address, found, holders(address), wholeKeys: wholeKeys)
        }
    }

    /// The page that all holders have.
    init(agreed page: ScanPage) {
        if page.isTruncated { horizon = page.rows.last?.record.key.bytes }
        entries.reserveCapacity(page.rows.count)
        var rest = page.rows[...]
        while let first = rest.first {
            let key = first.record.key.bytes
            let end = rest.dropFirst().firstIndex { !Self.same($0.record.key.bytes, key) } ?? rest.endIndex
            entries.append(Entry(key: key, raw: rest[..<end], merged: nil, isAgreed: true, missing: []))
            rest = rest[end...]
        }
    }

    private mutating func entry(
        _ address: RowAddress,
        _ found: [(node: NodeID, rows: ArraySlice<Row>)],
        _ holders: [NodeID],
        wholeKeys: Bool
    ) {
        // What others still have of a key that they no longer answer for may be old.
        let found = found.filter { holders.contains($0.node) }
        guard let first = found.first else { return }
        let isAgreed = found.count == holders.count && found.dropFirst().allSatisfy { Self.same($0.rows, first.rows) }
        if isAgreed {
            entries.append(
                Entry(key: address.key.bytes, raw: first.rows, merged: nil, isAgreed: true, missing: [])
            )
            return
        }
        var rows = KeyRows()
        var raw: [Row] = []
        for page in found {
            rows.merge(page.rows.map(\.ref))
            for row in page.rows where !raw.contains(where: { $0.stamp == row.stamp }) { raw.append(row) }
        }
        let decisive = wholeKeys ? rows.rows : rows.chain(.current)
        var missing: [(node: NodeID, row: Row)] = []
        for node in holders {
            let own = found.first { $0.node == node }?.rows
            // Oldest first, so that a row arrives before the one that changes it.
            for ref in decisive.reversed() where own?.contains(where: { $0.stamp == ref.stamp }) != true {
                if let row = raw.first(where: { $0.stamp == ref.stamp }) { missing.append((node, row)) }
            }
        }
        entries.append(Entry(key: address.key.bytes, raw: raw[...], merged: rows, isAgreed: false, missing: missing))
    }

    mutating func settle(_ index: Int, _ current: Row?) { entries[index].settled = .some(current) }

    private static func same(_ a: ArraySlice<Row>, _ b: ArraySlice<Row>) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { $0.stamp == $1.stamp }
    }

    private static func leastKey(_ cursors: [(node: NodeID, rows: ArraySlice<Row>)]) -> [UInt8]? {
        var least: [UInt8]?
        for cursor in cursors {
            guard let key = cursor.rows.first?.record.key.bytes else { continue }
            if let known = least, same(known, key) || known.lexicographicallyPrecedes(key) { continue }
            least = key
        }
        return least
    }

    private static func same(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count
            && a.withUnsafeBytes { a in b.withUnsafeBytes { b in a.elementsEqualBytes(b) } }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func elementsEqualBytes(_ other: UnsafeRawBufferPointer) -> Bool {
        guard let mine = baseAddress, let theirs = other.baseAddress else { return count == other.count }
        return memcmp(mine, theirs, count) == 0
    }
}
