import Store
import Swim

@testable import Mesh

/// Layouts of a few nodes, by small numbers.
enum LayoutSample {
    static func id(_ number: Int) -> NodeID { NodeID(high: UInt64(number), low: 7) }

    static func newcomer(_ number: Int, store: UInt64? = nil, zone: String = "a", weight: UInt32 = 100) -> LayoutMember
    {
        LayoutMember(
            node: id(number),
            storeID: store ?? UInt64(number) * 10,
            memberSince: 0,
            zone: zone,
            weight: weight
        )
    }

    static func first() -> Layout {
        Layout.first(node: id(1), storeID: 10, zone: "a", weight: 100, lineage: 77)
    }

    /// Stable, with nodes 1 to `count`, their stores ten times that.
    static func stable(_ count: Int, zones: [String] = ["a"]) -> Layout {
        guard count > 1 else { return first() }
        let newcomers = (2...count).map { newcomer($0, zone: zones[($0 - 1) % zones.count]) }
        return first().adding(newcomers)!.settledSuccessor!
    }

    /// All members of a layout but these are there.
    static func around(_ layout: Layout, without dead: Set<Int> = [], copies: [Int] = [3]) -> LayoutSurroundings {
        var presence: [NodeID: StorePresence] = [:]
        for member in layout.targets {
            presence[member.node] = StorePresence(
                node: member.node,
                storeID: member.storeID,
                zone: member.zone,
                weight: member.weight,
                isAlive: !dead.contains(Int(member.node.high))
            )
        }
        return LayoutSurroundings(presence: presence, copiesInUse: copies)
    }
}
