import Synchronization

/// Takes the rows and bytes of removed bodies out of the index, in small transactions, once no reader holds them.
struct Sweeper {
    /// Rows of locations per transaction: about a millisecond of the committer's time.
    private static let pagesPerStep = 64
    private static let namesPerRound = 256

    private let around: Housekeeper.Surroundings
    private let isStopping: Flag

    init(_ around: Housekeeper.Surroundings, _ isStopping: Flag) {
        self.around = around
        self.isStopping = isStopping
    }

    /// Goes once through all garbage. A body that is pinned, or a failing store, waits for the next time.
    mutating func sweep() {
        var last: (kind: Int64, id: Int64) = (-1, 0)
        while !isStopping.value {
            let after = last
            let names = Mutex<[(kind: Int64, id: Int64)]>([])
            do {
                try around.committer.upkeep { writer in
                    let found = try writer.garbage(after: after, limit: Self.namesPerRound)
                    names.withLock { $0 = found }
                }
                let found = names.withLock { $0 }
                guard let end = found.last else { return }
                last = end
                // Whoever still sees the removed versions has pinned what it opened once this returns.
                around.readers.waitForReaders()
                for name in found where !isStopping.value {
                    // What cannot be read stays for the doctor; those behind it need not wait for it.
                    do { try sweep(name.kind, name.id) } catch StoreError.corrupt {}
                }
            } catch {
                return
            }
        }
    }

    private func sweep(_ kind: Int64, _ id: Int64) throws {
        switch GarbageKind(rawValue: kind) {
        case .blob:
            let blob = BlobID(rawValue: id)
            guard !around.pins.isPinned(.blob(blob)) else { return }
            let isDone = Flag()
            while !isDone.value, !isStopping.value {
                try around.committer.upkeep { isDone.value = try $0.sweep(blob, pages: Self.pagesPerStep) }
            }
        case .manifest:
            guard !around.pins.isPinned(.manifest(id)) else { return }
            try around.committer.upkeep { try $0.dissolve(manifest: id) }
        case nil:
            break
        }
    }
}

extension IndexWriter {
    func garbage(after last: (kind: Int64, id: Int64), limit: Int) throws -> [(kind: Int64, id: Int64)] {
        rows.garbage.bind(1, last.kind).bind(2, last.id).bind(3, Int64(limit))
        defer { rows.garbage.reset() }
        var found: [(kind: Int64, id: Int64)] = []
        while try rows.garbage.step() { found.append((rows.garbage.int(0), rows.garbage.int(1))) }
        return found
    }

    /// Removes up to `pages` rows of a blob's locations; true when none is left.
    func sweep(_ blob: BlobID, pages: Int) throws -> Bool {
        var ids: [Int64] = []
        rows.extentsFrom.bind(1, Location.extentID(blob, page: 0)).bind(
            2,
            Location.extentID(blob, page: Location.pagesMax)
        )
        .bind(3, Int64(pages))
        do {
            defer { rows.extentsFrom.reset() }
            while try rows.extentsFrom.step() {
                let id = rows.extentsFrom.int(0)
                // A row that is damaged cannot say which bytes die with it: they stay counted as live.
                if let locations = try? SmallRows.extent(id, rows.extentsFrom.blob(1)) {
                    for location in locations { dropLive(location) }
                }
                ids.append(id)
            }
        }
        for id in ids { try rows.deleteExtent.bind(1, id).run() }
        guard ids.count < pages else { return false }
        try rows.deleteGarbage.bind(1, GarbageKind.blob.rawValue).bind(2, blob.rawValue).run()
        return true
    }

    /// Turns a removed manifest into the garbage of its blobs.
    func dissolve(manifest id: Int64) throws {
        rows.body.bind(1, id)
        var parts: [PartRef] = []
        do {
            defer { rows.body.reset() }
            if try rows.body.step() {
                do { parts = try SmallRows.manifest(rows.body.blob(0)) } catch {
                    throw corrupt("bodies (manifest \(id))")
                }
            }
        }
        for part in parts where part.blob != Self.noBlob { try makeGarbage(.blob, part.blob.rawValue) }
        try rows.deleteBody.bind(1, id).run()
        try rows.deleteGarbage.bind(1, GarbageKind.manifest.rawValue).bind(2, id).run()
    }

    func quarantine(_ location: Location, _ blob: BlobID, _ chunk: UInt32) throws {
        try rows.quarantine.bind(1, Int64(location.segment)).bind(2, Int64(location.offset)).bind(3, blob.rawValue)
            .bind(4, Int64(chunk)).bind(5, Int64(clamping: nowMillis)).run()
    }
}
