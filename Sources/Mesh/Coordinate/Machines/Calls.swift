import Store
import Swim

/// The calls of one machine that are under way, and who holds the key.
struct Calls {
    /// What a call is for; answers to calls of an earlier phase are dropped with it.
    enum Purpose: Equatable {
        case look
        case fetch
        /// A row that the holder missed.
        case push(Stamp)
        case prepare
        case accept
        case commit
    }

    let address: RowAddress
    private(set) var holders: HolderSet
    private(set) var epoch: UInt64
    private(set) var settled: UInt64
    /// All holders, best first.
    private(set) var order: [NodeID]
    private let preferred: [NodeID]
    private let faults: RegisterFaults
    private var open: [(tag: CallTag, node: NodeID, purpose: Purpose)] = []
    private var next: UInt32 = 0

    init(_ task: RegisterTask) {
        address = task.address
        holders = task.holders
        epoch = task.epoch
        settled = task.settled
        preferred = task.preferred
        order = Self.order(task.holders, task.preferred)
        faults = task.faults
        open.reserveCapacity(8)
    }

    private static func order(_ holders: HolderSet, _ preferred: [NodeID]) -> [NodeID] {
        let everyone = holders.everyone
        return preferred.filter(everyone.contains) + everyone.filter { !preferred.contains($0) }
    }

    func isQuorum(_ nodes: [NodeID]) -> Bool {
        faults.contains(.quorumOfOne) ? !nodes.isEmpty : holders.isQuorum(nodes)
    }

    /// Also of those that cannot be asked: a lost store may come back with what it had.
    func isEveryone(_ nodes: [NodeID]) -> Bool {
        holders.current.allSatisfy(nodes.contains) && (holders.next?.allSatisfy(nodes.contains) ?? true)
    }

    var needed: Int { HolderSet.majority(of: max(holders.current.count, holders.next?.count ?? 0)) }

    mutating func send(
        _ node: NodeID,
        _ request: ReplicaRequest,
        _ purpose: Purpose,
        into outbox: inout [RegisterDirective]
    ) {
        let tag = CallTag(rawValue: next)
        next += 1
        open.append((tag, node, purpose))
        outbox.append(.send(tag, node, ReplicaCall(epoch: epoch, request)))
    }

    /// The call that was answered; nil when nobody waits for it any more.
    mutating func take(_ tag: CallTag) -> (node: NodeID, purpose: Purpose)? {
        guard let index = open.firstIndex(where: { $0.tag == tag }) else { return nil }
        let call = open.remove(at: index)
        return (call.node, call.purpose)
    }

    mutating func forget(_ purpose: Purpose) { open.removeAll { $0.purpose == purpose } }

    mutating func forgetAll() { open.removeAll(keepingCapacity: true) }

    func isWaiting(for node: NodeID, _ purpose: Purpose) -> Bool {
        open.contains { $0.node == node && $0.purpose == purpose }
    }

    /// False when this is no news.
    mutating func relayout(_ holders: HolderSet, epoch: UInt64, settled: UInt64) -> Bool {
        guard epoch > self.epoch else { return false }
        if faults.contains(.keepsReplies), settled > self.settled {
            (self.epoch, self.settled) = (epoch, settled)
            return false
        }
        self.holders = holders
        self.epoch = epoch
        self.settled = settled
        order = Self.order(holders, preferred)
        forgetAll()
        return true
    }
}
