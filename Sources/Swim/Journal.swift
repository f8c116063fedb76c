/// The newest things that this node learned about members, so that it can say why it believes what it believes.
///
/// A ring instead of log lines: thousands of suspicions in a bad hour cost nothing, and a question finds its answer
/// without a search through every node's files.
package struct Journal: Sendable {
    package enum Deed: Sendable, Equatable {
        /// This node asked and got no answer in its patience.
        case unanswered(phi: Double)
        /// A witness signed that it gets no answer either, or accuses; this node may be the witness.
        case accused(by: NodeID, phi: Double)
        /// The status changed, with the evidence and the number of accusers known then.
        case became(Status, Version, phi: Double, accusers: Int)
    }

    package struct Entry: Sendable, Equatable {
        package let at: Micros
        package let subject: NodeID
        package let deed: Deed
    }

    private let limit: Int
    private var ring: [Entry] = []
    private var oldest = 0

    package init(limit: Int) { self.limit = limit }

    package mutating func note(_ deed: Deed, about subject: NodeID, at now: Micros) {
        let entry = Entry(at: now, subject: subject, deed: deed)
        if ring.count < limit {
            ring.append(entry)
        } else if limit > 0 {
            ring[oldest] = entry
            oldest = (oldest + 1) % limit
        }
    }

    /// What is remembered of a member, oldest first.
    package func entries(about subject: NodeID) -> [Entry] { entries().filter { $0.subject == subject } }

    package func entries() -> [Entry] { Array(ring[oldest...] + ring[..<oldest]) }
}
