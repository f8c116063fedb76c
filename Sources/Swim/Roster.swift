/// Everybody that this node has heard of, in dense tables with an index by handle; counts and view digests are kept up
/// to date with every change and never recomputed.
package struct Roster: Sendable {
    /// A slot is an index into every table about members; it is reused only after its tombstone has run out.
    private var slots: [UInt64: Int32] = [:]
    private var records: Pages<Record>
    private var statuses: [Status] = []
    private var isTaken: [Bool] = []
    private var free: [Int32] = []
    /// Members per zone, in the order of first sight; few enough to be searched.
    private var zones: [(zone: UInt64, count: Int)] = []
    /// The keyed sum of each bucket of members.
    package private(set) var sums = [UInt64](repeating: 0, count: Frame.bucketCount)
    /// The sum of all sums: eight bytes that differ when two views differ.
    package private(set) var digest: UInt64 = 0
    package private(set) var presentCount = 0
    package private(set) var count = 0
    /// Tombstones too old to be compared.
    private var isFaded = Pages<Bool>(absent: false)
    /// The part of the digest that decrees make.
    private var decreeSum: UInt64 = 0
    private let digestKey: UInt64

    package init(digestKey: UInt64) {
        self.digestKey = digestKey
        let id = NodeID(high: 0, low: 0)
        records = Pages(
            absent: Record(
                id: id,
                key: PublicKey(0, 0, 0, 0),
                version: Version(generation: 0, incarnation: 0),
                endpoint: Endpoint(ipv4: 0, port: 0),
                zone: 0
            )
        )
    }

    /// Slots ever used: the bound for those who pick one at random.
    package var slotCount: Int { statuses.count }
    package var zoneCount: Int { zones.count }

    package func slot(of handle: UInt64) -> Int? { slots[handle].map(Int.init) }

    package func isTaken(_ slot: Int) -> Bool { isTaken[slot] }

    package func status(_ slot: Int) -> Status { statuses[slot] }

    package func record(_ slot: Int) -> Record { records[slot] }

    package func isPresent(_ slot: Int) -> Bool { isTaken[slot] && statuses[slot].isPresent }

    package static func bucket(of handle: UInt64) -> Int { Int(handle >> 56) }

    /// Gives a new member a slot; the caller has checked that its handle is free.
    package mutating func add(_ record: Record, status: Status) -> Int {
        let slot: Int
        if let reused = free.popLast() {
            slot = Int(reused)
            isTaken[slot] = true
            statuses[slot] = status
        } else {
            slot = statuses.count
            isTaken.append(true)
            statuses.append(status)
        }
        records[slot] = record
        slots[record.id.handle] = Int32(truncatingIfNeeded: slot)
        count += 1
        enter(slot)
        return slot
    }

    package mutating func set(_ slot: Int, record: Record, status: Status) {
        leave(slot)
        records[slot] = record
        statuses[slot] = status
        isFaded[slot] = false
        enter(slot)
    }

    package mutating func set(_ slot: Int, status: Status) {
        leave(slot)
        statuses[slot] = status
        enter(slot)
    }

    /// Takes an old tombstone out of the digests, so that nodes that forget it earlier and later still agree.
    package mutating func fade(_ slot: Int) {
        guard !isFaded[slot] else { return }
        leave(slot)
        isFaded[slot] = true
        enter(slot)
    }

    package func hasFaded(_ slot: Int) -> Bool { isFaded[slot] }

    package mutating func remove(_ slot: Int) {
        leave(slot)
        slots[records[slot].id.handle] = nil
        isTaken[slot] = false
        isFaded[slot] = false
        free.append(Int32(truncatingIfNeeded: slot))
        count -= 1
    }

    /// Enters a decree into the digests; it never leaves them.
    package mutating func add(decreeTerm term: UInt64) {
        sums[Decrees.bucket(ofTerm: term)] &+= term
        digest &+= term
        decreeSum &+= term
    }

    /// What one member adds to the digests. An outcast adds nothing, because its decree stands there in its place, and
    /// not all have met it at the same version, or at all. A suspect counts as alive: suspicion is an opinion and
    /// passes, the digest compares facts.
    private func term(_ slot: Int) -> UInt64 {
        if isFaded[slot] || statuses[slot] == .expelled { return 0 }
        let record = records[slot]
        let status: UInt64 = statuses[slot].isPresent ? 0 : UInt64(statuses[slot].rawValue)
        var hash = Random.mix(digestKey ^ record.id.high)
        hash = Random.mix(hash ^ record.id.low)
        hash = Random.mix(hash ^ record.version.generation)
        return Random.mix(hash ^ UInt64(record.version.incarnation) << 8 ^ status)
    }

    private mutating func enter(_ slot: Int) {
        let record = records[slot]
        let term = term(slot)
        sums[Self.bucket(of: record.id.handle)] &+= term
        digest &+= term
        guard statuses[slot].isPresent else { return }
        presentCount += 1
        if let at = zones.firstIndex(where: { $0.zone == record.zone }) {
            zones[at].count += 1
        } else {
            zones.append((record.zone, 1))
        }
    }

    private mutating func leave(_ slot: Int) {
        let record = records[slot]
        let term = term(slot)
        sums[Self.bucket(of: record.id.handle)] &-= term
        digest &-= term
        guard statuses[slot].isPresent else { return }
        presentCount -= 1
        if let at = zones.firstIndex(where: { $0.zone == record.zone }) {
            zones[at].count -= 1
            if zones[at].count == 0 { zones.remove(at: at) }
        }
    }

    /// The digest made anew, for the tests that hold the running one against it.
    package func recountedDigest() -> UInt64 {
        var sum = decreeSum
        for slot in statuses.indices where isTaken[slot] { sum &+= term(slot) }
        return sum
    }
}
