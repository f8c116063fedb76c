import NIOCore

/// Reads and verifies chunks; follows one that compaction moved.
struct ChunkSource: Sendable {
    let segments: SegmentTable
    let calls: DiskCalls
    let metrics: Metrics
    /// Told of blobs of which a chunk cannot even be found.
    let damage: DamageBook
    /// Told of each chunk that did not match its checksum.
    let quarantine: @Sendable (Location, BlobID, UInt32) -> Void

    /// The bytes of one chunk; nil if its segment is gone, so that the caller looks up its place again.
    func read(_ location: Location, _ blob: BlobID, _ chunk: UInt32) throws -> ByteBuffer? {
        guard let file = try segments.file(location.segment) else { return nil }
        let total = Int(location.frameBytes)
        var buffer = ByteBufferAllocator().buffer(capacity: total)
        var count = 0
        try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: total) { space in
            let frame = UnsafeMutableRawBufferPointer(rebasing: space[..<total])
            count = try calls.readAll(file.file, frame, at: UInt64(location.offset), path: file.path)
            return count
        }
        let isWhole = count == total && Self.isWhole(buffer, location, blob, chunk)
        guard isWhole else {
            metrics.corruptions.add(1)
            quarantine(location, blob, chunk)
            throw StoreError.corrupt(
                what: "\(file.path) at \(location.offset): blob \(blob.rawValue), chunk \(chunk), "
                    + (count < total ? "cut off" : "checksum does not match")
            )
        }
        buffer.moveReaderIndex(forwardBy: Frame.headerBytes)
        return buffer
    }

    /// The same without waiting for the disk: nil unless all of it is in memory and as it should be. Fit for an event
    /// loop; whatever is amiss is for `read` to find.
    func readCached(_ location: Location, _ blob: BlobID, _ chunk: UInt32) -> ByteBuffer? {
        guard let file = segments.opened(location.segment) else { return nil }
        let total = Int(location.frameBytes)
        var buffer = ByteBufferAllocator().buffer(capacity: total)
        var count = 0
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: total) { space in
            let frame = UnsafeMutableRawBufferPointer(rebasing: space[..<total])
            count = calls.readCached(file.file, frame, UInt64(location.offset))
            return max(0, count)
        }
        guard count == total, Self.isWhole(buffer, location, blob, chunk) else { return nil }
        buffer.moveReaderIndex(forwardBy: Frame.headerBytes)
        return buffer
    }

    private static func isWhole(_ buffer: ByteBuffer, _ location: Location, _ blob: BlobID, _ chunk: UInt32) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            guard let frame = Frame(bytes) else { return false }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[Frame.headerBytes...])
            return frame
                == Frame(blob: blob, chunk: chunk, length: location.length, checksum: location.checksum)
                && Checksum.of(payload) == location.checksum
        }
    }
}
