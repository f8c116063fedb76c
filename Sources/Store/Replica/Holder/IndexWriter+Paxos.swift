/// The two phases of Paxos for the successor of a key's newest row. What is promised or accepted is a row of `instances`
/// and durable before the answer; the bytes of an accepted row are made part of the index with it.
extension IndexWriter {
    func prepare(_ address: RowAddress, _ predecessor: Stamp?, _ ballot: Ballot) throws -> ReplicaReply {
        let kept = try versions.instance(address)
        let top = try versions.head(address.bucket, address.key)?.top
        let known = try kept.map { try open($0, address) }
        switch KeyRules.prepare(address, predecessor: predecessor, ballot, top: top, instance: known) {
        case .elsewhere: return .elsewhere(try view(address))
        case .outbid(let ballot): return .outbid(ballot)
        case .promise(let promise):
            let next = KeptInstance(
                predecessor: promise.predecessor,
                promised: promise.promised,
                accepted: promise.accepted == nil ? nil : kept?.accepted
            )
            try keep(next, in: address, over: kept)
            return .promised(accepted: promise.accepted)
        }
    }

    func accept(_ row: Row, _ predecessor: Stamp?, _ ballot: Ballot) throws -> ReplicaReply {
        let address = row.address
        let kept = try versions.instance(address)
        let top = try versions.head(address.bucket, address.key)?.top
        let decision = KeyRules.accept(
            row,
            predecessor: predecessor,
            ballot,
            top: top,
            instance: try kept.map { try open($0, address) },
            settled: pending.fencing.settled,
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
        let top = try versions.head(instance.address.bucket, instance.address.key)?.top
        let known = try kept.map { try open($0, instance.address) }
        guard let merged = KeyRules.merge(known, instance, top: top) else { return }
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

    private func keep(_ next: KeptInstance, in address: RowAddress, over old: KeptInstance?) throws {
        if let before = old?.accepted?.row, before.ref != next.accepted?.row.ref { try drop(bytesOf: before) }
        try rows.putInstance.bind(1, address.bucket.column).bind(2, address.key.bytes)
            .bind(3, SmallRows.encode(next, address)).run()
        if old == nil { pending.counters.instances += 1 }
    }

    /// Drops an instance that is over. `takenOver`: its row was committed and has the bytes.
    func forget(_ kept: KeptInstance, _ address: RowAddress, takenOver: Bool) throws {
        try rows.deleteInstance.bind(1, address.bucket.column).bind(2, address.key.bytes).run()
        pending.counters.instances -= 1
        guard let accepted = kept.accepted?.row else { return }
        // The list of parts was written anew with their places.
        if !takenOver || accepted.record.body == .parts { try drop(bytesOf: accepted) }
    }

    /// What the holder has of a key, for a coordinator whose predecessor is not the newest row.
    private func view(_ address: RowAddress) throws -> KeyView {
        var refs: [RowRef] = []
        try versions.each(of: address.bucket, address.key) { row in
            refs.append(row.ref)
            return row.record.kind.isChange
        }
        return KeyView(chain: refs, found: nil)
    }

    /// When this store becomes the only holder: it leaves no traces of what it removes, so a key may become as if it had
    /// never been written, and an instance about that state must not come alive again.
    func forgetInstances() throws { try forgetInstances { _ in true } }
}
