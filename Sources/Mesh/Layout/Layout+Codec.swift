package import NIOCore
internal import Store
internal import Swim

/// A layout as bytes: the value of the row `layout`, and what nodes send each other.
///
/// `version 2 | lineage 8 | epoch 8 | origin 8 | settled 8 | members 1 + each | table | joint 0 or 1 + table | fences |
/// departed 1 + each (node 16, store 8) | spreads 2 + each (bucket 8, base 1, copies now 1, next 1)`. Version 1 had no
/// spreads. In version 3, which is written only where there are pools, a spread names its pools behind that (now 1, next 1),
/// and pools follow: `1 + each (id 1, kind of scope 1, scope 1 + each (node 16 or zone 1+n), tables 1: 1 now, 2 next, both
/// | each width 1 and slots)`.
/// A member is `node 16 | store 8 | since 8 | weight 4 | state 1 | zone 1+n`, a table `width 1
/// | slots 1,024 × width | voters 1+n`, a fence how many epochs ago it was, seven bits to a byte, low ones first.
/// Numbers are big-endian. Three nodes take about 5 kB, the largest layout less than `bytesMax`.
extension Layout {
    package static let bytesMax = 160 << 10
    private static let version: UInt8 = 2
    private static let versionWithPools: UInt8 = 3
    /// Beside the width: the last slots are witnesses.
    private static let witnessMark: UInt8 = 0x80

    package var encoded: ByteBuffer {
        var out = ByteBuffer()
        out.reserveCapacity(2048 + (current.width + (next?.width ?? 0)) * Partition.count)
        let hasPools = !pools.isEmpty
        out.writeInteger(hasPools ? Self.versionWithPools : Self.version)
        for word in [lineage, epoch, origin, settled] { out.writeInteger(word) }
        out.writeInteger(UInt8(members.count))
        for member in members {
            out.writeInteger(member.node.high)
            out.writeInteger(member.node.low)
            out.writeInteger(member.storeID)
            out.writeInteger(member.memberSince)
            out.writeInteger(member.weight)
            out.writeInteger(member.state.rawValue)
            out.writeInteger(UInt8(member.zone.utf8.count))
            out.writeBytes(member.zone.utf8)
        }
        Self.write(current, into: &out)
        out.writeInteger(UInt8(next == nil ? 0 : 1))
        if let next { Self.write(next, into: &out) }
        for fence in fences {
            var age = epoch - fence
            while age >= 0x80 {
                out.writeInteger(UInt8(truncatingIfNeeded: age) | 0x80)
                age >>= 7
            }
            out.writeInteger(UInt8(age))
        }
        out.writeInteger(UInt8(departed.count))
        for store in departed {
            out.writeInteger(store.node.high)
            out.writeInteger(store.node.low)
            out.writeInteger(store.storeID)
        }
        out.writeInteger(UInt16(spreads.count))
        for entry in spreads {
            out.writeInteger(entry.bucket.rawValue)
            out.writeMultipleIntegers(UInt8(entry.base), UInt8(entry.now.copies), UInt8(entry.next.copies))
            if hasPools { out.writeMultipleIntegers(entry.now.pool.rawValue, entry.next.pool.rawValue) }
        }
        if hasPools { PoolCodec.write(pools, into: &out) }
        return out
    }

    private static func write(_ table: SlotTable, into out: inout ByteBuffer) {
        out.writeInteger(UInt8(table.width) | (table.hasWitness ? witnessMark : 0))
        out.writeBytes(table.slots)
        out.writeInteger(UInt8(table.voters.count))
        out.writeBytes(table.voters)
    }

    /// Nil when the bytes are not one whole, possible layout and nothing else.
    package init?(encoded bytes: ByteBuffer) {
        guard bytes.readableBytes <= Self.bytesMax else { return nil }
        var rest = bytes
        guard let version = rest.readInteger(as: UInt8.self), (1...Self.versionWithPools).contains(version),
            let (lineage, epoch, origin, settled) = rest.readMultipleIntegers(
                as: (UInt64, UInt64, UInt64, UInt64).self
            ),
            epoch > 0, (1...epoch).contains(origin),
            let members = Self.readMembers(&rest, epoch), let current = Self.readTable(&rest, members.count),
            let isJoint = rest.readInteger(as: UInt8.self), isJoint < 2
        else { return nil }
        var next: SlotTable?
        if isJoint == 1 {
            guard let table = Self.readTable(&rest, members.count) else { return nil }
            next = table
        }
        guard let fences = Self.readFences(&rest, epoch), let departed = Self.readDeparted(&rest),
            let spreads = version == 1
                ? [] : Self.readSpreads(&rest, isJoint: isJoint == 1, hasPools: version == Self.versionWithPools),
            let pools = version == Self.versionWithPools
                ? PoolCodec.read(&rest, members: members.count, isJoint: isJoint == 1) : [],
            rest.readableBytes == 0, version != Self.versionWithPools || !pools.isEmpty,
            PoolCodec.areKnown(spreads, pools, isJoint: isJoint == 1)
        else { return nil }
        self.init(
            epoch: epoch,
            lineage: lineage,
            origin: origin,
            settled: settled,
            members: members,
            current: current,
            next: next,
            fences: fences,
            departed: departed,
            spreads: spreads,
            pools: pools
        )
    }

