import NIOCore

/// What a thread appends chunks with: the end of the segment file at hand.
struct Pen {
    private let shared: Lane.Shared
    private var writer: SegmentWriter?
    /// Whether frames were taken that no sync has covered yet.
    private var isDirty = false
    /// Why frames that were taken never reached the file; whoever waits for them is yet to be told.
    private var loss: (any Error)?

    /// `resume`: a segment with room, left by the run before, already in `active`.
    init(_ shared: Lane.Shared, resume: (file: SegmentFile, size: UInt64)?) {
        self.shared = shared
        guard let resume else { return }
        writer = try? SegmentWriter(resume.file, end: resume.size, shared.calls)
        if writer == nil { shared.active.leave(resume.file.id) }
    }

    /// Takes one chunk of a blob that is staged. In the file with the next `flush`, durable with the next `sync`.
    mutating func append(
        _ buffer: ByteBuffer,
        of blob: BlobID,
        chunk: UInt32,
        observe: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil
    ) throws -> Location {
        try buffer.withUnsafeReadableBytes { payload in
            observe?(payload)
            try shared.condition.admit(growing: true)
            let writer = try place(for: UInt64(Frame.headerBytes + payload.count))
            let checksum = Checksum.of(payload)
            let frame = Frame(
                blob: blob,
                chunk: chunk,
                length: UInt32(payload.count),
                checksum: checksum
            )
            try withUnsafeTemporaryAllocation(byteCount: Frame.headerBytes, alignment: 8) { header in
                frame.write(to: header)
                try keepingLoss { try writer.append([UnsafeRawBufferPointer(header), payload]) }
            }
            let location = Location(
                segment: writer.segment.id,
                offset: UInt32(writer.end - UInt64(Frame.headerBytes + payload.count)),
                length: UInt32(payload.count),
                checksum: checksum
            )
            isDirty = true
            shared.staging.add(location, to: blob)
            return location
        }
    }

    /// The end of the file that takes the next frame; a full one is synced and left.
    private mutating func place(for bytes: UInt64) throws -> SegmentWriter {
        if let writer, writer.end + bytes <= shared.segmentBytesMax { return writer }
        try settle()
        if let full = writer {
            writer = nil
            shared.active.leave(full.segment.id)
        }
        let id = shared.segments.makeID()
        shared.active.enter(id)
        do {
            let file = try SegmentFile.create(id, store: shared.storeID, in: shared.directory, shared.calls)
            let next = try SegmentWriter(file, end: SegmentFile.headerBytes, shared.calls)
            shared.segments.adopt(file)
            writer = next
            return next
        } catch {
            shared.active.leave(id)
            throw refusal(error)
        }
    }

    /// Hands all that was appended to the file. Throws when any of it since the last `flush` or `sync` got lost.
    mutating func flush() throws {
        defer { loss = nil }
        try write()
        if let loss { throw loss }
    }

    /// The same, and makes it durable.
    mutating func sync() throws {
        defer { loss = nil }
        try settle()
        if let loss { throw loss }
    }

    /// What is at hand becomes durable; a loss is kept for those who wait.
    private mutating func settle() throws {
        try shared.condition.admit(growing: false)
        try write()
        guard isDirty, let writer else { return }
        let code = writer.sync()
        shared.metrics.syncs.add(1)
        guard code == 0 else {
            let reason = "fdatasync of \(writer.segment.path): \(errnoText(Int32(-code)))"
            shared.condition.fail(reason)
            throw StoreError.io(what: reason)
        }
        isDirty = false
    }

    private mutating func write() throws {
        guard let writer else { return }
        try keepingLoss { try writer.flush() }
    }

    private mutating func keepingLoss(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            let refusal = refusal(error)
            loss = refusal
            throw refusal
        }
    }

    /// What callers are told of a disk that refuses. A full one passes; any other failure is final.
    private func refusal(_ error: any Error) -> any Error {
        if case StoreError.diskFull = error { return shared.condition.foundFull() }
        shared.condition.fail("\(error)")
        return error
    }
}
