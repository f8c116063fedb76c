import NIOCore

/// A holder takes a row in: what `KeyRules` decides, done to the table.
extension IndexWriter {
    /// Rows larger than this are nobody's: the list of ten thousand parts is the largest value there is.
    private static let attributesBytesMax = 2 << 20
    private static let inlineBytesMax = 1 << 20

    /// Takes a decided row. `isRepair`: it was decided before the bucket was closed, or nobody can tell.
    func commit(_ row: Row, isRepair: Bool) throws -> ReplicaReply {
        let address = row.address
        guard isSound(row) else { return .refused(.invalid) }
        if pending.burials.isGone(address.bucket) {
            giveUp(bytesOf: row)
            return isRepair ? .stored(.superseded) : .refused(.bucketClosed)
        }
        if try versions.isOfEndedUpload(address) {
            giveUp(bytesOf: row)
            return .stored(.superseded)
        }
        let near = try rows(near: row.ref, at: address)
        let kept = pending.counters.instances > 0 ? try versions.instance(address) : nil
        let known = try kept.flatMap { try bearing($0, on: row) }
        let decision = KeyRules.commit(
            row.ref,
            among: KeyRows(near.map(\.ref)),
            kept: known,
            settled: pending.fencing.settled,
            isClosed: !isRepair && isClosed(address.bucket)
        )
        switch decision {
        case .closed: return .refused(.bucketClosed)
        case .invalid: return .refused(.invalid)
        case .pending(let ballot): return .outbid(ballot)
        case .void:
            giveUp(bytesOf: row)
            return .stored(.superseded)
        case .known:
            guard let known = near.first(where: { $0.record.stamp == row.stamp }) else { return .refused(.invalid) }
            return .stored(try complete(known, with: row) || !pending.fencing.keepsBytes ? .complete : .withoutBytes)
        case .store(let dropping):
            let isNewest = near.allSatisfy { $0.record.stamp < row.stamp }
            let new = try keptRow(of: row, kept)
            try place(new, near: near, dropping: Set(dropping))
            if isNewest, let kept { try outlast(kept, row, known?.instance) }
            if address.bucket.space == .upload, row.record.kind == .tombstone { try endUpload(address) }
            // A witness has all that it is to have.
            return .stored(new.lacksBytes && pending.fencing.keepsBytes ? .withoutBytes : .complete)
        }
    }

    /// What is kept about an absent key, if the row may bear on it.
    private func bearing(_ kept: KeptInstance, on row: Row) throws -> (instance: OpenInstance, chain: KeyRows)? {
        guard kept.predecessor == nil, row.stamp.t <= pending.fencing.settled else { return nil }
        return (try open(kept, row.address), KeyRows(try chain(row.address)))
    }

    /// The newest row of the key was stored: an instance is over, or what is left of it stays.
    private func outlast(_ kept: KeptInstance, _ row: Row, _ instance: OpenInstance?) throws {
        let takenOver = kept.accepted?.row.ref == row.ref
        guard let instance, let rest = try base(row.address).outlasting(instance) else {
            return try forget(kept, row.address, takenOver: takenOver)
        }
        try keep(KeptInstance(rest, of: kept), in: row.address, over: kept, takenOver: takenOver)
    }

    private func isSound(_ row: Row) -> Bool {
        let record = row.record
        let space = record.bucket.space
        guard !record.key.bytes.isEmpty, space != .object || record.key.bytes.count <= Key.bytesMax,
            space == .object || record.isNull,
            record.attributes.count + record.tags.count <= Self.attributesBytesMax
        else { return false }
        guard record.kind == .object else { return record.size == 0 && (row.body == .empty || row.body == .absent) }
        switch row.body {
        case .empty: return record.size == 0
        case .inline(let bytes):
            return UInt64(bytes.readableBytes) == record.size && bytes.readableBytes <= Self.inlineBytesMax
                && space == .object
        case .parts(let parts): return space == .object && parts.reduce(0) { $0 &+ $1.size } == record.size
        case .staged, .absent: return space == .object || space == .part || record.size == 0
        case .handedOver: return false
        }
    }

    func isClosed(_ bucket: BucketID) -> Bool {
        guard bucket.space != .system else { return false }
        return !pending.closed.isEmpty && pending.closed.contains(bucket.within(.object))
            || pending.burials.isGone(bucket)
    }

