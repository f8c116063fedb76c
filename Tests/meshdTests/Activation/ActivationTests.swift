import Testing

@testable import meshd

@Suite struct ActivationTests {
    private typealias Sight = Activation.Sighting.Node

    /// Holds a value whose calls change it, so that expectations can make them.
    @dynamicMemberLookup
    private final class Run {
        var value: Activation

        init(_ value: Activation) { self.value = value }

        subscript<Value>(dynamicMember path: KeyPath<Activation, Value>) -> Value { value[keyPath: path] }

        @discardableResult
        func advance(_ seen: Activation.Sighting, at now: UInt64) -> [Activation.Directive] {
            value.advance(seen, at: now)
        }

        func handed(_ index: Int, at now: UInt64, failure: String?) { value.handed(index, at: now, failure: failure) }
        func settled(_ index: Int, at now: UInt64, failure: String?) { value.settled(index, at: now, failure: failure) }
        func parted(_ index: Int, at now: UInt64, failure: String?) { value.parted(index, at: now, failure: failure) }
        func fail(_ reason: String, at now: UInt64) { value.fail(reason, at: now) }
        func note(_ text: String, _ now: UInt64) { value.note(text, now) }
    }

    private static func newcomer(_ name: String, zone: String = "") -> Activation.Newcomer {
        Activation.Newcomer(id: name, name: name, address: "127.0.0.1:1", zone: zone, bond: "00", sinceMillis: 0)
    }

    private static func begun(copies: Int? = nil, zone: String = "") -> Run {
        Run(
            Activation(
                id: "a",
                mode: "scaleout",
                copies: copies,
                nodes: [newcomer("n2", zone: zone), newcomer("n3")],
                nowMillis: 0
            )
        )
    }

    private static func seen(
        _ n2: Sight?,
        _ n3: Sight?,
        isChanging: Bool = false,
        share: Double = 0,
        copies: [Activation.BucketCopies] = []
    ) -> Activation.Sighting {
        var seen = Activation.Sighting()
        seen.nodes["n2"] = n2
        seen.nodes["n3"] = n3
        (seen.isChanging, seen.share, seen.copies) = (isChanging, share, copies)
        return seen
    }

    private static let alive = Sight(isAlive: true)
    private static let starting = Sight(answers: true)
    private static let placed = Sight(isAlive: true, isMember: true, isPlaced: true)
    private static let dead = Sight(isMember: true, isPlaced: true)

    /// As far as both have joined and got their places.
    private static func joined(copies: Int? = nil, zone: String = "") -> Run {
        let activation = begun(copies: copies, zone: zone)
        #expect(activation.advance(seen(nil, nil), at: 1) == [.hand(0)])
        activation.handed(0, at: 2, failure: nil)
        #expect(activation.advance(seen(nil, nil), at: 3) == [.hand(1)])
        activation.handed(1, at: 4, failure: nil)
        #expect(activation.advance(seen(alive, alive), at: 5) == [])
        #expect(activation.advance(seen(placed, placed, isChanging: true), at: 6) == [])
        #expect(activation.phase == .syncing)
        return activation
    }

    @Test("from the codes to the last copy, each step when the one before is seen")
    func success() {
        let activation = Self.joined()
        #expect(activation.advance(Self.seen(Self.placed, Self.placed, isChanging: true, share: 0.5), at: 7) == [])
        #expect(activation.share == 0.5 && activation.phase == .syncing)
        #expect(activation.advance(Self.seen(Self.placed, Self.placed), at: 8) == [])
        #expect(activation.advance(Self.seen(Self.placed, Self.placed), at: 9) == [] && activation.phase == .settling)
        #expect(activation.advance(Self.seen(Self.placed, Self.placed), at: 5_000) == [.settle(0), .settle(1)])
        activation.settled(0, at: 5_001, failure: nil)
        activation.settled(1, at: 5_001, failure: "no answer")
        #expect(activation.advance(Self.seen(Self.placed, Self.placed), at: 9_001) == [.settle(1)])
        activation.settled(1, at: 9_002, failure: nil)
        activation.advance(Self.seen(Self.placed, Self.placed), at: 9_003)
        #expect(activation.phase == .active && activation.error == nil && activation.endedMillis == 9_003)
        #expect(activation.nodes.allSatisfy { $0.step == .active && $0.bond.isEmpty } && !activation.isAwake)
    }

    @Test("zones and copies are asked for until they are so")
    func arranging() {
        let activation = Self.joined(copies: 2, zone: "b")
        let copies = [Activation.BucketCopies(bucket: "x", copies: 3), .init(bucket: "y", copies: 2)]
        activation.advance(Self.seen(Self.placed, Self.placed), at: 8)
        let wishes = activation.advance(Self.seen(Self.placed, Self.placed, copies: copies), at: 5_000)
        #expect(wishes == [.zone(0), .copies(.init(bucket: "x", copies: 2))])
        var zoned = Self.placed
        zoned.zone = "b"
        let done = [Activation.BucketCopies(bucket: "x", copies: 2), .init(bucket: "y", copies: 2)]
        activation.advance(Self.seen(zoned, Self.placed, copies: done), at: 9_500)
        #expect(activation.phase == .settling)
        // Had it failed then, the bucket would want what it wanted before.
        #expect(activation.before == [.init(bucket: "x", copies: 3)])
    }

