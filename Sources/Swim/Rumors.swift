/// What is worth telling, least-told first: a queue of subjects and not of messages.
///
/// A rumor is about a member, and its text is written from the member's newest state when it is sent; so a newer state
/// replaces an older one by itself, nothing stale is ever told, and the queue holds at most one entry per member.
/// Within one count of tellings the order is first in, first out.
package struct Rumors: Sendable {
    private struct Entry: Sendable {
        let slot: Int32
        let ticket: UInt32
    }

    /// `lanes[n]` holds the subjects that were told n times.
    private var lanes: [[Entry]] = []
    private var heads: [Int] = []
    /// The ticket under which a slot waits, zero when it does not; an entry with another ticket is void.
    private var tickets = Pages<UInt32>(absent: 0)
    private var issued: UInt32 = 0

    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    package func contains(_ slot: Int) -> Bool { tickets[slot] != 0 }

    /// Queues a subject as told that many times, also when it was told more often before.
    package mutating func add(_ slot: Int, tellings: Int = 0) {
        if !contains(slot) { count += 1 }
        place(slot, lane: tellings)
    }

    package mutating func remove(_ slot: Int) {
        guard contains(slot) else { return }
        tickets[slot] = 0
        count -= 1
    }

    /// A walk over the queue while one datagram is filled.
    package struct Walk: Sendable {
        fileprivate var lane = 0
        fileprivate var index = 0
        fileprivate var isAtHead = true
        fileprivate var left: Int
        fileprivate var told: [Told] = []

        /// How often the subject offered last was told before.
        package var tellings: Int { lane }

        fileprivate struct Told: Sendable {
            let slot: Int
            let lane: Int
        }
    }

    /// Begins a walk from the least told on, which offers `examinedMax` subjects at most.
    package func walk(examinedMax: Int) -> Walk { Walk(left: count == 0 ? 0 : examinedMax) }

    /// The next subject. What the caller accepts counts as told; what it passes over keeps its place.
    package mutating func next(_ walk: inout Walk) -> Int? {
        guard walk.left > 0 else { return nil }
        if walk.lane < lanes.count, walk.index == 0 { walk.index = heads[walk.lane] }
        while walk.lane < lanes.count {
            while walk.index < lanes[walk.lane].count {
                let entry = lanes[walk.lane][walk.index]
                walk.index += 1
                if tickets[Int(entry.slot)] == entry.ticket {
                    walk.left -= 1
                    return Int(entry.slot)
                }
                if walk.isAtHead { heads[walk.lane] = walk.index }
            }
            compact(walk.lane)
            walk.lane += 1
            walk.index = walk.lane < lanes.count ? heads[walk.lane] : 0
            walk.isAtHead = true
        }
        return nil
    }

    /// The subject offered last has been told: its entry is void, so it cannot be offered again in this walk.
    package mutating func accept(_ slot: Int, _ walk: inout Walk) {
        tickets[slot] = UInt32.max
        if walk.isAtHead { heads[walk.lane] = walk.index }
        walk.told.append(Walk.Told(slot: slot, lane: walk.lane + 1))
    }

    package mutating func pass(_ walk: inout Walk) { walk.isAtHead = false }

    /// Queues what was told behind those told as often, or lets it go after `transmits` tellings.
    package mutating func end(_ walk: Walk, transmits: Int) {
        if walk.lane < lanes.count { compact(walk.lane) }
        for told in walk.told {
            if told.lane < transmits {
                place(told.slot, lane: told.lane)
            } else {
                tickets[told.slot] = 0
                count -= 1
            }
        }
    }

    private mutating func place(_ slot: Int, lane: Int) {
        while lanes.count <= lane {
            lanes.append([])
            heads.append(0)
        }
        issued = issued &+ 1
        if issued == 0 || issued == .max { issued = 1 }
        tickets[slot] = issued
        lanes[lane].append(Entry(slot: Int32(truncatingIfNeeded: slot), ticket: issued))
        compact(lane)
    }

    /// Drops what lies before the head, and void entries when they outnumber the living, so that a lane stays bounded.
    private mutating func compact(_ lane: Int) {
        if heads[lane] == lanes[lane].count {
            lanes[lane].removeAll(keepingCapacity: true)
            heads[lane] = 0
        } else if lanes[lane].count > 64, lanes[lane].count > 2 * count {
            let living = lanes[lane][heads[lane]...].filter { tickets[Int($0.slot)] == $0.ticket }
            lanes[lane] = living
            heads[lane] = 0
        }
    }
}
