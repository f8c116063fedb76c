/// The calls of coordinators that change something, and what says which of them are served.
extension IndexWriter {
    func answer(_ call: ReplicaCall) throws -> ReplicaReply {
        guard let address = call.request.address else { return .refused(.invalid) }
        if let refusal = pending.fencing.refusal(call.epoch, address.partition) { return .refused(refusal) }
        switch call.request {
        case .commit(let row): return try commit(row, isRepair: false)
        case .prepare(let address, let predecessor, let ballot): return try prepare(address, predecessor, ballot)
        case .accept(let row, let predecessor, let ballot): return try accept(row, predecessor, ballot)
        case .look, .newest, .fetch, .scan: return .refused(.invalid)
        }
    }

    /// Rows that another holder has, in one transaction. Nil: their sender goes by an epoch that is over.
    func merge(_ rows: [Row], epoch: UInt64) throws -> [Stored]? {
        guard epoch >= pending.fencing.epoch else { return nil }
        return try rows.map { row -> Stored in
            let before = changes
            do {
                if case .stored(let stored) = try commit(row, isRepair: true) { return stored }
                return .superseded
            } catch StoreError.corrupt where changes == before {
                // A damaged row of one key keeps none of the others waiting.
                return .withoutBytes
            }
        }
    }

    /// A row of small state that a quorum decided. Nil: it was decided before this store was left alone, which may have
    /// deleted it since.
    func absorb(_ row: Row, decidedIn epoch: UInt64) throws -> [Stored]? {
        let fencing = pending.fencing
        if fencing.isSole, epoch < fencing.epoch { return nil }
        return try merge([row], epoch: .max)
    }

    /// Goes by a later layout from the next write on. An earlier one changes nothing.
    func adopt(_ next: Fencing) throws {
        guard next.epoch >= pending.fencing.epoch else { return }
        if next.isSole, !pending.fencing.isSole { try endSharedWork() }
        let wasWitness = !pending.fencing.keepsBytes
        let epochAlone = pending.fencing.epochAlone
        pending.fencing = next
        pending.fencing.epochAlone = next.isSole ? next.epoch : epochAlone
        if wasWitness, next.keepsBytes { try wantAllBytes() }
        pending.isFencingChanged = true
    }

    /// A witness becomes a holder like others: what it has rows of it wants the bytes of.
    private func wantAllBytes() throws {
        var last: (bucket: Int64, key: [UInt8], stamp: [UInt8]) = (.min, [], [])
        while true {
            let bare = try bareRows(behind: &last)
            for row in bare ?? [] { try setWanted(row.record, true) }
            if bare == nil { return }
        }
    }

    /// Of the next rows of the table those without their bytes; nil when there are no more rows.
    private func bareRows(behind last: inout (bucket: Int64, key: [UInt8], stamp: [UInt8])) throws -> [RecordRow]? {
        let statement = rows.rowsBehind
        statement.bind(1, last.bucket).bind(2, last.key).bind(3, last.stamp).bind(4, 1024)
        defer { statement.reset() }
        var bare: [RecordRow] = []
        var count = 0
        while try statement.step() {
            count += 1
            last = (statement.int(0), [UInt8](statement.blob(1)), [UInt8](statement.blob(2)))
            let (bucket, key) = (BucketID(column: last.bucket), Key(last.key))
            let row = try? versions.decode(bucket, key, stamp: statement.blob(2), data: statement.blob(3))
            if let row, row.lacksBytes { bare.append(row) }
        }
        return count == 0 ? nil : bare
    }

    /// Forgets a row that this node need not hold any more.
    func drop(_ address: RowAddress, _ stamp: Stamp) throws {
        guard let row = try versions.exact(address.bucket, address.key, stamp) else { return }
        try erase(row)
        if row.record.isNull, !row.record.kind.isChange, hasNulls { try forgetNull(address.bucket, address.key) }
        if row.record.kind == .retag, let target = row.record.target,
            var version = try versions.exact(address.bucket, address.key, target), version.retag == stamp
        {
            version.retag = nil
            try rewrite(version)
        }
        if pending.counters.instances > 0, try versions.top(address) == nil,
            let kept = try versions.instance(address)
        {
            try forget(kept, address, takenOver: false)
        }
    }

    func setClosed(_ bucket: BucketID, _ isClosed: Bool) throws {
        let bucket = bucket.within(.object)
        guard !pending.burials.isGone(bucket) else { return }
        try (isClosed ? rows.putClosed : rows.deleteClosed).bind(1, bucket.column).run()
        if isClosed { pending.closed.insert(bucket) } else { pending.closed.remove(bucket) }
        if isClosed { closings += 1 }
    }
}

extension ReplicaRequest {
    /// The key that it is about; nil: a range of keys.
    package var address: RowAddress? {
        switch self {
        case .look(let address, _, _), .newest(let address, _), .prepare(let address, _, _), .fetch(let address, _):
            address
        case .commit(let row), .accept(let row, _, _): row.address
        case .scan: nil
        }
    }

    /// Whether it adds bytes to the disk: such are refused when it is full.
    var isGrowing: Bool {
        switch self {
        case .commit(let row), .accept(let row, _, _): row.record.kind == .object
        case .look, .newest, .prepare, .fetch, .scan: false
        }
    }

    /// Whether a client brings bytes by it: objects, parts and uploads, and no small state.
    var isClients: Bool { isGrowing && address?.bucket.space != .system }
}

extension Refusal {
    /// What a coordinator is told of a failure of the store.
    package init(_ error: any Error) {
        switch error {
        case StoreError.diskFull: self = .diskFull
        case StoreError.overloaded: self = .overloaded
        case StoreError.corrupt: self = .damaged
        case let failure as SQLiteFailure where failure.isCorruption: self = .damaged
        default: self = .closed
        }
    }
}