    @Test("a node that never comes takes all others back with it")
    func neverComes() {
        let activation = Self.begun()
        activation.advance(Self.seen(nil, nil), at: 1)
        activation.handed(0, at: 2, failure: nil)
        activation.advance(Self.seen(Self.alive, nil), at: 3)
        activation.handed(1, at: 4, failure: nil)
        for now in stride(from: UInt64(5), through: 120_005, by: 10_000) {
            #expect(activation.phase == .joining)
            activation.advance(Self.seen(Self.placed, Self.starting), at: now)
        }
        #expect(activation.phase == .undoing && activation.error?.contains("n3") == true)
        // n2 loses its place before it is told; n3 never had one.
        #expect(activation.advance(Self.seen(Self.placed, nil), at: 121_000) == [.remove([0]), .undo(1)])
        activation.parted(1, at: 121_001, failure: nil)
        #expect(activation.advance(Self.seen(Self.alive, nil), at: 126_000) == [.undo(0)])
        activation.parted(0, at: 126_001, failure: nil)
        activation.advance(Self.seen(nil, nil, isChanging: true), at: 126_002)
        #expect(activation.phase == .undoing, "the layout is not as before yet")
        activation.advance(Self.seen(nil, nil), at: 126_003)
        #expect(activation.phase == .undone && !activation.isAwake)
    }

    @Test("a node that is killed while it starts anew is not waited for long")
    func killedAtStart() {
        let activation = Self.begun()
        activation.advance(Self.seen(nil, nil), at: 1)
        activation.handed(0, at: 2, failure: nil)
        activation.advance(Self.seen(Self.starting, nil), at: 1_000)
        for now in stride(from: UInt64(2_000), to: 60_000, by: 1_000) where activation.phase == .joining {
            for case .hand(let index) in activation.advance(Self.seen(nil, nil), at: now) {
                activation.handed(index, at: now, failure: nil)
            }
        }
        #expect(activation.phase == .undoing && activation.error?.contains("n2 went away") == true)
    }

    @Test("a node that dies while copies come to it is removed, and sent home as soon as it is back")
    func dies() {
        let activation = Self.joined()
        var now: UInt64 = 7
        while activation.phase == .syncing, now < 60_000 {
            activation.advance(Self.seen(Self.placed, Self.dead, isChanging: true), at: now)
            now += 1_000
        }
        #expect(activation.phase == .undoing)
        #expect(activation.advance(Self.seen(Self.placed, Self.dead), at: now) == [.remove([0, 1])])
        for _ in 0..<8 {
            now += 5_000
            for case .undo(let index) in activation.advance(Self.seen(Self.alive, nil), at: now) {
                activation.parted(index, at: now, failure: index == 1 ? "nobody is there" : nil)
            }
        }
        #expect(activation.phase == .undone && activation.nodes.map(\.step) == [.home, .owed] && activation.isAwake)
        // It comes back, and got a place by itself meanwhile.
        now += 5_000
        #expect(activation.advance(Self.seen(nil, Self.placed), at: now) == [.remove([1])])
        now += 5_000
        #expect(activation.advance(Self.seen(nil, Self.alive), at: now) == [.undo(1)])
        activation.parted(1, at: now, failure: nil)
        #expect(!activation.isAwake)
    }

    @Test("cancelled before any token was handed over, nothing is to be taken back")
    func cancelledAtOnce() {
        let activation = Self.begun()
        activation.fail("It was cancelled.", at: 1)
        activation.advance(Self.seen(nil, nil), at: 2)
        #expect(activation.phase == .undone && activation.nodes.allSatisfy { $0.step == .home })
        activation.fail("again", at: 3)
        #expect(activation.error == "It was cancelled.")
    }

    @Test("who may have the token is invited before it leaves, and is told to go home when the call is cut off")
    func cutOffWhileHanding() throws {
        let activation = Self.begun()
        let before = activation.value
        #expect(activation.advance(Self.seen(nil, nil), at: 1) == [.hand(0)])
        #expect(activation.nodes.map(\.step) == [.invited, .proven] && activation.value.isWorthKeeping(after: before))
        // The node ends here; the next one finds what was kept.
        let next = Run(try JSON.value(Activation.self, from: JSON.bytes(activation.value)))
        next.fail("This node ended meanwhile.", at: 2)
        #expect(next.advance(Self.seen(nil, nil), at: 5_000) == [.undo(0)] && next.phase == .undoing)
        next.parted(0, at: 5_001, failure: nil)
        next.advance(Self.seen(nil, nil), at: 5_002)
        #expect(next.phase == .undone)
    }

