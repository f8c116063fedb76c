internal import NIOCore
internal import Store
internal import Swim

/// Pools in the bytes of a layout; the form is told at `Layout.encoded`.
enum PoolCodec {
    private static let nowMark: UInt8 = 1
    private static let nextMark: UInt8 = 2

    static func write(_ pools: [Pool], into out: inout ByteBuffer) {
        out.writeInteger(UInt8(pools.count))
        for pool in pools {
            out.writeInteger(pool.id.rawValue)
            switch pool.scope {
            case .nodes(let nodes):
                out.writeMultipleIntegers(0 as UInt8, UInt8(nodes.count))
                for node in nodes.sorted() { out.writeMultipleIntegers(node.high, node.low) }
            case .zones(let zones):
                out.writeMultipleIntegers(1 as UInt8, UInt8(zones.count))
                for zone in zones.sorted() {
                    out.writeInteger(UInt8(zone.utf8.count))
                    out.writeBytes(zone.utf8)
                }
            }
            out.writeInteger((pool.current == nil ? 0 : nowMark) | (pool.next == nil ? 0 : nextMark))
            for table in pool.tables {
                out.writeInteger(UInt8(table.width))
                out.writeBytes(table.slots)
            }
        }
    }

    /// Nil when the bytes are not possible pools of a layout with so many members.
    static func read(_ rest: inout ByteBuffer, members: Int, isJoint: Bool) -> [Pool]? {
        guard let count = rest.readInteger(as: UInt8.self), count <= Pool.countMax else { return nil }
        var pools: [Pool] = []
        for _ in 0..<count {
            guard let id = rest.readInteger(as: UInt8.self), id > pools.last?.id.rawValue ?? 0,
                let scope = readScope(&rest), let marks = rest.readInteger(as: UInt8.self),
                isJoint ? (1...3).contains(marks) : marks == nowMark
            else { return nil }
            var tables: [SlotTable] = []
            for mark in [nowMark, nextMark] where marks & mark != 0 {
                guard let table = readTable(&rest, members) else { return nil }
                tables.append(table)
            }
            let pool = Pool(
                id: PoolID(rawValue: id),
                scope: scope,
                current: marks & nowMark != 0 ? tables.first : nil,
                next: marks & nextMark != 0 ? tables.last : nil
            )
            pools.append(pool)
        }
        return pools
    }

    private static func readScope(_ rest: inout ByteBuffer) -> Pool.Scope? {
        guard let (kind, count) = rest.readMultipleIntegers(as: (UInt8, UInt8).self), kind < 2,
            (1...Pool.Scope.countMax).contains(Int(count))
        else { return nil }
        var nodes: [NodeID] = []
        var zones: [String] = []
        for _ in 0..<count {
            if kind == 0 {
                guard let (high, low) = rest.readMultipleIntegers(as: (UInt64, UInt64).self) else { return nil }
                let node = NodeID(high: high, low: low)
                guard node != HolderSet.lost, nodes.last.map({ $0 < node }) ?? true else { return nil }
                nodes.append(node)
            } else {
                guard let length = rest.readInteger(as: UInt8.self), Int(length) <= LayoutMember.zoneBytesMax,
                    let bytes = rest.readBytes(length: Int(length)),
                    let zone = String(validating: bytes, as: UTF8.self), zones.last.map({ $0 < zone }) ?? true
                else { return nil }
                zones.append(zone)
            }
        }
        return kind == 0 ? .nodes(Set(nodes)) : .zones(Set(zones))
    }

    private static func readTable(_ rest: inout ByteBuffer, _ members: Int) -> SlotTable? {
        guard let width = rest.readInteger(as: UInt8.self).map(Int.init), (1...SlotTable.widthMax).contains(width),
            let slots = rest.readBytes(length: width * Partition.count)
        else { return nil }
        let table = SlotTable(width: width, slots: slots, voters: [])
        return table.isPossible(members: members) ? table : nil
    }

    /// Whether each bucket is in a pool that is there, and goes to one that is being moved to.
    static func areKnown(_ spreads: [BucketSpread], _ pools: [Pool], isJoint: Bool) -> Bool {
        let now = Set(pools.filter { $0.current != nil }.map(\.id)).union([.whole])
        let next = isJoint ? Set(pools.filter { $0.next != nil }.map(\.id)).union([.whole]) : now
        return spreads.allSatisfy { now.contains($0.now.pool) && next.contains($0.next.pool) }
    }
}
