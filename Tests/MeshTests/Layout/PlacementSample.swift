import Foundation
import Store
import Swim
import Testing

@testable import Mesh

/// Random meshes, and what is measured of their tables.
enum PlacementSample {
    static func runs(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }

    static func id(_ number: UInt64) -> NodeID {
        NodeID(high: Rendezvous.mix(number), low: Rendezvous.mix(~number))
    }

    /// 1 to 30 nodes in 1 to 6 zones, with equal, mild or wild weights.
    static func nodes(_ random: inout S3Random) -> [Placement.Node] {
        let count = Int.random(in: 1...30, using: &random)
        let zones = Int.random(in: 1...6, using: &random)
        let wildness = Int.random(in: 0...2, using: &random)
        var nodes: [Placement.Node] = []
        for _ in 0..<count {
            let weight: UInt32 =
                switch wildness {
                case 0: 1000
                case 1: UInt32.random(in: 500...2000, using: &random)
                default: UInt32.random(in: 100...10_000, using: &random)
                }
            let zone = Int.random(in: 0..<zones, using: &random)
            nodes.append(Placement.Node(id: id(random.next()), zone: zone, weight: weight))
        }
        return renumbered(nodes)
    }

    /// Zones numbered without gaps.
    static func renumbered(_ nodes: [Placement.Node]) -> [Placement.Node] {
        let used = Set(nodes.map(\.zone)).sorted()
        return nodes.map { Placement.Node(id: $0.id, zone: used.firstIndex(of: $0.zone)!, weight: $0.weight) }
    }

    struct Change {
        var nodes: [Placement.Node]
        /// The former table in the new indexes.
        var table: SlotTable
        /// Zones may or must have other numbers of copies than before: then more has to move than shares say.
        var isZoneChange: Bool
    }

    /// A join, a leave or another weight.
    static func change(_ nodes: [Placement.Node], _ table: SlotTable, _ random: inout S3Random) -> Change {
        var changed = nodes
        switch Int.random(in: 0..<3, using: &random) {
        case 0 where nodes.count > 1: changed.remove(at: Int.random(in: 0..<nodes.count, using: &random))
        case 1:
            let at = Int.random(in: 0..<nodes.count, using: &random)
            let weight = max(1, nodes[at].weight / 100 * UInt32.random(in: 50...200, using: &random))
            changed[at] = Placement.Node(id: nodes[at].id, zone: nodes[at].zone, weight: weight)
        default:
            let like = nodes.randomElement(using: &random)!
            changed.append(Placement.Node(id: id(random.next()), zone: like.zone, weight: like.weight))
        }
        func spread(_ nodes: [Placement.Node]) -> [Int] {
            Dictionary(grouping: nodes, by: \.zone).values.map { min($0.count, 5) }.sorted()
        }
        let carried = table.mapped { old in
            changed.firstIndex { $0.id == nodes[Int(old)].id }.map { UInt8($0) } ?? SlotTable.none
        }
        return Change(nodes: renumbered(changed), table: carried, isZoneChange: spread(nodes) != spread(changed))
    }

    static func loads(_ nodes: [Placement.Node], _ table: SlotTable, _ copies: Int) -> [Int] {
        var loads = [Int](repeating: 0, count: nodes.count)
        for partition in 0..<Partition.count {
            for entry in table.list(Partition(number: UInt16(partition))).prefix(copies) where entry < nodes.count {
                loads[Int(entry)] += 1
            }
        }
        return loads
    }

    static func levels(_ nodes: [Placement.Node], _ copies: Int) -> ZoneLevels {
        var sizes = [Int](repeating: 0, count: nodes.map(\.zone).max()! + 1)
        for node in nodes { sizes[node.zone] += 1 }
        return ZoneLevels(sizes: sizes, copies: copies)
    }

    static func shares(_ nodes: [Placement.Node], _ copies: Int) -> [Double] {
        let levels = levels(nodes, copies)
        let shares = FairShare.shares(nodes, zones: levels.least.count, levels: levels, copies: copies)
        return shares.map { Double($0) / Double(FairShare.unit) }
    }

