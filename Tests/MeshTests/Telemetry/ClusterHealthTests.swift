import Store
import Swim
import Testing

@testable import Mesh

/// What is said of a mesh in words: one claim per trouble.
@Suite struct ClusterHealthTests {
    private static let now: UInt64 = 1_700_000_000_000

    /// Nodes `a`, `b`, … that hold everything together, each alive and well.
    private static func facts(_ count: Int) -> ClusterFacts {
        let ids = (0..<count).map { NodeID(high: UInt64($0 + 1), low: 0) }
        var facts = ClusterFacts(ownID: ids[0], nowMillis: now)
        facts.nodes = ids.enumerated().map { index, id in
            let name = String(UnicodeScalar(UInt8(97 + index)))
            var node = ClusterFacts.Node(id: id, name: name)
            node.state = .alive
            node.weight = 1
            node.place = .active
            node.condition = NodeCondition(id: id.description, name: name)
            return node
        }
        facts.holders = (0..<Partition.all).map { number in
            HolderSet(current: (0..<min(3, count)).map { ids[(number + $0) % count] })
        }
        return facts
    }

    private static func repair(
        hints: [(peer: NodeID, count: Int)] = [],
        wanted: Int = 0,
        isPaused: Bool = false
    ) -> RepairReport {
        RepairReport(
            isPaused: isPaused,
            hints: hints.map { .init(peer: $0.peer.description, name: "", objects: $0.count, sentence: "") },
            wanted: wanted,
            readRepairsWaiting: 0,
            comparisons: [],
            counters: [:],
            sentences: []
        )
    }

    private static func health(_ count: Int, _ change: (inout ClusterFacts) -> Void) -> ClusterHealth {
        var facts = facts(count)
        change(&facts)
        return ClusterHealth(facts)
    }

    @Test("one node is healthy and is told of nothing that it lacks")
    func alone() {
        let health = Self.health(1) { _ in }
        #expect(health.level == .healthy && health.findings.isEmpty)
        #expect(health.sentence == "healthy: one node holds everything")
    }

    @Test("three nodes that are well need one sentence")
    func three() {
        let health = Self.health(3) { _ in }
        #expect(health.sentence == "healthy: 3 nodes hold 3 copies of every object" && health.findings.isEmpty)
    }

