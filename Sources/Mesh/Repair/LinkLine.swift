package import NIOCore
internal import Store
package import Swim
internal import Synchronization

/// The way to other nodes' repair over the links: small questions beside those of coordinators, rows and bodies in the
/// class that never stands before a client's request.
package final class LinkLine: RepairLine {
    /// A walk may read a whole table.
    private static let longMicros: UInt64 = 60_000_000
    private static let shortMicros: UInt64 = 5_000_000

    private let links = Mutex<Links?>(nil)

    package init() {}

    /// Before this nobody can be reached.
    package func connect(_ links: Links?) { self.links.withLock { $0 = links } }

    package func ask(
        _ node: NodeID,
        _ method: RepairMethod,
        _ payload: ByteBuffer
    ) async throws(RepairFailure) -> ByteBuffer {
        switch method {
        case .layoutGet, .layoutOffer, .syncStatus, .smallState:
            try await call(node, .control, method.rawValue, payload, Self.shortMicros)
        case .digests, .walk, .rows, .merge, .instances, .standing, .spent, .collect, .closedBuckets:
            try await call(node, .bulk, method.rawValue, payload, Self.longMicros)
        }
    }

    package func bytes(
        _ node: NodeID,
        _ name: RowName,
        from offset: UInt64,
        count: Int
    ) async throws(RepairFailure) -> ByteBuffer {
        let piece = BodyPiece(address: name.address, stamp: name.stamp, offset: offset, count: count)
        let answer = try await call(node, .bulk, HolderMethod.read.rawValue, piece.wireBytes, Self.longMicros)
        switch try? PieceAnswer(wire: answer) {
        case .bytes(let bytes) where bytes.readableBytes == count: return bytes
        case .bytes, nil: throw .malformed
        case .gone: throw .refused(.notHolder)
        case .failed: throw .refused(.damaged)
        }
    }

    private func call(
        _ node: NodeID,
        _ traffic: Links.Traffic,
        _ method: UInt8,
        _ payload: ByteBuffer,
        _ timeoutMicros: UInt64
    ) async throws(RepairFailure) -> ByteBuffer {
        guard let links = links.withLock({ $0 }) else { throw .unreachable }
        do throws(LinkFailure) {
            return try await links.call(node, traffic, method, payload, timeoutMicros: timeoutMicros)
        } catch { throw error == .unserved ? .unserved : .unreachable }
    }
}
