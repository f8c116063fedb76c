package import Store

/// Who holds which partition: for each an ordered list of slots, and the voters of small state. Entries are indexes
/// into the layout's members.
///
/// The holders of a bucket that wants k copies are the first k slots, so 1, 2, 3 and 5 copies are nested prefixes of one
/// list, and raising a bucket's copies moves nothing that is there already.
package struct SlotTable: Sendable, Hashable {
    /// The most copies that a bucket can want.
    package static let widthMax = 5
    /// A slot that nobody holds: struck out by force.
    package static let none: UInt8 = 255
    /// Indexes fit a byte, `none` left out, with room for both entries of nodes that were let in again.
    package static let membersMax = 250

    /// Slots for each partition.
    package let width: Int
    /// `width` entries for each of the 1,024 partitions.
    package let slots: [UInt8]
    /// At most five.
    package let voters: [UInt8]
    /// The last slot of every list is a witness: it has a vote on every row, and keeps no bytes.
    package let hasWitness: Bool

    package init(width: Int, slots: [UInt8], voters: [UInt8], hasWitness: Bool = false) {
        precondition(slots.count == width * Partition.count && width <= Self.widthMax)
        self.hasWitness = hasWitness
        self.width = width
        self.slots = slots
        self.voters = voters
    }

    /// The list of a partition, or the voters.
    package func list(_ partition: Partition) -> ArraySlice<UInt8> {
        guard partition != .system else { return voters[...] }
        let start = Int(partition.number) * width
        return slots[start..<start + width]
    }

    /// How many copies of the bytes there are at most.
    package var copiesMax: Int { hasWitness ? width - 1 : width }

    /// Those who keep the bytes of a partition, for a bucket that wants so many copies.
    func keepers(_ partition: Partition, copies: Int) -> ArraySlice<UInt8> {
        let list = list(partition)
        return partition == .system ? list : list.prefix(min(copies, copiesMax))
    }

    /// Who has a vote on every row of such a bucket beside them. A single copy has nobody to agree with.
    func witness(_ partition: Partition, copies: Int) -> UInt8? {
        hasWitness && copies > 1 && partition != .system ? list(partition).last : nil
    }

    /// Both together: those among whom a majority decides.
    func places(_ partition: Partition, copies: Int) -> [UInt8] {
        Array(keepers(partition, copies: copies)) + (witness(partition, copies: copies).map { [$0] } ?? [])
    }

    /// Whether an entry stands in any list, that of the voters included.
    func names(_ entry: UInt8) -> Bool { slots.contains(entry) || voters.contains(entry) }

    /// Whether an entry keeps bytes of anything.
    func keepsBytes(_ entry: UInt8) -> Bool {
        guard hasWitness else { return slots.contains(entry) }
        return (0..<Partition.count).contains { keepers(Partition(number: UInt16($0)), copies: width).contains(entry) }
    }

    /// The same table with other indexes.
    package func mapped(_ index: (UInt8) -> UInt8) -> SlotTable {
        SlotTable(
            width: width,
            slots: slots.map { $0 == Self.none ? Self.none : index($0) },
            voters: voters.map { $0 == Self.none ? Self.none : index($0) },
            hasWitness: hasWitness
        )
    }

    /// The slots with one more at the end of every list.
    func slots(with witness: UInt8) -> [UInt8] {
        (0..<Partition.count).flatMap { slots[$0 * width..<($0 + 1) * width] + [witness] }
    }

    /// The same table with places that nobody holds any more.
    func striking(_ isStruck: (Partition, UInt8) -> Bool) -> SlotTable {
        var slots = slots
        for index in slots.indices where slots[index] != Self.none {
            if isStruck(Partition(number: UInt16(index / width)), slots[index]) { slots[index] = Self.none }
        }
        return SlotTable(
            width: width,
            slots: slots,
            voters: voters.map { $0 != Self.none && isStruck(.system, $0) ? Self.none : $0 },
            hasWitness: hasWitness
        )
    }
}
