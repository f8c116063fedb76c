/// Whom to ask next: every present member once in each traversal, in an order shuffled anew for the next.
///
/// SWIM's round-robin bounds the time to a first probe at 2N − 1 periods, where picking at random has no bound; the
/// reshuffle keeps two nodes from walking in step.
package struct ProbeList: Sendable {
    private var order: [Int32] = []
    /// Where each slot stands in `order`, plus one; zero when it is not on the list.
    private var places: [Int32] = []
    private var position = 0

    package init() {}

    package var count: Int { order.count }

    /// Puts a member at a random place among those still to come or already asked, in O(1).
    package mutating func add(_ slot: Int, random: inout Random) {
        while places.count <= slot { places.append(0) }
        guard places[slot] == 0 else { return }
        order.append(Int32(truncatingIfNeeded: slot))
        places[slot] = Int32(truncatingIfNeeded: order.count)
        swap(order.count - 1, random.below(order.count))
    }

    package mutating func remove(_ slot: Int) {
        guard slot < places.count, places[slot] != 0 else { return }
        let place = Int(places[slot]) - 1
        // The last member asked fills a hole among those asked, so that the traversal stays exact.
        var hole = place
        if hole < position {
            position -= 1
            swap(hole, position)
            hole = position
        }
        swap(hole, order.count - 1)
        order.removeLast()
        places[slot] = 0
    }

    /// The next member to ask, or nothing when there is none.
    package mutating func next(random: inout Random) -> Int? {
        guard !order.isEmpty else { return nil }
        if position >= order.count {
            for index in stride(from: order.count - 1, to: 0, by: -1) {
                swap(index, random.below(index + 1))
            }
            position = 0
        }
        position += 1
        return Int(order[position - 1])
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        guard a != b else { return }
        order.swapAt(a, b)
        places[Int(order[a])] = Int32(truncatingIfNeeded: a + 1)
        places[Int(order[b])] = Int32(truncatingIfNeeded: b + 1)
    }
}
