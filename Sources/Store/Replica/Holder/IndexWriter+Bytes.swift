import NIOCore

/// Where the bytes of a row that came from a coordinator are: in the row, staged under its operation, accepted with it
/// before, or in the rows of the parts that it is made of.
extension IndexWriter {
    /// A blob that is not here.
    static let noBlob = BlobID(rawValue: 0)

    /// The row with the place of its bytes; what is staged for it becomes part of the index.
    func keptRow(of row: Row, _ instance: KeptInstance?) throws -> RecordRow {
        if let accepted = instance?.accepted?.row, accepted.ref == row.ref {
            // What `.parts` names was left in the parts' rows until now.
            if accepted.record.body != .parts, !accepted.lacksBytes { return accepted }
        }
        var record = row.record
        switch row.body {
        case .inline(let bytes) where record.size > 0 && pending.fencing.keepsBytes:
            record.body = .inline
            return RecordRow(record, bodyID: try bytes.withUnsafeReadableBytes { try insertBody($0) })
        case .parts(let names):
            let (parts, isWhole) = try adoptParts(names, of: record)
            record.body = .parts
            let body = try SmallRows.encode(parts).withUnsafeBytes { try insertBody($0) }
            return RecordRow(record, bodyID: body, lacksBytes: !isWhole)
        case .empty, .inline, .staged, .absent, .handedOver:
            if let blob = try adoptStaged(record.op, size: record.size), record.kind == .object {
                record.body = .blob(blob)
                return RecordRow(record, bodyID: blob.rawValue)
            }
            let isEmpty = record.size == 0
            record.body = isEmpty ? .empty : .absent
            return RecordRow(record, bodyID: 0, lacksBytes: !isEmpty)
        }
    }

    /// Fills in bytes that were missing when a row came; true: they are all here.
    func complete(_ known: RecordRow, with row: Row) throws -> Bool {
        guard known.lacksBytes else {
            giveUp(bytesOf: row)
            return true
        }
        if known.record.body == .parts {
            if case .parts(let names) = row.body, (try? versions.manifest(known.bodyID, of: known.record)) == nil {
                return try replaceManifest(of: known, names)
            }
            return try fillParts(known, ops: [])
        }
        let new = try keptRow(of: row, nil)
        guard !new.lacksBytes else { return false }
        try drop(bytesOf: known)
        var filled = known
        filled.record.body = new.record.body
        filled.bodyID = new.bodyID
        filled.lacksBytes = false
        try rewrite(filled, lacked: true)
        return true
    }

    /// Bytes that came late: staged under `ops`, one for each part, or one. True: nothing is missing any more.
    func supply(_ address: RowAddress, _ stamp: Stamp, ops: [OpID]) throws -> Bool {
        defer { for op in ops { giveUp(op) } }
        guard var row = try versions.exact(address.bucket, address.key, stamp) else { return false }
        guard row.lacksBytes else { return true }
        if row.record.body == .parts { return try fillParts(row, ops: ops) }
        guard let op = ops.first, let blob = try adoptStaged(op, size: row.record.size) else { return false }
        try drop(bytesOf: row)
        row.record.body = .blob(blob)
        row.bodyID = blob.rawValue
        row.lacksBytes = false
        try rewrite(row, lacked: true)
        return true
    }

    /// Where an object that is here became of a part, the part's bytes are the object's, wherever they are: nobody has
    /// them under the part's name, and they are not wanted any more. Whether it is so.
    func waive(_ address: RowAddress, _ stamp: Stamp) throws -> Bool {
        guard address.bucket.space == .part,
            let part = try versions.exact(address.bucket, address.key, stamp), part.lacksBytes
        else { return false }
        var objects: [RecordRow] = []
        try versions.each(of: address.bucket.within(.object), Key(UploadKey.objectKey(of: address.key.bytes))) { row in
            if row.record.body == .parts { objects.append(row) }
            return true
        }
        for object in objects {
            let parts = try versions.manifest(object.bodyID, of: object.record)
            guard parts.contains(where: { $0.op == part.record.op }) else { continue }
            try handOver(part, to: object.record.op)
            return true
        }
        return false
    }

    /// Some of the row's bytes do not match their checksums any more: they are wanted again, and stay until others come.
    /// A store that has nobody to ask keeps its rows as they are.
    func distrust(_ address: RowAddress, _ stamp: Stamp) throws {
        guard pending.fencing.epoch > 0, !pending.fencing.isSole,
            var row = try versions.exact(address.bucket, address.key, stamp), !row.lacksBytes,
            row.record.size > 0, row.record.body != .absent
        else { return }
        row.lacksBytes = true
        try setWanted(row.record, true)
        try rewrite(row)
    }

