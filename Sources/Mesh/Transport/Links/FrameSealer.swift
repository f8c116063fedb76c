internal import NIOCore

/// Frames into records: many small ones into one, a large one into several, each sealed once.
///
/// Small payloads are gathered (a copy that is nothing beside the sealing); large ones are sealed from where they are.
struct FrameSealer {
    /// Pieces from this on are records of their own.
    static let directBytesMin = 16 << 10

    private let cipher: RecordCipher
    private let allocator = ByteBufferAllocator()
    private var batch = ByteBuffer()
    /// What became of it, for counting.
    private(set) var records: UInt64 = 0

    init(cipher: RecordCipher) { self.cipher = cipher }

    /// Takes a frame, and appends the records that are full by that to `out`; false when the cipher is at its end.
    mutating func add(_ frame: LinkFrame, into out: inout [ByteBuffer]) -> Bool {
        let count = frame.payload.readableBytes
        let isSmall = count < Self.directBytesMin
        let wanted = LinkFrame.headBytes + (isSmall ? count : 0)
        if batch.readableBytes + wanted > RecordCipher.recordBytesMax, !finish(into: &out) { return false }
        frame.writeHead(into: &batch)
        guard !isSmall else {
            batch.writeImmutableBuffer(frame.payload)
            return true
        }
        guard finish(into: &out) else { return false }
        var rest = frame.payload
        while rest.readableBytes >= Self.directBytesMin {
            let piece = rest.readSlice(length: min(rest.readableBytes, RecordCipher.recordBytesMax))
            guard let piece, seal(piece, into: &out) else { return false }
        }
        batch.writeBuffer(&rest)
        return true
    }

    /// Seals what was gathered.
    mutating func finish(into out: inout [ByteBuffer]) -> Bool {
        guard batch.readableBytes > 0 else { return true }
        defer { batch.clear() }
        return seal(batch, into: &out)
    }

    private mutating func seal(_ plain: ByteBuffer, into out: inout [ByteBuffer]) -> Bool {
        let count = plain.readableBytes + RecordCipher.tagBytes
        var record = allocator.buffer(capacity: count + 4)
        record.writeInteger(UInt32(count))
        let isSealed = plain.withUnsafeReadableBytes { cipher.seal($0, into: &record) }
        guard isSealed else { return false }
        records += 1
        out.append(record)
        return true
    }
}
