internal import NIOCore
internal import Store
internal import Swim

/// Serves coordinators of other nodes over the links: decodes what they ask, lets the holder answer, encodes.
///
/// A request that cannot be read gets an empty answer, which no asker takes for a yes.
package enum ReplicaService {
    /// Rows of a page beyond this wait for the next one: a page is one frame.
    private static let pageBytesMax = 1 << 20

    /// Before the links start.
    package static func serve(_ links: Links, _ holder: Holder) {
        links.serve(HolderMethod.replica.rawValue) { _, payload, done in
            guard let call = try? ReplicaCall(wire: payload) else { return done(ByteBuffer()) }
            holder.answer(call) { done(cut($0).wireBytes) }
        }
        links.serve(HolderMethod.stage.rawValue) { _, payload, done in
            guard let chunk = try? StagedChunk(wire: payload) else { return done(ByteBuffer()) }
            holder.stage(chunk) { done(word($0)) }
        }
        links.serve(HolderMethod.finishStage.rawValue) { _, payload, done in
            guard let end = try? StageEnd(wire: payload) else { return done(ByteBuffer()) }
            holder.finishStage(end.op, chunks: end.chunks) { done(word($0)) }
        }
        links.serve(HolderMethod.unstage.rawValue) { _, payload, done in
            guard let end = try? StageEnd(wire: payload) else { return done(ByteBuffer()) }
            holder.unstage(end.op)
            done(word(true))
        }
        links.serve(HolderMethod.read.rawValue) { _, payload, done in
            guard let piece = try? BodyPiece(wire: payload) else { return done(ByteBuffer()) }
            // A read of the store is a call that waits; it is bounded by the bytes in flight of the link.
            Task { done(await holder.read(piece).wireBytes) }
        }
        links.serve(HolderMethod.setClosed.rawValue) { _, payload, done in
            guard let closing = try? BucketClosing(wire: payload) else { return done(ByteBuffer()) }
            Task { done(word(await holder.setClosed(closing.bucket, closing.isClosed))) }
        }
        links.serve(HolderMethod.tell.rawValue) { _, payload, done in
            guard let row = try? Row(wire: payload) else { return done(ByteBuffer()) }
            holder.learn(row) { done(word($0)) }
        }
        links.serve(HolderMethod.hint.rawValue) { _, payload, done in
            var payload = payload
            let missed: [MissedRow]? = try? payload.list(bytesMin: MissedRow.leastBytes, max: MissedRow.countMax)
            guard let missed else { return done(ByteBuffer()) }
            holder.hint(missed)
            done(word(true))
        }
    }

    static func word(_ isTrue: Bool) -> ByteBuffer { ByteBuffer(integer: isTrue ? 1 as UInt8 : 0) }

    /// Shortens a page that is too long for a frame, at the end of a key.
    static func cut(_ reply: ReplicaReply) -> ReplicaReply {
        guard case .scanned(var page) = reply else { return reply }
        var bytes = 0
        var end = 0
        for (index, row) in page.rows.enumerated() {
            bytes += row.sizeHint
            if index > 0, row.record.key != page.rows[index - 1].record.key { end = index }
            guard bytes > pageBytesMax, end > 0 else { continue }
            page.rows.removeLast(page.rows.count - end)
            page.isTruncated = true
            return .scanned(page)
        }
        return reply
    }
}
