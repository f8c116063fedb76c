import NIOCore

/// Reads and verifies chunks; follows one that compaction moved.
struct ChunkSource: Sendable {
    let segments: SegmentTable
    let calls: DiskCalls
    let metrics: Metrics
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
        let isWhole = buffer.withUnsafeReadableBytes { bytes in
            guard bytes.count == total, let frame = Frame(bytes) else { return false }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[Frame.headerBytes...])
            return frame
                == Frame(blob: blob, chunk: chunk, length: location.length, checksum: location.checksum)
                && Checksum.of(payload) == location.checksum
        }
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
}
