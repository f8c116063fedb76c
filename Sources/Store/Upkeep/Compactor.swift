import NIOCore
import Synchronization

/// Moves what still lives out of segments that are mostly dead, a few chunks at a time, so that `EmptySegments` can
/// remove them.
///
/// A chunk goes the road of every new chunk: a lane writes it, synced, and a transaction puts its new place into the
/// index if the old one is still there. A crash at any moment leaves either place, both with the same bytes. Readers
/// that hold the old file read on; those that come with an old place find the file removed and look the place up again.
struct Compactor {
    /// In one transaction and between two pauses: 4 MiB, about 10 ms of the committer's and the lane's time.
    private static let chunksPerStep = 16
    private static let framesPerStep = 512
    /// After a step failed (a full disk, a full queue).
    private static let retryMillis: UInt64 = 10_000

    /// A live chunk on its way.
    struct Move: Sendable {
        let blob: BlobID
        let chunk: UInt32
        let from: Location
        var to: Location?
    }

    /// Where in a segment the compaction is.
    private struct Work {
        let segment: UInt32
        let size: UInt64
        var offset = SegmentFile.headerBytes
        /// The last row that was looked at, when a damaged header has cut the chain of frames.
        var lastExtent: Int64?
    }

    private let around: Housekeeper.Surroundings
    private let isStopping: Flag
    private var work: Work?
    /// Segments that have to stay: something in them is damaged and may be the last copy. Tried again after a restart.
    private var kept: Set<UInt32> = []
    private var restMillis: UInt64 = 0

    init(_ around: Housekeeper.Surroundings, _ isStopping: Flag) {
        self.around = around
        self.isStopping = isStopping
    }

    /// A little work, if there is any; true when there is more.
    mutating func step(_ index: IndexReader, now: UInt64) -> Bool {
        guard !isStopping.value, now >= restMillis else { return false }
        guard let current = work ?? candidate().map({ Work(segment: $0.id, size: $0.size) }) else { return false }
        work = current
        guard around.published.read({ $0.segments[current.segment] != nil }) else {
            // Nothing lived in there any more, and it was removed meanwhile.
            work = nil
            return true
        }
        do {
            let moves = try next(index)
            guard let moves else {
                // All of it was looked at. What still counts as live cannot be found, so its bytes stay.
                if around.published.read({ $0.segments[current.segment]?.live ?? 0 }) > 0 {
                    kept.insert(current.segment)
                }
                work = nil
                return true
            }
            try move(moves)
        } catch StoreError.corrupt {
            kept.insert(current.segment)
            work = nil
        } catch {
            restMillis = now + Self.retryMillis
            work = nil
            return false
        }
        return true
    }

    /// The segment with the largest dead share, if that is large enough. An empty one needs no compaction.
    private func candidate() -> (id: UInt32, size: UInt64)? {
        let least = around.settings.compactionDeadShare
        var best: (id: UInt32, size: UInt64, share: Double)?
        for (id, row) in around.published.read({ $0.segments }) where row.live > 0 && !kept.contains(id) {
            let bytes = max(1, row.size - min(row.size, SegmentFile.headerBytes))
            let share = 1 - Double(min(row.live, bytes)) / Double(bytes)
            guard share >= least, share > best?.share ?? 0, !around.active.contains(id),
                !around.staging.hasChunks(in: id)
            else { continue }
            best = (id, row.size, share)
        }
        return best.map { ($0.id, $0.size) }
    }

    // MARK: What lives

    /// The next live chunks; nil when the segment was looked through.
    private mutating func next(_ index: IndexReader) throws -> [Move]? {
        guard var current = work else { return nil }
        defer { work = current }
        try index.refresh()
        defer { index.endTransaction() }
        var moves: [Move] = []
        if current.lastExtent == nil {
            let walk = try SegmentWalk(around.directory.segment(current.segment), id: current.segment)
            for _ in 0..<Self.framesPerStep where moves.count < Self.chunksPerStep {
                guard current.offset < current.size else { return moves.isEmpty ? nil : moves }
                guard let frame = walk.frame(at: current.offset) else {
                    current.lastExtent = -1
                    return moves
                }
                if let live = try index.live(frame, in: current.segment, at: current.offset) {
                    moves.append(Move(blob: frame.blob, chunk: frame.chunk, from: live))
                }
                current.offset += UInt64(Frame.headerBytes) + UInt64(frame.length)
            }
            return moves
        }
        // The chain is cut: the index itself is asked, row by row.
        for _ in 0..<Self.framesPerStep where moves.count < Self.chunksPerStep {
            guard let (id, locations) = try index.extent(after: current.lastExtent ?? -1) else {
                return moves.isEmpty ? nil : moves
            }
            current.lastExtent = id
            guard let locations else {
                // Nobody can say whether it names this segment.
                throw StoreError.corrupt(what: "\(index.database.path): table extents, row \(id)")
            }
            for (slot, location) in locations.enumerated() where location.segment == current.segment {
                let chunk = UInt32(Int(id & 0xffff) * Location.perPage + slot)
                moves.append(Move(blob: BlobID(rawValue: id >> 16), chunk: chunk, from: location))
            }
        }
        return moves
    }

