internal import NIOCore
internal import Store

/// What holders of one key tell each other of the outbox, by a method of the links.
package enum OutboxMethod: UInt8, CaseIterable, Sendable {
    /// These keys are settled up to these stamps.
    case settled = 24
    /// These keys wait with me, and it is you who is to work at them.
    case handed = 25
}

/// `feed 8 | keys 4+n·(key 4+n | stamp | changed 8 | deletion 4+n)`
struct OutboxNotice: WireValue, Equatable {
    static let entriesMax = 256
    private static let leastBytes = 16 + Stamp.leastBytes

    let feed: UInt64
    let entries: [OutboxEntry]

    init(feed: UInt64, _ entries: [OutboxEntry]) {
        self.feed = feed
        self.entries = entries
    }

    var sizeHint: Int { entries.reduce(16) { $0 + Self.leastBytes + $1.key.bytes.count + $1.deletion.count } }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(feed)
        buffer.writeInteger(UInt32(entries.count))
        for entry in entries {
            buffer.writeCounted(entry.key.bytes)
            entry.stamp.write(into: &buffer)
            buffer.writeInteger(entry.changedMillis)
            buffer.writeCounted(entry.deletion)
        }
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        feed = try buffer.number()
        let count = Int(try buffer.number(UInt32.self))
        guard count <= Self.entriesMax, count <= buffer.readableBytes / Self.leastBytes else { throw WireError() }
        var entries: [OutboxEntry] = []
        for _ in 0..<count {
            let key = Key(try buffer.counted(max: Key.bytesMax))
            let stamp = try Stamp(from: &buffer)
            let changed = try buffer.number(UInt64.self)
            let deletion = try buffer.counted(max: WireLimit.fieldBytes)
            entries.append(OutboxEntry(key: key, stamp: stamp, changedMillis: changed, deletion: deletion))
        }
        self.entries = entries
    }
}

/// `done 1 | fresh 4`: whether it was carried out, and how many of them the other one did not know.
struct OutboxAnswer: WireValue, Equatable {
    let isDone: Bool
    let fresh: UInt32

    init(isDone: Bool, fresh: Int = 0) {
        self.isDone = isDone
        self.fresh = UInt32(clamping: fresh)
    }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(isDone ? 1 as UInt8 : 0)
        buffer.writeInteger(fresh)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        isDone = try buffer.flag()
        fresh = try buffer.number()
    }
}
