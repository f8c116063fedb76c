import NIOCore

/// What a thread appends chunks with: the segment file at hand and the place of the next frame.
struct Pen {
    private let shared: Lane.Shared
    private var segment: SegmentFile?
    private var end: UInt64

    /// Whether the file holds frames that no sync has covered yet.
    private var isDirty = false

    /// `resume`: a segment with room, left by the run before.
    init(_ shared: Lane.Shared, resume: (file: SegmentFile, size: UInt64)?) {
        self.shared = shared
        segment = resume?.file
        end = resume?.size ?? 0
        if let resume { shared.active.enter(resume.file.id) }
    }

    /// Writes one chunk of a blob that is staged. Durable with the next `sync`.
    mutating func append(
        _ buffer: ByteBuffer,
        of blob: BlobID,
        chunk: UInt32,
        observe: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil
    ) throws -> Location {
        try buffer.withUnsafeReadableBytes { payload in
            observe?(payload)
            try shared.condition.admit(growing: true)
            let frameBytes = UInt64(Frame.headerBytes + payload.count)
            let file = try place(for: frameBytes)
            let checksum = Checksum.of(payload)
            let frame = Frame(
                blob: blob,
                chunk: chunk,
                length: UInt32(payload.count),
                checksum: checksum
            )
            do {
                try withUnsafeTemporaryAllocation(byteCount: Frame.headerBytes, alignment: 8) { header in
                    frame.write(to: header)
                    try shared.calls.writeAll(
                        file.file,
                        [UnsafeRawBufferPointer(header), payload],
                        at: end,
                        path: file.path
                    )
                }
            } catch StoreError.diskFull {
                throw shared.condition.foundFull()
            } catch {
                shared.condition.fail("\(error)")
                throw error
            }
            let location = Location(
                segment: file.id,
                offset: UInt32(end),
                length: UInt32(payload.count),
                checksum: checksum
            )
            end += frameBytes
            isDirty = true
            shared.staging.add(location, to: blob)
            return location
        }
    }

    /// The file that takes the next frame; a full one is synced and left.
    private mutating func place(for bytes: UInt64) throws -> SegmentFile {
        if let segment, end + bytes <= shared.segmentBytesMax { return segment }
        if let old = segment {
            try sync()
            shared.active.leave(old.id)
            segment = nil
        }
        let id = shared.segments.makeID()
        shared.active.enter(id)
        do {
            let file = try SegmentFile.create(id, store: shared.storeID, in: shared.directory, shared.calls)
            shared.segments.adopt(file)
            segment = file
            end = SegmentFile.headerBytes
            return file
        } catch {
            shared.active.leave(id)
            if case StoreError.diskFull = error { throw shared.condition.foundFull() }
            shared.condition.fail("\(error)")
            throw error
        }
    }

    /// Makes all that was appended durable.
    mutating func sync() throws {
        try shared.condition.admit(growing: false)
        guard isDirty, let segment else { return }
        let code = shared.calls.sync(segment.file)
        shared.metrics.syncs.add(1)
        guard code == 0 else {
            let reason = "fdatasync of \(segment.path): \(errnoText(Int32(-code)))"
            shared.condition.fail(reason)
            throw StoreError.io(what: reason)
        }
        isDirty = false
    }
}