    // MARK: Moving

    private func move(_ moves: [Move]) throws {
        guard !moves.isEmpty else { return }
        let blobs = Set(moves.map(\.blob))
        // Staged, so that nothing takes the new segment away before the index names it.
        for blob in blobs { around.staging.begin(blob) }
        defer { for blob in blobs { around.staging.remove(blob) } }
        var moved: [Move] = []
        for (number, move) in moves.enumerated() where !isStopping.value {
            // Verified; a damaged one is put into quarantine there, and its segment stays.
            guard let bytes = try around.chunks.read(move.from, move.blob, move.chunk) else { continue }
            let isLast = number == moves.count - 1
            var done = move
            done.to = try around.lanes[0].append(bytes, of: move.blob, chunk: move.chunk, finish: isLast)
            moved.append(done)
        }
        guard moved.count == moves.count else { return }
        let written = moved
        try around.committer.upkeep { try $0.relocate(written) }
    }
}

extension IndexReader {
    /// The place of a frame's chunk, if the index says it is here.
    func live(_ frame: Frame, in segment: UInt32, at offset: UInt64) throws -> Location? {
        let page = Int(frame.chunk) / Location.perPage
        guard page < Location.pagesMax, let locations = try locations(frame.blob, page: page) else { return nil }
        let slot = Int(frame.chunk) % Location.perPage
        guard slot < locations.count, locations[slot].segment == segment, UInt64(locations[slot].offset) == offset
        else {
            return nil
        }
        return locations[slot]
    }

    /// The next row of locations behind an id; without the locations when it is damaged.
    func extent(after id: Int64) throws -> (id: Int64, locations: [Location]?)? {
        rows.extentsFrom.bind(1, id + 1).bind(2, 1)
        defer { rows.extentsFrom.reset() }
        guard try rows.extentsFrom.step() else { return nil }
        let found = rows.extentsFrom.int(0)
        return (found, try? SmallRows.extent(found, rows.extentsFrom.blob(1)))
    }
}

extension IndexWriter {
    /// Puts the new places of chunks into the index, each only if the old place is still there: a delete may have come
    /// in between. Everything is read before anything is written.
    func relocate(_ moves: [Compactor.Move]) throws {
        var pages: [Int64: [Location]] = [:]
        var valid: [Compactor.Move] = []
        for move in moves {
            let id = Location.extentID(move.blob, page: Int(move.chunk) / Location.perPage)
            if pages[id] == nil {
                rows.extent.bind(1, id)
                defer { rows.extent.reset() }
                guard try rows.extent.step(), let locations = try? SmallRows.extent(id, rows.extent.blob(0)) else {
                    continue
                }
                pages[id] = locations
            }
            let slot = Int(move.chunk) % Location.perPage
            guard let to = move.to, let known = pages[id], slot < known.count, known[slot] == move.from else {
                continue
            }
            pages[id]?[slot] = to
            valid.append(move)
        }
        for (id, locations) in pages {
            try rows.putExtent.bind(1, id).bind(2, SmallRows.encode(locations[...], extent: id)).run()
        }
        for move in valid {
            dropLive(move.from)
            if let to = move.to { addLive(to) }
        }
    }
}

extension Lane {
    /// Appends a chunk and waits. Only for the store's own threads.
    func append(_ bytes: ByteBuffer, of blob: BlobID, chunk: UInt32, finish: Bool) throws -> Location? {
        let bell = Bell()
        let result = Mutex<Result<Location?, any Error>?>(nil)
        withExtendedLifetime(bell) {
            submit(
                Job(blob: blob, chunk: chunk, bytes: bytes, observe: nil, finish: finish) { outcome in
                    result.withLock { $0 = outcome }
                    bell.ring()
                }
            )
            _ = bell.wait()
        }
        return try result.withLock { $0 }?.get()
    }
}
