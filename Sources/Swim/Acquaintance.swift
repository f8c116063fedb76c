/// Since when this node knows each identity; not how long the node behind it runs.
///
/// Whoever can make identities could bring a quorum of witnesses with him, so new ones do not count as witnesses for
/// ten minutes. In a mesh where most are that new the rule would silence everybody, and is off. Only those who are
/// present are counted for that: who comes and goes again shifts no quorum.
package struct Acquaintance: Sendable {
    private enum Place: Sendable {
        case known
        case youngPresent
        case youngGone
    }

    /// Those known from the beginning share one value, which costs nothing per member.
    private var metAt: Pages<Micros>
    private var places = Pages<Place>(absent: .known)
    private let bornAt: Micros
    /// Members known at the beginning lie below this slot.
    private let slotsAtBirth: Int
    private var presentAtBirth: Int
    /// The young in the order in which they come of age.
    private var young: [(slot: Int, since: Micros)] = []
    private var head = 0
    private var youngPresent = 0

    /// - Parameters:
    ///   - slotsAtBirth: how many slots are taken at the beginning, without an age.
    ///   - presentAtBirth: how many of their members are present.
    package init(now: Micros, slotsAtBirth: Int, presentAtBirth: Int) {
        bornAt = now
        self.slotsAtBirth = slotsAtBirth
        self.presentAtBirth = presentAtBirth
        metAt = Pages(absent: now)
    }

    /// Since when the identity is known, on this node's clock.
    package func since(_ slot: Int) -> Micros { metAt[slot] }

    /// A member that is new to this node.
    package mutating func meet(_ slot: Int, isPresent: Bool, now: Micros) {
        metAt[slot] = now
        enlist(slot, since: now, isPresent: isPresent)
    }

    /// A member remembered from an earlier life of this node.
    package mutating func remember(_ slot: Int, since: Micros, isPresent: Bool, now: Micros, age: Micros) {
        metAt[slot] = since
        if now - since < age { enlist(slot, since: since, isPresent: isPresent) }
    }

    private mutating func enlist(_ slot: Int, since: Micros, isPresent: Bool) {
        // Members are met in the order of time; only a file brings them in another.
        var at = young.count
        while at > head, young[at - 1].since > since { at -= 1 }
        young.insert((slot, since), at: at)
        places[slot] = isPresent ? .youngPresent : .youngGone
        if isPresent { youngPresent += 1 }
    }

    /// A member came back, or has gone.
    package mutating func note(_ slot: Int, isPresent: Bool) {
        switch places[slot] {
        case .known:
            if slot < slotsAtBirth, metAt[slot] == bornAt { presentAtBirth += isPresent ? 1 : -1 }
        case .youngPresent where !isPresent:
            places[slot] = .youngGone
            youngPresent -= 1
        case .youngGone where isPresent:
            places[slot] = .youngPresent
            youngPresent += 1
        case .youngPresent, .youngGone:
            break
        }
    }

    /// The slot is free for another identity.
    package mutating func forget(_ slot: Int) {
        ripen(slot)
        metAt[slot] = bornAt
    }

    /// Lets those who came of age go; called in each period.
    package mutating func fade(to now: Micros, age: Micros) {
        while head < young.count, now - young[head].since >= age {
            // A slot that was freed since may hold another, younger identity.
            if metAt[young[head].slot] == young[head].since { ripen(young[head].slot) }
            head += 1
        }
        if head > 64, head * 2 > young.count {
            young.removeFirst(head)
            head = 0
        }
    }

    private mutating func ripen(_ slot: Int) {
        guard places[slot] != .known else { return }
        if places[slot] == .youngPresent { youngPresent -= 1 }
        places[slot] = .known
    }

    /// Whether the identity is known for less long than `age`.
    package func isYoung(_ slot: Int, now: Micros, age: Micros) -> Bool { now - metAt[slot] < age }

    /// How many of those who are present were met within the age.
    package func youngCount(now: Micros, age: Micros) -> Int {
        youngPresent + (now - bornAt < age ? presentAtBirth : 0)
    }
}