    /// Every prefix has distinct holders, spread over zones.
    static func checkRules(_ nodes: [Placement.Node], _ table: SlotTable, _ seed: UInt64) {
        var faults = 0
        for copies in [1, 2, 3, 5] {
            let size = min(copies, nodes.count)
            let levels = levels(nodes, size)
            for partition in 0..<Partition.count {
                let list = Array(table.list(Partition(number: UInt16(partition))).prefix(copies))
                var zones = [Int](repeating: 0, count: levels.least.count)
                for entry in list { zones[nodes[Int(entry)].zone] += 1 }
                if Set(list).count != size { faults += 1 }
                for zone in zones.indices where !(levels.least[zone]...levels.most[zone]).contains(zones[zone]) {
                    faults += 1
                }
            }
        }
        #expect(faults == 0, "seed \(seed)")
    }

    /// Copies that come to nodes that did not have them, and how many would have to.
    static func movement(
        _ nodes: [Placement.Node],
        _ old: SlotTable,
        _ new: SlotTable,
        _ copies: Int
    ) -> (moved: Int, ideal: Int) {
        var moved = 0
        for partition in 0..<Partition.count {
            let place = Partition(number: UInt16(partition))
            let before = old.list(place).prefix(copies)
            for entry in new.list(place).prefix(copies) where !before.contains(entry) { moved += 1 }
        }
        let had = loads(nodes, old, copies)
        let shares = shares(nodes, min(copies, nodes.count))
        let ideal = zip(had, shares).reduce(0.0) { $0 + max(0, $1.1 - Double($1.0)) }
        return (moved, Int(ideal.rounded()))
    }
}

/// The largest deviation from a fair share that was seen, for each number of copies.
struct Worst {
    var deviation: [Int: Double] = [1: 0, 2: 0, 3: 0, 5: 0]
    var seed: [Int: UInt64] = [:]

    mutating func note(_ nodes: [Placement.Node], _ table: SlotTable, _ seed: UInt64) {
        for copies in [1, 2, 3, 5] {
            let loads = PlacementSample.loads(nodes, table, copies)
            for (load, share) in zip(loads, PlacementSample.shares(nodes, min(copies, nodes.count))) {
                // Less than one partition is no imbalance.
                let off = abs(Double(load) - share)
                guard off >= 1, share > 0, off / share > deviation[copies]! else { continue }
                deviation[copies] = off / share
                self.seed[copies] = seed
            }
        }
    }

    func report(_ what: String) {
        for copies in [1, 2, 3, 5] {
            print(
                "placement, \(what), \(copies) copies: worst deviation \(deviation[copies]!), seed \(seed[copies] ?? 0)"
            )
        }
    }
}

/// The most that was moved above the ideal, as a share of what had to move.
struct WorstRatio {
    var excess: [Int: Double] = [1: 0, 2: 0, 3: 0, 5: 0]
    var seed: [Int: UInt64] = [:]
    private var moved: [Int: Int] = [:]
    private var ideal: [Int: Int] = [:]

    mutating func note(_ copies: Int, _ movement: (moved: Int, ideal: Int), _ seed: UInt64) {
        moved[copies, default: 0] += movement.moved
        ideal[copies, default: 0] += movement.ideal
        // Of small changes a few partitions more or less say nothing.
        guard movement.ideal >= 40 else { return }
        let excess = Double(movement.moved) / Double(movement.ideal) - 1
        guard excess > self.excess[copies]! else { return }
        self.excess[copies] = excess
        self.seed[copies] = seed
    }

    func report() {
        for copies in [1, 2, 3, 5] {
            let mean = Double(moved[copies] ?? 0) / Double(max(1, ideal[copies] ?? 0))
            print(
                "placement, \(copies) copies: moved \(mean) of the ideal in all, worst \(1 + excess[copies]!)",
                terminator: ""
            )
            print(", seed \(seed[copies] ?? 0)")
        }
    }
}
