import NIOCore

/// The bytes of one write, computed from what they are: a reader can tell whose they are and that all of them came.
///
/// Eight-byte words: the operation, the size, the key's hash, then a keyed stream of all three. No two writes share a
/// body, so that a torn or mixed object cannot pass for a whole one. Any range can be made without those before it.
struct Pattern: Hashable, Sendable {
    let key: UInt64
    let operation: UInt64
    let size: Int

    init(key: String, operation: UInt64, size: Int) {
        self.key = key.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        self.operation = operation
        self.size = size
    }

    private var seed: UInt64 {
        SeededRandom.mix(key ^ SeededRandom.mix(operation ^ SeededRandom.mix(UInt64(size))))
    }

    var bytes: ByteBuffer { bytes(0..<size) }

    /// The bytes at those offsets.
    func bytes(_ range: Range<Int>) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: range.count + 16)
        let seed = seed
        let skipped = range.lowerBound & 7
        let words = (range.lowerBound / 8)..<((range.upperBound + 7) / 8)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: words.count * 8) { room in
            // The stream first; the three words that name the write go over its beginning.
            var state = seed &+ UInt64(words.lowerBound) &* SeededRandom.step
            for place in 0..<words.count {
                room.storeBytes(of: SeededRandom.mix(state).littleEndian, toByteOffset: place * 8, as: UInt64.self)
                state &+= SeededRandom.step
            }
            for (index, word) in [operation, UInt64(size), key].enumerated() where words.contains(index) {
                room.storeBytes(
                    of: word.littleEndian,
                    toByteOffset: (index - words.lowerBound) * 8,
                    as: UInt64.self
                )
            }
            return words.count * 8
        }
        buffer.moveReaderIndex(forwardBy: skipped)
        return buffer.readSlice(length: range.count) ?? buffer
    }

    /// Where the buffer, which starts at `offset` of the object, first differs; nil when it does not.
    func firstDifference(_ buffer: ByteBuffer, at offset: Int) -> Int? {
        guard offset + buffer.readableBytes <= size else { return size }
        let wanted = bytes(offset..<offset + buffer.readableBytes)
        if wanted == buffer { return nil }
        return zip(wanted.readableBytesView, buffer.readableBytesView).enumerated()
            .first { $0.element.0 != $0.element.1 }
            .map { offset + $0.offset }
    }
}