    private static func readMembers(_ rest: inout ByteBuffer, _ epoch: UInt64) -> [LayoutMember]? {
        guard let count = rest.readInteger(as: UInt8.self), (1...SlotTable.membersMax).contains(Int(count)) else {
            return nil
        }
        var members: [LayoutMember] = []
        for _ in 0..<count {
            guard
                let (high, low, store, since, weight, mark, zoneCount) = rest.readMultipleIntegers(
                    as: (UInt64, UInt64, UInt64, UInt64, UInt32, UInt8, UInt8).self
                ),
                let state = LayoutMember.State(rawValue: mark), (1...epoch).contains(since),
                Int(zoneCount) <= LayoutMember.zoneBytesMax, let bytes = rest.readBytes(length: Int(zoneCount)),
                let zone = String(validating: bytes, as: UTF8.self)
            else { return nil }
            let member = LayoutMember(
                node: NodeID(high: high, low: low),
                storeID: store,
                memberSince: since,
                zone: zone,
                weight: weight,
                state: state
            )
            guard member.node != HolderSet.lost, members.last.map({ $0 < member }) ?? true else { return nil }
            members.append(member)
        }
        return members
    }

    private static func readTable(_ rest: inout ByteBuffer, _ members: Int) -> SlotTable? {
        guard let mark = rest.readInteger(as: UInt8.self) else { return nil }
        let (width, hasWitness) = (Int(mark & ~witnessMark), mark & witnessMark != 0)
        guard (1...SlotTable.widthMax).contains(width), !hasWitness || width > 2,
            let slots = rest.readBytes(length: width * Partition.count),
            let count = rest.readInteger(as: UInt8.self).map(Int.init), (1...SlotTable.widthMax).contains(count),
            let voters = rest.readBytes(length: count)
        else { return nil }
        let table = SlotTable(width: width, slots: slots, voters: voters, hasWitness: hasWitness)
        return table.isPossible(members: members) ? table : nil
    }

    private static func readFences(_ rest: inout ByteBuffer, _ epoch: UInt64) -> [UInt64]? {
        var fences: [UInt64] = []
        fences.reserveCapacity(Partition.all)
        for _ in 0..<Partition.all {
            var age: UInt64 = 0
            var shift: UInt64 = 0
            while true {
                guard shift < 63, let byte = rest.readInteger(as: UInt8.self) else { return nil }
                age |= UInt64(byte & 0x7f) << shift
                shift += 7
                guard byte & 0x80 != 0 else { break }
            }
            guard age < epoch else { return nil }
            fences.append(epoch - age)
        }
        return fences
    }

    private static func readDeparted(_ rest: inout ByteBuffer) -> [DepartedStore]? {
        guard let count = rest.readInteger(as: UInt8.self), count <= DepartedStore.countMax else { return nil }
        var departed: [DepartedStore] = []
        for _ in 0..<count {
            guard let (high, low, store) = rest.readMultipleIntegers(as: (UInt64, UInt64, UInt64).self) else {
                return nil
            }
            departed.append(DepartedStore(node: NodeID(high: high, low: low), storeID: store))
        }
        return departed
    }

    private static func readSpreads(_ rest: inout ByteBuffer, isJoint: Bool, hasPools: Bool) -> [BucketSpread]? {
        guard let count = rest.readInteger(as: UInt16.self), count <= BucketSpread.countMax else { return nil }
        var spreads: [BucketSpread] = []
        for _ in 0..<count {
            guard let (id, base, now, next) = rest.readMultipleIntegers(as: (UInt64, UInt8, UInt8, UInt8).self),
                [base, now, next].allSatisfy({ BucketSettings.copiesChoices.contains(Int($0)) }),
                let pools = hasPools ? rest.readMultipleIntegers(as: (UInt8, UInt8).self) : (0, 0)
            else { return nil }
            let entry = BucketSpread(
                bucket: BucketID(rawValue: id),
                base: Int(base),
                now: Spread(copies: Int(now), pool: PoolID(rawValue: pools.0)),
                next: Spread(copies: Int(next), pool: PoolID(rawValue: pools.1))
            )
            guard isJoint || entry.now == entry.next, entry.bucket == entry.bucket.within(.object),
                entry.bucket.space == .object, spreads.last.map({ $0.bucket.rawValue < id }) ?? true
            else { return nil }
            spreads.append(entry)
        }
        return spreads
    }
}

extension SlotTable {
    /// Whether every entry is one of so many members, and none is twice in a list.
    func isPossible(members: Int) -> Bool {
        (0..<(voters.isEmpty ? Partition.count : Partition.all)).allSatisfy { number in
            let list = list(Partition(number: UInt16(number)))
            return zip(list.indices, list).allSatisfy { index, entry in
                entry == Self.none || (entry < members && !list[..<index].contains(entry))
            }
        }
    }
}
