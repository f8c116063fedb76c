import Synchronization

/// Blobs and inline bodies that were found damaged, until it is known whose they are.
final class DamageBook: Sendable {
    struct Names: Sendable {
        var blobs: Set<BlobID> = []
        var bodies: Set<Int64> = []

        var isEmpty: Bool { blobs.isEmpty && bodies.isEmpty }
    }

    /// A disk that is all garbage is not for this to heal.
    private static let namesMax = 4096

    private let names = Mutex(Names())

    func note(_ blob: BlobID) {
        names.withLock { if $0.blobs.count < Self.namesMax { $0.blobs.insert(blob) } }
    }

    func note(body: Int64) {
        names.withLock { if $0.bodies.count < Self.namesMax { $0.bodies.insert(body) } }
    }

    func take() -> Names {
        names.withLock { names in
            defer { names = Names() }
            return names
        }
    }
}

/// Finds the rows whose bytes were found damaged, in one pass over the table, so that other holders are asked for them.
struct OwnerSearch {
    private static let rowsPerStep: Int64 = 4096

    private let around: Housekeeper.Surroundings
    private var names = DamageBook.Names()
    private var place: Digest.Place?

    init(_ around: Housekeeper.Surroundings) { self.around = around }

    /// True when there is more to do. A store that is alone has nobody to ask.
    mutating func step(_ index: IndexReader) -> Bool {
        if place == nil {
            guard around.fencing.read({ $0.epoch > 0 && !$0.isSole }) else { return false }
            names = around.damage.take()
            guard !names.isEmpty else { return false }
            place = Digest.Place(bucket: .min, key: [], stamp: [])
        }
        do {
            let owners = try next(index)
            if !owners.isEmpty {
                try around.committer.upkeep { writer in
                    for (address, stamp) in owners { try writer.distrust(address, stamp) }
                }
            }
        } catch {
            // The scrub comes by again.
            place = nil
        }
        return place != nil
    }

    private mutating func next(_ index: IndexReader) throws -> [(RowAddress, Stamp)] {
        guard let from = place else { return [] }
        try index.refresh()
        defer { index.endTransaction() }
        let statement = index.rows.rowsBehind
        statement.bind(1, from.bucket).bind(2, from.key).bind(3, from.stamp).bind(4, Self.rowsPerStep)
        defer { statement.reset() }
        var owners: [(RowAddress, Stamp)] = []
        var count: Int64 = 0
        while try statement.step() {
            count += 1
            let (bucket, key) = (BucketID(column: statement.int(0)), Key([UInt8](statement.blob(1))))
            place = Digest.Place(bucket: bucket.column, key: key.bytes, stamp: [UInt8](statement.blob(2)))
            guard
                let row = try? index.versions.decode(
                    bucket,
                    key,
                    stamp: statement.blob(2),
                    data: statement.blob(3)
                ), isDamaged(row, index)
            else { continue }
            owners.append((row.address, row.record.stamp))
        }
        if count < Self.rowsPerStep { place = nil }
        return owners
    }

    private func isDamaged(_ row: RecordRow, _ index: IndexReader) -> Bool {
        switch row.record.body {
        case .empty, .absent: false
        case .inline: names.bodies.contains(row.bodyID)
        case .blob(let blob): names.blobs.contains(blob)
        case .parts:
            names.bodies.contains(row.bodyID)
                || !names.blobs.isEmpty
                    && (try? index.versions.manifest(row.bodyID, of: row.record))?.contains {
                        names.blobs.contains($0.blob)
                    } ?? false
        }
    }
}
