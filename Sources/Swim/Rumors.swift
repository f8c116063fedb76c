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

    /// Queues a subject as never told, also when it was told before.
    package mutating func add(_ slot: Int) {
        if !contains(slot) { count += 1 }
        place(slot, lane: 0)
    }

    package mutating func remove(_ slot: Int) {
        guard contains(slot) else { return }
        tickets[slot] = 0
        count -= 1
    }

    /// Offers subjects from the least told on, until `examinedMax` were offered. What `write` accepts has been told once
    /// more, and leaves after `transmits` tellings; what it declines (too long for the room left) keeps its place.
    package mutating func tell(transmits: Int, examinedMax: Int, write: (Int) -> Bool) {
        guard count > 0 else { return }
        var examined = 0
        var lane = 0
        var told: [(slot: Int, lane: Int)] = []
        while lane < lanes.count, examined < examinedMax {
            var index = heads[lane]
            var isAtHead = true
            while index < lanes[lane].count, examined < examinedMax {
                let entry = lanes[lane][index]
                if tickets[Int(entry.slot)] == entry.ticket {
                    examined += 1
                    if write(Int(entry.slot)) {
                        // Its old entry is void from here on, so it cannot be offered twice.
                        tickets[Int(entry.slot)] = UInt32.max
                        told.append((Int(entry.slot), lane + 1))
                    } else {
                        isAtHead = false
                    }
                }
                index += 1
                if isAtHead { heads[lane] = index }
            }
            compact(lane)
            lane += 1
        }
        for (slot, lane) in told {
            if lane < transmits {
                place(slot, lane: lane)
            } else {
                tickets[slot] = 0
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
        } else if lanes[lane].count > 64, lanes[lane].count > 2 * count + heads[lane] / 2 {
            let living = lanes[lane][heads[lane]...].filter { tickets[Int($0.slot)] == $0.ticket }
            lanes[lane] = living
            heads[lane] = 0
        }
    }
}