    // MARK: The rows that a decision needs

    /// Rows of the key enough to decide about `row`, newest first: see `KeyRules.commit`.
    private func rows(near row: RowRef, at address: RowAddress) throws -> [RecordRow] {
        var found: [RecordRow] = []
        var isEnough = false
        try versions.each(of: address.bucket, address.key) { other in
            found.append(other)
            guard found.count == 1 else { return true }
            if row.isVersion, !row.isNull, row.stamp > other.record.stamp, !other.record.kind.isChange {
                isEnough = true
                return false
            }
            return other.record.isNull || row.isNull
        }
        guard !isEnough, let top = found.first, !row.isNull, !top.record.isNull else { return found }
        if let few = try relatives(of: row, under: top) { return few }
        var all: [RecordRow] = []
        try versions.each(of: address.bucket, address.key) { other in
            all.append(other)
            return true
        }
        return all
    }

    /// The same for a row and a newest row that are not of the null class, by point reads; nil: all rows are needed.
    private func relatives(of row: RowRef, under top: RecordRow) throws -> [RecordRow]? {
        var found = [top]
        var subjects: [Stamp] = []
        if row.isVersion {
            // Changes are newer than what they are about.
            guard row.stamp > top.record.stamp else { return nil }
        } else {
            subjects.append(row.subject)
        }
        if let target = top.record.target, target != row.subject { subjects.append(target) }
        for subject in subjects {
            guard let version = try versions.exact(top.record.bucket, top.record.key, subject) else {
                // Once removed, a version has no other rows about it but the removal.
                guard top.record.kind == .removal, top.record.target == subject else { return nil }
                continue
            }
            found.append(version)
            if let retag = version.retag,
                let change = try versions.exact(top.record.bucket, top.record.key, retag)
            {
                found.append(change)
            }
        }
        var seen: Set<Stamp> = []
        return found.filter { seen.insert($0.record.stamp).inserted }.sorted { $0.record.stamp > $1.record.stamp }
    }

    // MARK: Placing

    private func place(_ new: RecordRow, near: [RecordRow], dropping: Set<Stamp>) throws {
        let record = new.record
        var droppedNull = false
        var left: [RecordRow] = []
        for old in near {
            guard dropping.contains(old.record.stamp) else {
                left.append(old)
                continue
            }
            try erase(old)
            if old.record.isNull, !old.record.kind.isChange { droppedNull = true }
        }
        if droppedNull, hasNulls { try forgetNull(record.bucket, record.key) }
        var new = new
        if record.kind.isChange {
            if record.kind == .retag, var version = left.first(where: { $0.record.stamp == record.target }),
                version.retag.map({ $0 < record.stamp }) ?? true
            {
                version.retag = record.stamp
                try rewrite(version)
            }
        } else {
            new.retag = left.first { $0.record.kind == .retag && $0.record.target == record.stamp }?.record.stamp
            try keepNull(new, among: left)
        }
        try insert(new)
    }

    /// The version `null` is found through `nulls` when other versions are above it.
    private func keepNull(_ new: RecordRow, among left: [RecordRow]) throws {
        let record = new.record
        if record.isNull {
            if left.contains(where: { $0.record.stamp > record.stamp && !$0.record.kind.isChange }) {
                try setNull(record)
            }
        } else if let top = left.first {
            let newest = top.record.kind.isChange ? try versions.head(record.bucket, record.key)?.row : top
            if let newest, newest.record.isNull, newest.record.stamp < record.stamp { try setNull(newest.record) }
        }
    }

    // MARK: Uploads that ended

    /// An upload that is done or aborted is a tombstone, and its parts' rows exist nowhere any more.
    private func endUpload(_ address: RowAddress) throws {
        for part in try parts(of: address) { try erase(part) }
    }
}

extension VersionRows {
    /// Whether it is the row of a part whose upload is done or was aborted.
    func isOfEndedUpload(_ address: RowAddress) throws -> Bool {
        guard address.bucket.space == .part, let end = UploadKey.identity(of: address.key.bytes)?.end else {
            return false
        }
        let upload = Key(Array(address.key.bytes[..<end]))
        return try head(address.bucket.within(.upload), upload)?.row?.record.kind == .tombstone
    }
}
