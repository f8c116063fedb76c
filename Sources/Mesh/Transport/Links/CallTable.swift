/// Calls that wait for their answers, found by id and by deadline, both in constant time: a slab of slots, chained into
/// a wheel of deadlines (Varghese and Lauck's hashed timing wheel).
///
/// Ticks are whatever the owner counts. An id is never used again, so a late answer finds nobody.
struct CallTable<Call> {
    private static var wheelSize: Int { 256 }
    private static var indexBits: UInt64 { 20 }
    private static var none: Int32 { -1 }

    private struct Slot {
        var call: Call?
        var due: UInt64 = 0
        var turn: UInt64 = 0
        var before: Int32 = -1
        var after: Int32 = -1
    }

    private let callsMax: Int
    private var slots: [Slot] = []
    private var free: [Int32] = []
    private var wheel: [Int32]
    private var now: UInt64
    private(set) var count = 0

    init(callsMax: Int, now: UInt64) {
        precondition(callsMax < 1 << Self.indexBits, "an id has 20 bits for its slot")
        self.callsMax = callsMax
        self.now = now
        wheel = [Int32](repeating: Self.none, count: Self.wheelSize)
    }

    var isEmpty: Bool { count == 0 }

    /// The id of the call; nil when there are too many.
    mutating func insert(_ call: Call, due: UInt64) -> UInt64? {
        guard count < callsMax else { return nil }
        let index: Int32
        if let last = free.popLast() {
            index = last
        } else {
            index = Int32(slots.count)
            slots.append(Slot())
        }
        // What is due already goes off at the next tick.
        let due = max(due, now + 1)
        let place = Int(due % UInt64(Self.wheelSize))
        let first = wheel[place]
        slots[Int(index)].call = call
        slots[Int(index)].due = due
        slots[Int(index)].before = Self.none
        slots[Int(index)].after = first
        if first >= 0 { slots[Int(first)].before = index }
        wheel[place] = index
        count += 1
        return slots[Int(index)].turn << Self.indexBits | UInt64(index)
    }

    func contains(_ id: UInt64) -> Bool { index(id) != nil }

    mutating func remove(_ id: UInt64) -> Call? { index(id).flatMap { take($0) } }

    private func index(_ id: UInt64) -> Int? {
        let index = Int(id & (1 << Self.indexBits - 1))
        guard index < slots.count, slots[index].call != nil, slots[index].turn == id >> Self.indexBits else {
            return nil
        }
        return index
    }

    private mutating func take(_ index: Int) -> Call? {
        let (before, after) = (slots[index].before, slots[index].after)
        if before >= 0 {
            slots[Int(before)].after = after
        } else {
            wheel[Int(slots[index].due % UInt64(Self.wheelSize))] = after
        }
        if after >= 0 { slots[Int(after)].before = before }
        let call = slots[index].call
        slots[index].call = nil
        slots[index].turn += 1
        free.append(Int32(index))
        count -= 1
        return call
    }

    /// Takes out those whose time is over.
    mutating func advance(to tick: UInt64, into expired: inout [(id: UInt64, call: Call)]) {
        guard tick > now else { return }
        let steps = min(tick - now, UInt64(Self.wheelSize))
        for step in 1...steps where count > 0 {
            // After a long pause each place is looked at once.
            var next = wheel[Int((tick - steps + step) % UInt64(Self.wheelSize))]
            while next >= 0 {
                let index = Int(next)
                next = slots[index].after
                guard slots[index].due <= tick else { continue }
                let id = slots[index].turn << Self.indexBits | UInt64(index)
                if let call = take(index) { expired.append((id, call)) }
            }
        }
        now = tick
    }

    /// Takes out all.
    mutating func removeAll() -> [Call] {
        var calls: [Call] = []
        for index in slots.indices where slots[index].call != nil {
            if let call = take(index) { calls.append(call) }
        }
        return calls
    }
}
