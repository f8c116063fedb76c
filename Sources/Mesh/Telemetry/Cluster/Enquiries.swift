package import NIOCore
package import Swim
internal import Synchronization

/// Asks nodes on behalf of an operator, and answers those who ask.
///
/// It knows no sockets: the road to a peer is given, so a test has its own.
package final class Enquiries: Sendable {
    /// Sends bytes to a peer and gives its answer, which may take so many microseconds. The error's description is shown
    /// to people.
    package typealias Road = @Sendable (NodeID, ByteBuffer, UInt64) async throws -> ByteBuffer

    /// Of the links.
    package static let method: UInt8 = 14

    /// Answers at work for others; who asks beyond that is refused, because each may read the disk.
    private static let answersMax = 32

    private let ownID: NodeID
    private let road: Road
    private let answer: @Sendable (Enquiry, NodeID) async -> EnquiryAnswer
    private let atWork = Mutex(0)

    /// - Parameter answer: this node's own words, to who asks.
    package init(
        ownID: NodeID,
        road: @escaping Road,
        answer: @escaping @Sendable (Enquiry, NodeID) async -> EnquiryAnswer
    ) {
        self.ownID = ownID
        self.road = road
        self.answer = answer
    }

    /// Asks all of them at once, this node too if it is among them.
    package func ask(_ enquiry: Enquiry, of nodes: [NodeID]) async -> [NodeID: EnquiryAnswer] {
        await withTaskGroup(of: (NodeID, EnquiryAnswer).self) { tasks in
            for node in nodes {
                tasks.addTask { (node, await self.ask(enquiry, of: node)) }
            }
            return await tasks.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    package func ask(_ enquiry: Enquiry, of node: NodeID) async -> EnquiryAnswer {
        if node == ownID { return await answer(enquiry, ownID) }
        do {
            let bytes = try await road(node, enquiry.encoded, enquiry.patienceMicros)
            return EnquiryAnswer(encoded: bytes) ?? .refused("its answer is not understood")
        } catch {
            return .refused("\(error)")
        }
    }

    /// Answers a peer; `done` is called exactly once.
    package func serve(_ bytes: ByteBuffer, from peer: NodeID, _ done: @escaping @Sendable (ByteBuffer) -> Void) {
        guard let enquiry = Enquiry(encoded: bytes) else {
            return done(EnquiryAnswer.refused("it does not know this question").encoded)
        }
        let isFree = atWork.withLock { count in
            guard count < Self.answersMax else { return false }
            count += 1
            return true
        }
        guard isFree else { return done(EnquiryAnswer.refused("it is asked too much at once").encoded) }
        // The answer may wait for the disk; it ends by itself, and there are no more of them than the limit says.
        Task {
            let answer = await answer(enquiry, peer)
            atWork.withLock { $0 -= 1 }
            done(answer.encoded)
        }
    }
}
