/// The dead and the departed, kept so that a partition heals by itself and an old rumor revives nobody.
package struct Gone: Sendable {
    package struct Grave: Sendable {
        package let slot: Int
        package let since: Micros
    }

    package private(set) var graves: [Grave] = []
    /// Where each slot lies in `graves`, plus one.
    private var places = Pages<Int32>(absent: 0)

    package init() {}

    package var count: Int { graves.count }

    package func since(_ slot: Int) -> Micros? {
        places[slot] == 0 ? nil : graves[Int(places[slot]) - 1].since
    }

    package mutating func add(_ slot: Int, since: Micros) {
        remove(slot)
        graves.append(Grave(slot: slot, since: since))
        places[slot] = Int32(truncatingIfNeeded: graves.count)
    }

    package mutating func remove(_ slot: Int) {
        let place = Int(places[slot])
        guard place != 0 else { return }
        places[slot] = 0
        let last = graves.removeLast()
        if place - 1 < graves.count {
            graves[place - 1] = last
            places[last.slot] = Int32(truncatingIfNeeded: place)
        }
    }
}