    @Test("from the moment that nodes are told that all is done, nothing takes it back")
    func pointOfNoReturn() throws {
        let activation = Self.joined()
        #expect(activation.value.isReversible)
        activation.advance(Self.seen(Self.placed, Self.placed), at: 8)
        activation.advance(Self.seen(Self.placed, Self.placed), at: 9)
        #expect(activation.phase == .settling && !activation.value.isReversible)
        activation.settled(0, at: 10, failure: nil)
        activation.fail("This node ended meanwhile.", at: 11)
        #expect(activation.phase == .settling && activation.error == nil)
        #expect(activation.advance(Self.seen(Self.placed, Self.placed), at: 5_000) == [.settle(1)])
    }

    @Test("who turns out to have a place after all loses it before everything is said to be as before")
    func homeWithAPlace() {
        let activation = Self.joined()
        activation.fail("It was cancelled.", at: 7)
        // The sighting is old: neither has a place in it.
        #expect(activation.advance(Self.seen(Self.alive, Self.alive), at: 5_000) == [.undo(0), .undo(1)])
        activation.parted(0, at: 5_001, failure: nil)
        activation.parted(1, at: 5_001, failure: "it has a place")
        #expect(activation.nodes[1].tries == 1)
        #expect(activation.advance(Self.seen(Self.placed, Self.placed), at: 10_000) == [.remove([0, 1])])
        #expect(activation.phase == .undoing)
        #expect(activation.advance(Self.seen(Self.alive, Self.alive), at: 15_000) == [.undo(0), .undo(1)])
        #expect(!activation.nodes[0].bond.isEmpty, "it can be told again")
        for index in 0..<2 { activation.parted(index, at: 15_001, failure: nil) }
        activation.advance(Self.seen(Self.placed, nil), at: 15_002)
        #expect(activation.phase == .undoing, "a member is not back")
        activation.advance(Self.seen(nil, nil), at: 15_003)
        #expect(activation.phase == .undone && activation.nodes.allSatisfy { $0.bond.isEmpty })
    }

    @Test("a quarter of an hour after the end, a place is nobody's to take away")
    func owedForLong() {
        let activation = Self.joined()
        activation.fail("It was cancelled.", at: 7)
        var now: UInt64 = 1_000_000
        activation.advance(Self.seen(Self.placed, Self.dead), at: now)
        #expect(activation.phase == .undone && activation.nodes.allSatisfy { $0.step == .owed })
        now += 15 * 60_000 - 1
        #expect(activation.advance(Self.seen(nil, Self.placed), at: now) == [.remove([1]), .undo(0)])
        now += 5_000
        #expect(activation.advance(Self.seen(nil, Self.placed), at: now) == [.undo(0)])
        #expect(activation.nodes.map(\.step) == [.owed, .kept] && activation.log.last?.isBad == true)
        activation.parted(0, at: now, failure: nil)
        #expect(!activation.isAwake && activation.advance(Self.seen(nil, Self.placed), at: now + 5_000) == [])
    }

    @Test("a log has its bounds, and says what repeats once")
    func log() {
        let activation = Self.begun()
        for number in 0..<1_000 {
            activation.note("\(number)", 1)
            activation.note("\(number)", 1)
        }
        #expect(activation.log.count == Activation.logLinesMax && activation.log.last?.text == "999")
    }

    @Test("what is kept is read back the same")
    func kept() throws {
        let activation = Self.joined(copies: 2, zone: "b").value
        #expect(try JSON.value(Activation.self, from: JSON.bytes(activation)) == activation)
    }

    @Test("an order is judged as a whole, and each fault names its field")
    func faults() {
        let code = "1234 5678"
        let wrong = ActivationOrder(
            mode: "pair",
            nodes: [
                .init(address: "", code: code, zone: nil), .init(address: "h:1", code: "1", zone: "!"),
                .init(address: "h:1", code: code, zone: "a"),
            ],
            copies: 4
        )
        let fields = wrong.faults(holders: 1).map(\.field)
        for field in ["mode", "nodes[0].address", "nodes[1].code", "nodes[1].zone", "nodes[2].address", "copies"] {
            #expect(fields.contains(field), "\(field)")
        }
        let pair = ActivationOrder(mode: "pair", nodes: [.init(address: "h:1", code: code)], copies: 2)
        #expect(pair.faults(holders: 1).isEmpty && pair.faults(holders: 2).map(\.field) == ["mode"])
        let none = ActivationOrder(mode: "standalone", nodes: [])
        #expect(none.faults(holders: 1).map(\.field) == ["mode", "nodes"])
        let many = ActivationOrder(mode: "scaleout", nodes: [.init(address: "h:1", code: code)], copies: 5)
        #expect(many.faults(holders: 2).map(\.field) == ["copies"])
    }
}
