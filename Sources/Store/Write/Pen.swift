import NIOCore

/// What a thread appends chunks with: the end of the segment file at hand.
struct Pen {
    private let shared: Lane.Shared
    private var writer: SegmentWriter?

    /// Whether the file holds frames that no sync has covered yet.
    private var isDirty = false
    /// Why frames that were taken got lost on their way to the file; whoever waits for them is yet to be told.
    private var loss: (any Error)?

    /// `resume`: a segment with room, left by the run before.
    init(_ shared: Lane.Shared, resume: (file: SegmentFile, size: UInt64)?) {
        self.shared = shared
        writer = resume.map { SegmentWriter($0.file, end: $0.size, shared.calls) }
        if let resume { shared.active.enter(resume.file.id) }
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
                try keepingLoss(of: writer) { try writer.append([UnsafeRawBufferPointer(header), payload]) }
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
        leave()
        let id = shared.segments.makeID()
        shared.active.enter(id)
        do {
            let file = try SegmentFile.create(id, store: shared.storeID, in: shared.directory, shared.calls)
            shared.segments.adopt(file)
            let next = SegmentWriter(file, end: SegmentFile.headerBytes, shared.calls)
            writer = next
            return next
        } catch {
            shared.active.leave(id)
            throw refusal(error)
        }
    }

    /// Lets go of the file at hand, behind a `flush`.
    mutating func leave() {
        guard let writer else { return }
        writer.trim()
        shared.active.leave(writer.segment.id)
        self.writer = nil
    }

    /// Hands all that was appended to the file. Throws when any of it since the last `flush` or `sync` got lost.
    mutating func flush() throws {
        if let writer { try? keepingLoss(of: writer) { try writer.flush() } }
        try tellLoss()
    }

    /// The same, and makes it durable.
    mutating func sync() throws {
        let settled = Result { try settle() }
        try tellLoss()
        try settled.get()
    }

    private mutating func tellLoss() throws {
        defer { loss = nil }
        if let loss { throw loss }
    }

    private mutating func settle() throws {
        guard let writer else { return }
        try shared.condition.admit(growing: false)
        try keepingLoss(of: writer) { try writer.flush() }
        guard isDirty else { return }
        let code = writer.sync()
        shared.metrics.syncs.add(1)
        guard code == 0 else {
            let reason = "fdatasync of \(writer.segment.path): \(errnoText(Int32(-code)))"
            shared.condition.fail(reason)
            throw StoreError.io(what: reason)
        }
        isDirty = false
    }

    private mutating func keepingLoss(of writer: SegmentWriter, _ body: () throws -> Void) throws {
        let isAtStake = writer.isHolding
        do {
            try body()
        } catch {
            let refusal = refusal(error)
            if isAtStake { loss = refusal }
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
