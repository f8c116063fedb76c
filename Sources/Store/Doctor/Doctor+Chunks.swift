import Glibc

/// Segment files: every chunk that the index names is read and verified; then the chain of frames is walked, so that
/// dead bytes and files that nothing knows are seen too.
extension Doctor {
    private static let rowsPerLook: Int64 = 4

    /// What a look at the index found in one row of locations.
    private struct Page {
        let id: Int64
        let locations: [Location]
    }

    func examineChunks() throws {
        let from = try database.prepare("SELECT id, data FROM extents WHERE id > ?1 ORDER BY id LIMIT ?2")
        let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Frame.headerBytes + BlobWriter.chunkBytes,
            alignment: 16
        )
        defer { bytes.deallocate() }
        var open: (id: UInt32, file: Int32)?
        defer { if let open { close(open.file) } }
        var last: Int64 = -1
        while true {
            var pages: [Page] = []
            do {
                from.bind(1, last).bind(2, Self.rowsPerLook)
                defer { from.reset() }
                while try from.step() {
                    last = from.int(0)
                    // A damaged row was reported with its table.
                    if let locations = try? SmallRows.extent(last, from.blob(1)) {
                        pages.append(Page(id: last, locations: locations))
                    }
                }
                if pages.isEmpty, try !hasExtents(behind: last) { return }
            } catch let failure as SQLiteFailure {
                return report.add(.error, "The index cannot be read (extents): \(failure.what).")
            }
            for page in pages {
                for slot in page.locations.indices {
                    try checkStop()
                    try examineChunk(page, slot, bytes, &open)
                }
            }
        }
    }

    private func hasExtents(behind id: Int64) throws -> Bool {
        try database.prepare("SELECT 1 FROM extents WHERE id > ?1").bind(1, id).step()
    }

    private func examineChunk(
        _ page: Page,
        _ slot: Int,
        _ bytes: UnsafeMutableRawBufferPointer,
        _ open: inout (id: UInt32, file: Int32)?
    ) throws {
        let blob = BlobID(rawValue: page.id >> 16)
        let chunk = UInt32(Int(page.id & 0xffff) * Location.perPage + slot)
        var location = page.locations[slot]
        for _ in 0..<3 {
            if open?.id != location.segment {
                if let old = open { close(old.file) }
                let file = Glibc.open(path(of: location.segment), O_RDONLY | O_CLOEXEC)
                open = file < 0 ? nil : (location.segment, file)
            }
            guard let wrong = wrong(location, blob, chunk, open?.file, bytes) else {
                report.chunks += 1
                report.chunkBytes += UInt64(location.length)
                return
            }
            // Compaction may have moved the chunk, a delete may have taken it, since its place was looked up.
            guard let now = try self.location(page.id, slot) else { return }
            guard now != location else {
                return damage(blob, "chunk \(chunk), at \(location.offset) of \(path(of: location.segment)), \(wrong)")
            }
            location = now
        }
    }

    private func path(of segment: UInt32) -> String { segmentsPath + "/" + DataDirectory.name(ofSegment: segment) }

    private func location(_ id: Int64, _ slot: Int) throws -> Location? {
        let row = try database.prepare("SELECT data FROM extents WHERE id = ?1").bind(1, id)
        guard try row.step(), let locations = try? SmallRows.extent(id, row.blob(0)), slot < locations.count else {
            return nil
        }
        return locations[slot]
    }

    /// What is wrong with a chunk, as the end of a sentence; nil if it is whole.
    private func wrong(
        _ location: Location,
        _ blob: BlobID,
        _ chunk: UInt32,
        _ file: Int32?,
        _ bytes: UnsafeMutableRawBufferPointer
    ) -> String? {
        guard let file else { return "is in a file that is missing or cannot be opened" }
        guard location.frameBytes <= UInt64(bytes.count) else { return "has an impossible length" }
        let frame = UnsafeMutableRawBufferPointer(rebasing: bytes[..<Int(location.frameBytes)])
        let count: Int
        do {
            count = try DiskCalls.system.readAll(file, frame, at: UInt64(location.offset), path: "")
        } catch {
            return "cannot be read: \(errnoText(errno))"
        }
        guard count == frame.count else { return "is cut off by the end of the file" }
        guard let header = Frame(UnsafeRawBufferPointer(frame)) else { return "has a damaged header" }
        guard header.blob == blob, header.chunk == chunk else {
            return "holds chunk \(header.chunk) of blob \(header.blob.rawValue) instead"
        }
        let payload = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(frame)[Frame.headerBytes...])
        guard header.length == location.length, header.checksum == location.checksum,
            Checksum.of(payload) == location.checksum
        else { return "does not match its checksum" }
        return nil
    }

    // MARK: Files

    func examineSegments() throws {
        let (ids, strangers) = try DataDirectory.segmentFiles(in: segmentsPath)
        let onDisk = Set(ids)
        for name in strangers {
            report.add(.warning, "The file \(segmentsPath)/\(name) is no segment; nothing uses it.")
        }
        for (id, row) in segmentRows.sorted(by: { $0.key < $1.key }) {
            try checkStop()
            report.segments += 1
            if onDisk.contains(id) {
                try examineSegment(id, row)
            } else if try isStillKnown(id) {
                report.add(.error, "The segment \(path(of: id)) is missing.")
            }
        }
        for id in ids where segmentRows[id] == nil {
            guard !isInUse(id), try !isStillKnown(id), DataDirectory.exists(path(of: id)) else { continue }
            report.add(.warning, "The segment \(path(of: id)) is not known to the index; the next start removes it.")
        }
    }

    private func isStillKnown(_ id: UInt32) throws -> Bool {
        try database.prepare("SELECT 1 FROM segments WHERE id = ?1").bind(1, Int64(id)).step()
    }

    private func examineSegment(_ id: UInt32, _ row: SegmentRow) throws {
        let path = path(of: id)
        let walk: SegmentWalk
        do {
            walk = try SegmentWalk(path, id: id)
        } catch {
            if try isStillKnown(id) { report.add(.error, "\(path) cannot be opened.") }
            return
        }
        if walk.store == nil { report.add(.error, "\(path): the header of the file is damaged.") }
        if let store = walk.store, store != storeID {
            report.add(.error, "\(path) belongs to another store.")
        }
        let bytes = DataDirectory.fileBytes(path) ?? row.size
        if bytes < row.size {
            report.add(.error, "\(path) has \(bytes) bytes, the index says \(row.size): it was cut off.")
        }
        if bytes > row.size, !isOnline {
            report.add(
                .note,
                "\(path) has \(bytes - row.size) bytes behind its last chunk that was acknowledged; the next start cuts them off."
            )
        }
        var offset = SegmentFile.headerBytes
        while offset < min(bytes, row.size) {
            guard let frame = walk.frame(at: offset) else {
                report.add(.warning, "\(path): there is no chunk at \(offset), where the one before ends.")
                return
            }
            offset += UInt64(Frame.headerBytes) + UInt64(frame.length)
        }
    }
}
