/// Walks a bucket's versions in the order of key bytes, newest first, and jumps over what nobody asked for.
///
/// A jump is a new seek in the tree; walking a row is cheaper than a jump, so a few rows are walked before one.
final class VersionCursor {
    struct Row {
        var key: Key
        var isNewest: Bool
    }

    private static let walkMax = 8

    private let reader: IndexReader
    private let bucket: BucketID
    private var isOpen = false
    /// The key of the row before this one, to tell whether this one is its key's newest.
    private var lastKey: [UInt8]?
    /// The row that `current` read too much.
    private var unread: Row?

    init(_ reader: IndexReader, _ bucket: BucketID) {
        self.reader = reader
        self.bucket = bucket
    }

    deinit { if isOpen { reader.rows.versionsFrom.reset() } }

    private static let anyStamp: [UInt8] = []

    /// Stands before the first row at or behind `key` (and `stamp`, in its sortable form).
    func seek(_ key: [UInt8], _ stamp: [UInt8]? = nil) {
        let statement = reader.rows.versionsFrom
        if isOpen { statement.reset() }
        isOpen = true
        statement.bind(1, bucket.column).bind(2, key).bind(3, stamp ?? Self.anyStamp)
        lastKey = nil
        unread = nil
    }

    /// The key of the next row and whether it is the first of its key since the last seek; nil at the bucket's end.
    func next() throws -> Row? {
        if let row = unread {
            unread = nil
            return row
        }
        let statement = reader.rows.versionsFrom
        guard try statement.step() else { return nil }
        let bytes = statement.blob(0)
        if let lastKey, lastKey.count == bytes.count, lastKey.elementsEqual(bytes) {
            return Row(key: Key(lastKey), isNewest: false)
        }
        let key = [UInt8](bytes)
        lastKey = key
        return Row(key: Key(key), isNewest: true)
    }

    /// The record of the row that `next` gave.
    func record(_ key: Key) throws -> RecordRow {
        let statement = reader.rows.versionsFrom
        return try reader.versions.decode(bucket, key, stamp: statement.blob(1), data: statement.blob(2))
    }

    /// The newest version or tombstone of the key whose newest row `next` gave; rows of changes above it are passed.
    func current(_ key: Key) throws -> RecordRow? {
        var found = try record(key)
        while found.record.kind.isChange {
            guard let row = try next() else { return nil }
            guard !row.isNewest else {
                unread = row
                return nil
            }
            found = try record(key)
        }
        return found
    }

    /// The next row of another key: walks a little, then jumps.
    func nextKey() throws -> Row? {
        for _ in 0..<Self.walkMax {
            guard let row = try next() else { return nil }
            if row.isNewest { return row }
        }
        guard let lastKey else { return nil }
        seek(lastKey + [0])
        return try next()
    }
}

extension [UInt8] {
    /// The first byte string behind all that begin with this one; nil if there is none.
    var behindPrefix: [UInt8]? {
        var bytes = self
        while let last = bytes.popLast() {
            if last < 0xff {
                bytes.append(last + 1)
                return bytes
            }
        }
        return nil
    }

    /// The part up to and with the first `delimiter` behind the first `skip` bytes.
    func rolledUp(behind skip: Int, _ delimiter: [UInt8]) -> [UInt8]? {
        guard !delimiter.isEmpty, count >= skip + delimiter.count else { return nil }
        var at = skip
        while at + delimiter.count <= count {
            if self[at..<at + delimiter.count].elementsEqual(delimiter) {
                return Array(self[..<(at + delimiter.count)])
            }
            at += 1
        }
        return nil
    }
}
