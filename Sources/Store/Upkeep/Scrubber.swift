/// Reads all that is kept, slowly, and verifies it: what a disk has lost is found while there may still be another copy.
///
/// First chunks, blob by blob, then bodies. Damaged chunks go into quarantine where they are read. The place is kept in
/// the index, so that a pass longer than a run of the program ends some day.
struct Scrubber {
    /// A place that is lost costs a minute of reading.
    private static let keepMillis: UInt64 = 60_000
    /// Time that is made up for after a pause: more would be a burst.
    private static let elapsedMillisMax: UInt64 = 1000

    /// Where a pass is.
    struct Place: Equatable {
        enum Stage: UInt8 {
            case chunks = 0
            case bodies, done
        }

        var stage = Stage.chunks
        /// The row that was verified last.
        var last: Int64 = -1
        /// Milliseconds since 1970.
        var startedMillis: UInt64

        var encoded: [UInt8] {
            var row = ByteWriter(capacity: 32)
            row.number(stage.rawValue)
            row.number(last)
            row.number(startedMillis)
            row.seal(seed: Self.seed)
            return row.bytes
        }

        private static let seed: UInt64 = 1

        init(startedMillis: UInt64) { self.startedMillis = startedMillis }

        init(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
            var row = try ByteScanner(sealed: bytes, seed: Self.seed)
            guard let stage = Stage(rawValue: try row.number()) else { throw Malformed() }
            self.stage = stage
            last = try row.number()
            startedMillis = try row.number()
            try row.end()
        }
    }

    private let around: Housekeeper.Surroundings
    private let isStopping: Flag
    private let nextBody: Statement
    private var place: Place
    private var kept: Place?
    private var keptMillis: UInt64
    private var steppedMillis: UInt64
    /// Bytes that may be read now; below zero after a large row, which is then waited for.
    private var allowance: Int64 = 0

    init(_ around: Housekeeper.Surroundings, _ isStopping: Flag, _ index: IndexReader, now: UInt64) throws {
        self.around = around
        self.isStopping = isStopping
        nextBody = try index.database.prepare(
            "SELECT id, checksum, data FROM bodies WHERE id > ?1 ORDER BY id LIMIT 1"
        )
        let row = try index.database.prepare("SELECT data FROM meta WHERE name = 'scrub'")
        if try row.step(), let known = try? Place(row.blob(0)) {
            place = known
            kept = known
        } else {
            place = Place(startedMillis: Clock.wallMillis())
        }
        keptMillis = now
        steppedMillis = now
    }

    /// Verifies as much as the time since the last step allows.
    mutating func step(_ index: IndexReader, now: UInt64) {
        let rate = around.settings.scrubBytesPerSecond
        guard rate > 0, !isStopping.value else { return }
        let elapsed = min(now - min(now, steppedMillis), Self.elapsedMillisMax)
        steppedMillis = now
        if place.stage == .done {
            let wall = Clock.wallMillis()
            // A clock that was set back must not keep the next pass away for years.
            let age = wall >= place.startedMillis ? wall - place.startedMillis : .max
            guard age >= around.settings.scrubPassMillisMin else { return }
            place = Place(startedMillis: wall)
        }
        allowance = min(allowance + Int64(clamping: rate / 1000 * elapsed), Int64(clamping: rate))
        while allowance > 0, place.stage != .done, !isStopping.value {
            // An index that cannot be read now is tried again with the next step.
            guard let bytes = try? next(index) else { break }
            // Even an empty row costs a look.
            allowance -= Int64(bytes) + 512
            around.metrics.scrubbedBytes.add(UInt64(bytes))
        }
        if place != kept, place.stage == .done || now >= keptMillis + Self.keepMillis { keep(now) }
    }

    /// Remembers the place. One that is lost is no harm.
    mutating func keep(_ now: UInt64) {
        guard around.settings.scrubBytesPerSecond > 0, place != kept else { return }
        keptMillis = now
        let bytes = place.encoded
        do {
            try around.committer.upkeep { writer in
                try writer.database.prepare("INSERT OR REPLACE INTO meta VALUES('scrub', ?1)").bind(1, bytes).run()
            }
            kept = place
        } catch {
            // The committer has noted a failure that matters; the place is kept again in a minute.
            return
        }
    }

    // MARK: Verifying

    private mutating func next(_ index: IndexReader) throws -> Int {
        switch place.stage {
        case .chunks: try chunks(index)
        case .bodies: try body(index)
        case .done: 0
        }
    }

    /// The chunks of one row of locations; their bytes.
    private mutating func chunks(_ index: IndexReader) throws -> Int {
        try index.refresh()
        let row = Result { try index.extent(after: place.last) }
        index.endTransaction()
        guard let (id, locations) = try row.get() else {
            place.stage = .bodies
            place.last = -1
            return 0
        }
        var bytes = 0
        if locations == nil {
            around.damage.note(BlobID(rawValue: id >> 16))
            around.metrics.corruptions.add(1)
        }
        for (slot, location) in (locations ?? []).enumerated() {
            guard !isStopping.value else { return bytes }
            let chunk = UInt32(Int(id & 0xffff) * Location.perPage + slot)
            bytes += Int(location.length)
            do {
                _ = try around.chunks.read(location, BlobID(rawValue: id >> 16), chunk)
            } catch StoreError.corrupt {
                // Counted and put into quarantine by the one who read it.
                continue
            } catch {
                around.damage.note(BlobID(rawValue: id >> 16))
                around.metrics.corruptions.add(1)
            }
        }
        place.last = id
        return bytes
    }

    /// The next row of bodies; its bytes.
    private mutating func body(_ index: IndexReader) throws -> Int {
        try index.refresh()
        defer { index.endTransaction() }
        nextBody.bind(1, place.last)
        defer { nextBody.reset() }
        guard try nextBody.step() else {
            place.stage = .done
            return 0
        }
        let id = nextBody.int(0)
        let bytes = nextBody.blob(2)
        if UInt64(bitPattern: nextBody.int(1)) != VersionRows.checksum(bytes, id: id) {
            around.damage.note(body: id)
            around.metrics.corruptions.add(1)
        }
        place.last = id
        return bytes.count
    }
}
