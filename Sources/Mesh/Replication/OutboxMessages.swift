package import NIOCore
package import Store

/// What holders of one key tell each other of the outbox, by a method of the links.
package enum OutboxMethod: UInt8, CaseIterable, Sendable {
    /// These keys are settled up to these stamps, and to when somebody asked for them.
    case settled = 24
    /// These keys wait with me, and it is you who is to work at them.
    case handed = 25
    /// These keys are to be sent once more, also if they wait with you.
    case asked = 26
}

/// `feed 8 | entries 4+n·entry`
struct OutboxNotice: WireValue, Equatable {
    static let entriesMax = 256

    let feed: UInt64
    let entries: [OutboxEntry]

    init(feed: UInt64, _ entries: [OutboxEntry]) {
        self.feed = feed
        self.entries = entries
    }

    var sizeHint: Int { entries.reduce(16) { $0 + $1.sizeHint } }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(feed)
        buffer.writeList(entries)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        feed = try buffer.number()
        entries = try buffer.list(bytesMin: OutboxEntry.leastBytes, max: Self.entriesMax)
    }
}

/// `key 4+n | stamp | changed 8 | deletion 4+n | asked 8`; the rest of an entry is of one store alone.
extension OutboxEntry: WireValue {
    package static let leastBytes = 24 + Stamp.leastBytes

    package var sizeHint: Int { Self.leastBytes + key.bytes.count + deletion.count }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeCounted(key.bytes)
        stamp.write(into: &buffer)
        buffer.writeInteger(changedMillis)
        buffer.writeCounted(deletion)
        buffer.writeInteger(askedMicros)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(
            key: Key(try buffer.counted(max: Key.bytesMax)),
            stamp: try Stamp(from: &buffer),
            changedMillis: try buffer.number(),
            deletion: try buffer.counted(max: WireLimit.fieldBytes),
            askedMicros: try buffer.number()
        )
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