    /// What was staged for a row that is void or known belongs to nobody.
    func giveUp(bytesOf row: Row) {
        if row.record.size > 0 { giveUp(row.record.op) }
    }

    func giveUp(_ op: OpID) {
        if let blob = staging.blob(of: op), !pending.consumed.contains(blob) { pending.consumed.append(blob) }
    }

    private func adoptStaged(_ op: OpID, size: UInt64) throws -> BlobID? {
        guard op != .none, let blob = staging.blob(of: op), !pending.consumed.contains(blob),
            let locations = staging.finished(blob),
            locations.reduce(UInt64(0), { $0 + UInt64($1.length) }) == size
        else { return nil }
        try adopt(blob, locations)
        return blob
    }

    // MARK: Parts

    /// The list of parts was damaged, and with it what says where their bytes are: all of them are wanted again.
    private func replaceManifest(of known: RecordRow, _ names: [PartName]) throws -> Bool {
        let (parts, isWhole) = try adoptParts(names, of: known.record)
        try rows.deleteBody.bind(1, known.bodyID).run()
        var filled = known
        filled.bodyID = try SmallRows.encode(parts).withUnsafeBytes { try insertBody($0) }
        filled.lacksBytes = !isWhole
        try rewrite(filled, lacked: true)
        return isWhole
    }

    /// The blobs of an object's parts, taken out of the parts' rows, or staged by the parts' names.
    private func adoptParts(_ names: [PartName], of object: Record) throws -> (parts: [PartRef], isWhole: Bool) {
        var rows: [OpID: RecordRow] = [:]
        let uploads = UploadKey.prefix(object.key)
        try versions.each(of: object.bucket.within(.part), prefix: uploads) { row in
            rows[row.record.op] = row
            return true
        }
        var isWhole = true
        var parts: [PartRef] = []
        parts.reserveCapacity(names.count)
        for name in names {
            var blob = Self.noBlob
            let row = rows.removeValue(forKey: name.op)
            // Where its bytes are not here they are the object's to want.
            if let row, row.record.body == .absent { try handOver(row, to: object.op) }
            if let row, row.record.size == name.size, case .blob(let found) = row.record.body {
                blob = found
                try handOver(row, to: object.op)
            } else if let found = try adoptStaged(name.op, size: name.size) {
                blob = found
            } else if name.size > 0 {
                isWhole = false
            }
            parts.append(
                PartRef(number: name.number, blob: blob, size: name.size, attributes: name.attributes, op: name.op)
            )
        }
        return (parts, isWhole)
    }

    /// The part's row stays, as it is on other nodes; its bytes are the object's from now on.
    private func handOver(_ part: RecordRow, to object: OpID) throws {
        guard !part.isHandedOver(to: object) else { return }
        var given = part
        given.handOver(to: object)
        try rewrite(given, lacked: part.lacksBytes)
    }

    /// Puts late streams in the place of those that are missing, or of all if none is: then some are damaged.
    private func fillParts(_ row: RecordRow, ops: [OpID]) throws -> Bool {
        let known = try versions.manifest(row.bodyID, of: row.record)
        let isDamaged = !known.contains { $0.blob == Self.noBlob && $0.size > 0 }
        if isDamaged, ops.count != known.count { return false }
        var places: [Int] = []
        var names: [PartName] = []
        for (index, part) in known.enumerated() where part.size > 0 && (isDamaged || part.blob == Self.noBlob) {
            let op = ops.count == known.count ? ops[index] : part.op
            places.append(index)
            names.append(PartName(number: part.number, op: op, size: part.size, attributes: part.attributes))
        }
        let (found, isWhole) = try adoptParts(names, of: row.record)
        var parts = known
        for (index, late) in zip(places, found) where late.blob != Self.noBlob {
            let old = known[index]
            if old.blob != Self.noBlob { try makeGarbage(.blob, old.blob.rawValue) }
            parts[index] = PartRef(
                number: old.number,
                blob: late.blob,
                size: old.size,
                attributes: old.attributes,
                op: old.op
            )
        }
        guard parts != known else { return false }
        try rows.deleteBody.bind(1, row.bodyID).run()
        var filled = row
        filled.bodyID = try SmallRows.encode(parts).withUnsafeBytes { try insertBody($0) }
        filled.lacksBytes = !isWhole
        try rewrite(filled, lacked: true)
        return isWhole
    }
}