    @Test("who was removed says that it serves nothing, and nothing about the others")
    func removed() {
        let health = Self.health(3) { facts in
            facts.nodes[0].place = nil
            facts.nodes[0].isRemoved = true
            facts.nodes[1].condition = nil
            facts.nodes[2].state = .dead
        }
        #expect(health.level == .impaired && health.findings.map(\.code) == ["removed"])
        #expect(
            health.sentence
                == "impaired: a was removed from the mesh: it serves nothing, and requests answer 503"
        )
    }

    @Test("a bucket that wants more copies than there are nodes is named")
    func bucketCopies() {
        let health = Self.health(3) { $0.specialBuckets = [.init(name: "photos", wants: 5, has: 3)] }
        #expect(health.level == .healthy && health.findings.map(\.message) == ["bucket photos wants 5 copies, has 3"])
        #expect(health.findings.first?.advice == "2 more nodes raise it without a command")
    }

    @Test("a bucket with fewer copies where it was moved to is named, and one whose keys cannot be used is an error")
    func pooled() {
        let few = Self.health(3) {
            $0.specialBuckets = [.init(name: "photos", wants: 3, has: 1, isPooled: true)]
        }
        #expect(few.sentence == "healthy: 3 nodes hold 3 copies of every object but those of 1 bucket")
        #expect(few.findings.map(\.message) == ["bucket photos wants 3 copies, has 1 where it is"])
        #expect(few.findings.first?.advice.contains("meshd bucket move photos") == true)
        func dead(_ number: Int) -> ClusterHealth {
            Self.health(3) { facts in
                let pool = HolderSet(current: [facts.nodes[0].id, facts.nodes[1].id])
                facts.pooled = [.init(buckets: 2, holders: [HolderSet](repeating: pool, count: Partition.count))]
                facts.nodes[number].state = .dead
                facts.nodes[number].condition = nil
            }
        }
        let lost = dead(1).findings.first { $0.code == "bucket-majority-lost" }
        #expect(lost?.severity == .error && lost?.message.hasPrefix("some keys of 2 buckets on chosen nodes") == true)
        #expect(dead(1).level == .impaired)
        #expect(!dead(2).findings.contains { $0.code == "bucket-majority-lost" })
    }

    @Test("two nodes are healthy and say what they want")
    func two() {
        let health = Self.health(2) { _ in }
        #expect(health.level == .healthy && health.sentence == "healthy: 2 nodes hold 2 copies of every object")
        #expect(health.findings.map(\.message) == ["wants 3 copies, has 2"])
        #expect(health.findings[0].advice == "1 more node raises it without a command")
    }

    @Test("a dead holder degrades, and two of three leave no majority")
    func dead() {
        let one = Self.health(3) {
            $0.nodes[1].state = .dead
            $0.nodes[1].condition = nil
            $0.nodes[1].sinceMillis = Self.now - 360_000
        }
        #expect(one.level == .degraded)
        let message = "b is dead for 6 min: 1,024 of 1,024 partitions miss a copy"
        #expect(one.sentence == "degraded: \(message), everything is served")
        #expect(one.findings.map(\.code) == ["holder-dead"])
        #expect(one.findings[0].advice.contains("meshd node replace b NEW"))

        let two = Self.health(3) {
            for index in [1, 2] {
                $0.nodes[index].state = .dead
                $0.nodes[index].condition = nil
            }
        }
        #expect(two.level == .impaired)
        #expect(two.findings.prefix(2).map(\.code) == ["majority-lost", "voters-lost"])
        #expect(two.sentence.hasPrefix("impaired: 1,024 of 1,024 partitions have lost their majority (b and c)"))
    }

    @Test("what a lost disk held is missed until its place is filled, and two such disks are given up by an order")
    func refilled() {
        func lose(_ indices: [Int], _ facts: inout ClusterFacts) {
            for index in indices { facts.nodes[index].isRefilled = true }
            let lost = indices.map { facts.nodes[$0].id }
            facts.holders = facts.holders.map { set in
                HolderSet(
                    current: set.current.map { lost.contains($0) ? HolderSet.lost : $0 },
                    next: set.current
                )
            }
        }
        let one = Self.health(3) { lose([1], &$0) }
        #expect(one.level == .degraded && one.findings.map(\.code) == ["holder-refilled"])
        let message = "b came back without what it held and is being filled: 1,024 of 1,024 partitions miss a copy"
        #expect(one.sentence == "degraded: \(message), everything is served")

        // Its former place was given up: who fills it is not among those who have anything yet.
        let struck = Self.health(3) { facts in
            facts.nodes[1].isRefilled = true
            let empty = facts.nodes[1].id
            facts.holders = facts.holders.map {
                HolderSet(current: $0.current.filter { $0 != empty }, next: $0.current)
            }
        }
        #expect(struck.findings.first?.message == message)

        let two = Self.health(3) { lose([1, 2], &$0) }
        #expect(two.level == .impaired && two.findings[0].code == "majority-lost")
        #expect(two.findings[0].message.contains("(b and c)") && two.findings[0].advice.contains("meshd node forget b"))

        let away = Self.health(3) {
            lose([1], &$0)
            $0.nodes[2].state = .dead
            $0.nodes[2].condition = nil
        }
        #expect(away.findings[0].message.contains("(b and c)") && away.findings[0].advice == "start c again")
    }

    @Test("of more nodes than copies, two dead ones cost only the partitions that both hold")
    func fiveNodes() {
        let health = Self.health(5) {
            for index in [0, 1] {
                $0.nodes[index].state = .dead
                $0.nodes[index].condition = nil
            }
        }
        // In steps of one around five nodes, two neighbours meet in two of five lists of three.
        let lost = (0..<1024).count { [0, 4].contains($0 % 5) }
        #expect(health.findings[0].message.hasPrefix("\(lost) of 1,024 partitions have lost their majority"))
    }

    @Test("what waits for a node is counted once, though two holders keep it")
    func hints() {
        let health = Self.health(3) { facts in
            let away = facts.nodes[2].id
            for index in [0, 1] {
                facts.nodes[index].condition?.repair = Self.repair(hints: [(away, 412)])
            }
        }
        #expect(health.findings.map(\.message) == ["412 objects wait for c"])
        #expect(health.level == .healthy)
        #expect(
            Self.health(3) { $0.nodes[0].condition?.repair = Self.repair(wanted: 1) }.findings.map(\.code) == [
                "bytes-wanted"
            ]
        )
    }

    @Test("disks, damage, failed stores and pauses are named with their node")
    func disks() {
        let full = Self.health(3) {
            $0.nodes[2].condition?.isReadOnly = true
            $0.nodes[2].condition?.freeBytes = 3 << 29
        }
        #expect(full.findings.map(\.message) == ["the disk of c is too full for writes: 1.5 GiB are free"])
        #expect(full.level == .degraded)
        let bad = Self.health(3) { $0.nodes[0].condition?.corruptions = 2 }
        #expect(bad.findings[0].message == "2 checksums were wrong on a: bytes went bad on its disk")
        let failed = Self.health(3) { $0.nodes[0].condition?.failure = "fdatasync: Input/output error" }
        #expect(failed.level == .degraded && failed.findings[0].code == "store-failed")
        #expect(Self.health(1) { $0.nodes[0].condition?.failure = "write" }.level == .impaired)
        let paused = Self.health(3) { $0.nodes[1].condition?.repair = Self.repair(isPaused: true) }
        #expect(paused.findings.map(\.message) == ["repair and movement are paused on b"])
    }

    @Test("a movement says how far it is, how long it takes, and what holds it up")
    func movement() {
        func finding(_ change: (inout ClusterFacts.Movement) -> Void) -> ClusterHealth.Finding? {
            var movement = ClusterFacts.Movement(what: "d joins")
            movement.doneBytes = 1 << 30
            movement.allBytes = 4 << 30
            movement.bytesPerSecond = 16 << 20
            change(&movement)
            return Self.health(4) { $0.movement = movement }.findings.first
        }
        #expect(finding { _ in }?.message == "d joins: 25 %, 1.0 GiB of 4.0 GiB, about 3 min left")
        #expect(finding { $0.isPaused = true }?.message == "d joins: 25 %, 1.0 GiB of 4.0 GiB, paused")
        let stuck = finding { $0.waitsFor = ["c"] }
        #expect(stuck?.message.hasSuffix("4.0 GiB; it waits for c") == true && stuck?.severity == .warning)
        let uncounted = finding {
            ($0.allBytes, $0.doneBytes, $0.bytesPerSecond) = (0, 0, 0)
            ($0.doneShares, $0.allShares) = (300, 1_200)
        }
        #expect(uncounted?.message == "d joins: 25 %, 300 of 1,200 shares")
    }

    @Test("newcomers, drained ones and silent ones are notes, and cost no health")
    func notes() {
        let health = Self.health(4) {
            $0.nodes[1].place = .draining
            $0.nodes[2].condition = nil
            $0.nodes[3].place = nil
        }
        #expect(health.level == .healthy)
        #expect(Set(health.findings.map(\.code)) == ["draining", "silent", "not-member", "copies"])
    }

    @Test("who is cut off blames itself")
    func isolation() {
        let health = Self.health(3) { $0.isIsolated = true }
        #expect(health.level == .impaired && health.findings[0].code == "isolated")
    }

    @Test("layout, member list and what nodes said come together, and those who are gone stay out")
    func gathering() throws {
        let own = NodeID(high: 1, low: 1)
        let gone = NodeID(high: 2, low: 2)
        let layout = Layout.first(node: own, storeID: 7, zone: "z", weight: 40, lineage: 1)
        let facts = ClusterFacts(
            layout: layout,
            members: nil,
            conditions: [own: NodeCondition(id: own.description, name: "n1")],
            ownID: own,
            nowMillis: Self.now
        )
        #expect(facts.nodes.map(\.name) == ["n1"] && facts.nodes[0].weight == 40 && facts.nodes[0].isHolder)
        #expect(facts.epoch == 1 && facts.holders.count == Partition.all && !facts.isChanging)
        #expect(ClusterHealth(facts).level == .healthy)
        #expect(facts.name(of: gone) == String(gone.description.prefix(8)))
        #expect(NodeID(hexadecimal: own.description) == own && NodeID(hexadecimal: "12") == nil)
        var page = PrometheusText()
        facts.write(to: &page)
        #expect(page.text.contains("meshd_partitions{state=\"whole\"} 1024\n"))
        #expect(page.text.contains("meshd_voters_lost 0\n") && page.text.contains("meshd_layout_epoch 1\n"))
    }

    @Test("what nodes say of a change is put together, with who joins and who is waited for")
    func gatheredMovement() throws {
        let (own, other) = (NodeID(high: 1, low: 1), NodeID(high: 2, low: 2))
        let alone = Layout.first(node: own, storeID: 7, zone: "z", weight: 40, lineage: 1)
        let newcomer = LayoutMember(node: other, storeID: 8, memberSince: 0, zone: "z", weight: 40)
        let joint = try #require(alone.adding([newcomer]))
        var condition = NodeCondition(id: other.description, name: "d")
        condition.repair = Self.repair()
        condition.repair?.movement = RepairReport.Movement(
            epoch: joint.epoch,
            isDone: false,
            partitions: 1_025,
            partitionsDone: 512,
            objects: 1,
            objectsExpected: 2,
            bytes: 1 << 20,
            bytesExpected: 4 << 20,
            bytesPerSecond: 1 << 20,
            bodiesUnobtainable: 0,
            waitsFor: [],
            sentence: ""
        )
        let facts = ClusterFacts(
            layout: joint,
            members: nil,
            conditions: [own: NodeCondition(id: own.description, name: "a"), other: condition],
            ownID: own,
            nowMillis: Self.now
        )
        let movement = try #require(facts.movement)
        #expect(movement.what == "d joins" && movement.share == 0.25 && movement.secondsLeft == 3)
        // No member list tells that it is there.
        #expect(movement.waitsFor == ["d"] && facts.isChanging)
    }

    @Test("numbers read as people write them")
    func wording() {
        #expect(Wording.count(0) == "0" && Wording.count(999) == "999" && Wording.count(1_000) == "1,000")
        #expect(Wording.count(1_234_567) == "1,234,567" && Wording.count(1, "node", "nodes") == "1 node")
        #expect(Wording.list(["a"]) == "a" && Wording.list(["a", "b"]) == "a and b")
        #expect(Wording.list((1...9).map { "n\($0)" }) == "n1, n2, n3, n4, n5, n6 and 3 more")
        #expect(
            Wording.bytes(1) == "1 byte" && Wording.bytes(1_536) == "1.5 KiB" && Wording.bytes(200 << 20) == "200 MiB"
        )
        #expect(Wording.span(millis: 90_000) == "90 s" && Wording.span(millis: 400_000_000) == "4 days")
    }
}
