package import Swim

/// A store that has, had or will have a place in the layout.
///
/// A node alone is no identity: a node whose disk was lost, swapped or put back to an old state is another replica, and
/// must not vote for what it no longer has (kv679 in Riak). Store and epoch of admission tell the two apart.
package struct LayoutMember: Sendable, Hashable {
    package enum State: UInt8, Sendable, Codable {
        /// Holds its share.
        case active = 0
        /// Gives its share away and stays as one that holds nothing.
        case draining = 1
        /// Gives its share away, and is dropped when it has.
        case leaving = 2
    }

    /// UTF-8 bytes of a zone's name, as in join tokens.
    package static let zoneBytesMax = 64

    package let node: NodeID
    package let storeID: UInt64
    /// The epoch that let it in.
    package let memberSince: UInt64
    package var zone: String
    /// Its share relative to the others', in gibibytes unless the operator said otherwise. 0 holds nothing.
    package var weight: UInt32
    package var state: State

    package init(
        node: NodeID,
        storeID: UInt64,
        memberSince: UInt64,
        zone: String,
        weight: UInt32,
        state: State = .active
    ) {
        self.node = node
        self.storeID = storeID
        self.memberSince = memberSince
        self.zone = zone
        self.weight = weight
        self.state = state
    }

    package var isDraining: Bool { state != .active }

    /// What placement goes by.
    package var effectiveWeight: UInt32 { state == .active ? weight : 0 }

    /// The weight of a disk: gibibytes, at least one, cut to two significant digits, so that disks that differ by some
    /// reserved blocks count as equal.
    package static func weight(capacityBytes: UInt64) -> UInt32 {
        var units = max(1, capacityBytes >> 30)
        var scale: UInt64 = 1
        while units >= 100 {
            units /= 10
            scale *= 10
        }
        return UInt32(clamping: units * scale)
    }
}

extension Placement {
    /// Members as placement knows them: zones by number, in the order of their names.
    static func nodes(_ members: [LayoutMember]) -> [Node] {
        let zones = Set(members.map(\.zone)).sorted()
        return members.map { member in
            Node(id: member.node, zone: zones.firstIndex(of: member.zone) ?? 0, weight: member.effectiveWeight)
        }
    }
}
