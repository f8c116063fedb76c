/// The two phases of Paxos for the next row of a key. What is promised or accepted is a row of `instances`
/// and durable before the answer; the bytes of an accepted row are made part of the index with it.
extension IndexWriter {
    func prepare(_ address: RowAddress, _ predecessor: Stamp?, _ ballot: Ballot) throws -> ReplicaReply {
        let kept = try versions.instance(address)
        let known = try kept.map { try open($0, address) }
        switch KeyRules.prepare(address, predecessor: predecessor, ballot, on: try base(address), kept: known) {
        case .elsewhere: return .elsewhere(try view(address))
        case .outbid(let ballot): return .outbid(ballot)
        case .promise(let promise):
            try keep(KeptInstance(promise, of: kept), in: address, over: kept)
            return .promised(accepted: promise.accepted)
        }
    }

    func accept(_ row: Row, _ predecessor: Stamp?, _ ballot: Ballot) throws -> ReplicaReply {
        let address = row.address
        let kept = try versions.instance(address)
        let decision = KeyRules.accept(
            row,
            predecessor: predecessor,
            ballot,
            on: try base(address),
            kept: try kept.map { try open($0, address) },
            isClosed: isClosed(address.bucket)
        )
        switch decision {
        case .elsewhere: return .elsewhere(try view(address))
        case .outbid(let ballot): return .outbid(ballot)
        case .closed: return .refused(.bucketClosed)
        case .invalid: return .refused(.invalid)
        case .accept(let next):
            let accepted = try acceptedRow(row, kept)
            try keep(
                KeptInstance(
                    predecessor: next.predecessor,
                    promised: next.promised,
                    accepted: (ballot, accepted)
                ),
                in: address,
                over: kept
            )
            return .accepted
        }
    }

    /// The accepted row with its bytes. Those of parts stay in the parts' rows until the row is decided.
    private func acceptedRow(_ row: Row, _ kept: KeptInstance?) throws -> RecordRow {
        guard case .parts(let names) = row.body else { return try keptRow(of: row, kept) }
        if let accepted = kept?.accepted?.row, accepted.ref == row.ref { return accepted }
        var record = row.record
        record.body = .parts
        let parts = names.map {
            PartRef(number: $0.number, blob: Self.noBlob, size: $0.size, attributes: $0.attributes, op: $0.op)
        }
        return RecordRow(record, bodyID: try SmallRows.encode(parts).withUnsafeBytes { try insertBody($0) })
    }

    /// Another holder's instances, when a partition moves; its rows came before.
    func merge(_ instance: OpenInstance) throws {
        let kept = try versions.instance(instance.address)
        let known = try kept.map { try open($0, instance.address) }
        guard let merged = KeyRules.merge(known, instance, on: try base(instance.address)) else { return }
        var next = KeptInstance(predecessor: merged.predecessor, promised: merged.promised)
        if let accepted = merged.accepted {
            if let old = kept?.accepted, old.row.ref == accepted.row.ref {
                next.accepted = (accepted.ballot, old.row)
            } else {
                next.accepted = (accepted.ballot, try acceptedRow(accepted.row, kept))
            }
        }
        try keep(next, in: instance.address, over: kept)
    }

    // MARK: The table

    /// What a change of the key is based on here.
    func base(_ address: RowAddress) throws -> KeyBase {
        let head = try versions.head(address.bucket, address.key)
        return KeyBase(top: head?.top, current: head?.row?.record.kind, settled: pending.fencing.settled)
    }

    /// The instance in the words of the rules.
    func open(_ kept: KeptInstance, _ address: RowAddress) throws -> OpenInstance {
        OpenInstance(
            address,
            predecessor: kept.predecessor,
            promised: kept.promised,
            accepted: try kept.accepted.map {
                Proposal(ballot: $0.ballot, row: try versions.row($0.row, blob: .staged))
            }
        )
    }

    /// `takenOver`: the row that was accepted before was committed and has the bytes.
    func keep(
        _ next: KeptInstance,
        in address: RowAddress,
        over old: KeptInstance?,
        takenOver: Bool = false
    ) throws {
        if let before = old?.accepted?.row, before.ref != next.accepted?.row.ref { try release(before, takenOver) }
        try rows.putInstance.bind(1, address.bucket.column).bind(2, address.key.bytes)
            .bind(3, SmallRows.encode(next, address)).run()
        if old == nil { pending.counters.instances += 1 }
    }

    /// Drops an instance that is over.
    func forget(_ kept: KeptInstance, _ address: RowAddress, takenOver: Bool) throws {
        try rows.deleteInstance.bind(1, address.bucket.column).bind(2, address.key.bytes).run()
        pending.counters.instances -= 1
        if let accepted = kept.accepted?.row { try release(accepted, takenOver) }
    }

    private func release(_ accepted: RecordRow, _ takenOver: Bool) throws {
        // The list of parts was written anew with their places.
        if !takenOver || accepted.record.body == .parts { try drop(bytesOf: accepted) }
    }

    /// What the holder has of a key, for a coordinator whose predecessor is another one.
    private func view(_ address: RowAddress) throws -> KeyView { KeyView(chain: try chain(address), found: nil) }

    /// The key's rows down to and with the current version, newest first.
    func chain(_ address: RowAddress) throws -> [RowRef] {
        var refs: [RowRef] = []
        try versions.each(of: address.bucket, address.key) { row in
            refs.append(row.ref)
            return row.record.kind.isChange
        }
        return refs
    }

    /// When this store becomes the only holder: it leaves no traces of what it removes, so a key may become as if it had
    /// never been written, and an instance about that state must not come alive again.
    func forgetInstances() throws { try forgetInstances { _ in true } }
}
