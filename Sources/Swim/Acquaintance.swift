/// Since when this node knows each identity; not how long the node behind it runs.
///
/// Whoever can make identities could bring a quorum of witnesses with him, so new ones do not count as witnesses for
/// ten minutes. In a mesh where most are that new the rule would silence everybody, and is off.
package struct Acquaintance: Sendable {
    /// Those known from the beginning share one value, which costs nothing per member.
    private var metAt: Pages<Micros>
    private let bornAt: Micros
    private let atBirth: Int
    private var young: [Micros] = []
    private var head = 0

    /// - Parameter atBirth: how many others are known at the beginning, without an age.
    package init(now: Micros, atBirth: Int) {
        bornAt = now
        self.atBirth = atBirth
        metAt = Pages(absent: now)
    }

    /// Since when the identity is known, on this node's clock.
    package func since(_ slot: Int) -> Micros { metAt[slot] }

    /// A member that is new to this node.
    package mutating func meet(_ slot: Int, now: Micros) {
        metAt[slot] = now
        young.append(now)
    }

    /// A member remembered from an earlier life of this node.
    package mutating func remember(_ slot: Int, since: Micros) { metAt[slot] = since }

    /// The slot is free for another identity.
    package mutating func forget(_ slot: Int) { metAt[slot] = bornAt }

    /// Lets those who came of age go; called in each period.
    package mutating func fade(to now: Micros, age: Micros) {
        while head < young.count, now - young[head] >= age { head += 1 }
        if head > 64, head * 2 > young.count {
            young.removeFirst(head)
            head = 0
        }
    }

    /// Whether the identity is known for less long than `age`.
    package func isYoung(_ slot: Int, now: Micros, age: Micros) -> Bool { now - metAt[slot] < age }

    /// How many were met within the age.
    package func youngCount(now: Micros, age: Micros) -> Int {
        young.count - head + (now - bornAt < age ? atBirth : 0)
    }
}
