internal import NIOCore

/// Bytes from the socket into frames. Payloads are slices of the opened record, or, where they are longer than one,
/// opened right into their place.
///
/// Whatever is wrong ends the connection: the other end proved who it is, so it is broken, or not what it was.
struct FrameOpener {
    private let cipher: RecordCipher
    private let allocator = ByteBufferAllocator()
    /// The beginning of a record whose end is still to come, with its length.
    private var partial = ByteBuffer()
    /// The beginning of a head whose end is in the next record.
    private var head = ByteBuffer()
    /// A frame whose payload is still to come, and how much of it.
    private var open: (frame: LinkFrame, missing: Int)?
    private(set) var records: UInt64 = 0

    init(cipher: RecordCipher) { self.cipher = cipher }

    /// Takes what came and appends the frames that are whole by that; false when the connection has to end.
    mutating func take(_ input: ByteBuffer, into frames: inout [LinkFrame]) -> Bool {
        var input = input
        while input.readableBytes > 0 {
            if partial.readableBytes == 0, let length = input.getInteger(at: input.readerIndex, as: UInt32.self) {
                guard Self.isLength(length) else { return false }
                if input.readableBytes >= 4 + Int(length) {
                    input.moveReaderIndex(forwardBy: 4)
                    guard let record = input.readSlice(length: Int(length)), take(record: record, &frames) else {
                        return false
                    }
                    continue
                }
            }
            guard complete(&input, &frames) else { return false }
        }
        return true
    }

    private static func isLength(_ length: UInt32) -> Bool {
        length > RecordCipher.tagBytes && length <= RecordCipher.recordBytesMax + RecordCipher.tagBytes
    }

    /// Moves as much of the input as the record that has begun still needs.
    private mutating func complete(_ input: inout ByteBuffer, _ frames: inout [LinkFrame]) -> Bool {
        while partial.readableBytes < 4, let byte = input.readInteger(as: UInt8.self) { partial.writeInteger(byte) }
        guard let length = partial.getInteger(at: partial.readerIndex, as: UInt32.self) else { return true }
        guard Self.isLength(length) else { return false }
        let missing = 4 + Int(length) - partial.readableBytes
        guard var piece = input.readSlice(length: min(missing, input.readableBytes)) else { return true }
        partial.reserveCapacity(minimumWritableBytes: missing)
        partial.writeBuffer(&piece)
        guard partial.readableBytes == 4 + Int(length) else { return true }
        // Moved out and in again, so that its memory has one owner and is used for the next one.
        var record = ByteBuffer()
        swap(&record, &partial)
        record.moveReaderIndex(forwardBy: 4)
        defer {
            record.clear()
            swap(&record, &partial)
        }
        return take(record: record, &frames)
    }

    private mutating func take(record: ByteBuffer, _ frames: inout [LinkFrame]) -> Bool {
        let count = record.readableBytes - RecordCipher.tagBytes
        records += 1
        if open != nil, open!.missing >= count {
            let isOpen = record.withUnsafeReadableBytes { cipher.open($0, into: &open!.frame.payload) }
            guard isOpen else { return false }
            open!.missing -= count
            if open!.missing == 0 { deliver(&frames) }
            return true
        }
        var plain = allocator.buffer(capacity: head.readableBytes + count + 1)
        plain.writeBuffer(&head)
        head.clear()
        let isOpen = record.withUnsafeReadableBytes { cipher.open($0, into: &plain) }
        return isOpen && read(&plain, &frames)
    }

    private mutating func read(_ plain: inout ByteBuffer, _ frames: inout [LinkFrame]) -> Bool {
        while plain.readableBytes > 0 {
            if let missing = open?.missing {
                guard var piece = plain.readSlice(length: min(missing, plain.readableBytes)) else { return false }
                open!.missing -= open!.frame.payload.writeBuffer(&piece)
                if open!.missing == 0 { deliver(&frames) }
                continue
            }
            guard plain.readableBytes >= LinkFrame.headBytes else {
                head.writeBuffer(&plain)
                return true
            }
            guard let (read, count) = LinkFrame.readHead(from: &plain) else { return false }
            var frame = read
            if let payload = plain.readSlice(length: count) {
                frame.payload = payload
                frames.append(frame)
            } else {
                // The length is believed, because a member said so and it has a limit: one such buffer a connection.
                frame.payload = allocator.buffer(capacity: count + 1)
                open = (frame, count)
            }
        }
        return true
    }

    private mutating func deliver(_ frames: inout [LinkFrame]) {
        if let done = open?.frame { frames.append(done) }
        open = nil
    }
}
