import Store
import Swim
import Testing

@testable import Mesh

/// What an order is said to move, from and to whom.
@Suite struct OrderPreviewTests {
    private static func id(_ number: UInt64) -> NodeID { NodeID(high: 0, low: number) }

    private static func member(_ number: UInt64) -> LayoutMember {
        LayoutMember(node: id(number), storeID: number, memberSince: 0, zone: "a", weight: 10)
    }

    /// A stable layout of so many nodes.
    private static func layout(_ count: UInt64) throws -> Layout {
        let first = Layout.first(node: id(1), storeID: 1, zone: "a", weight: 10, lineage: 7)
        guard count > 1 else { return first }
        let joint = try #require(first.changed(to: first.targets + (2...count).map(member), lastTime: 0))
        return try #require(joint.settledSuccessor)
    }

    private static func facts(_ layout: Layout, bytes: UInt64 = 1 << 30, free: UInt64 = 100 << 30) -> ClusterFacts {
        var facts = ClusterFacts(layout: layout, members: nil, conditions: [:], ownID: id(1), nowMillis: 0)
        facts.nodes = layout.members.map { member in
            var node = ClusterFacts.Node(id: member.node, name: "n\(member.node.low)")
            node.state = .alive
            node.place = member.state
            node.weight = member.weight
            var condition = NodeCondition(id: member.node.description, name: node.name)
            (condition.logicalBytes, condition.versions, condition.freeBytes) = (bytes, 1_024, free)
            node.condition = condition
            return node
        }
        return facts
    }

    private static func surroundings(_ layout: Layout) -> LayoutSurroundings {
        let seen = layout.members.map { member in
            StorePresence(node: member.node, storeID: member.storeID, zone: "a", weight: 10, isAlive: true)
        }
        return LayoutSurroundings(presence: Dictionary(uniqueKeysWithValues: seen.map { ($0.node, $0) }))
    }

    private static func removing(_ number: UInt64, of layout: Layout) throws -> Layout {
        let verdict = layout.judge(.remove([id(number)]), isForced: false, around: surroundings(layout))
        guard case .propose(let next, _) = verdict else {
            Issue.record("\(verdict)")
            return layout
        }
        return next
    }

    @Test("who goes gives what it has to the one that has it not, and the bytes are those of its share")
    func removal() throws {
        let four = try Self.layout(4)
        let preview = OrderPreview(try Self.removing(4, of: four), facts: Self.facts(four))
        #expect(preview.changes && !preview.needsForce && preview.losses.isEmpty && preview.warnings.isEmpty)
        #expect(preview.copiesWanted == 3 && preview.copiesAfter == 3)
        let partitions = preview.moves.reduce(0) { $0 + $1.partitions }
        #expect((700...900).contains(partitions))
        #expect(preview.moves.allSatisfy { $0.from == "n4" && $0.to != "n4" })
        // A node of four has three quarters of 1,024 partitions: all of them go.
        #expect(preview.bytes > 900 << 20 && preview.bytes < 1_200 << 20)
        #expect(preview.message.hasPrefix("About ") && preview.message.contains("from n4 to n1"))
    }

    @Test("a bucket that moves costs its own bytes, and who gives some up is named")
    func bucket() throws {
        let five = try Self.layout(5)
        let bucket = BucketID(rawValue: 3)
        func preview(_ scope: Pool.Scope, _ usage: MeshUsage) throws -> OrderPreview {
            let next = try #require(five.moving(bucket, base: 3, to: scope))
            let moved = OrderPreview.Bucket(span: next.span(of: bucket, base: 3), usage: usage)
            return OrderPreview(next, bucket: moved, facts: Self.facts(five))
        }
        let usage = MeshUsage(versions: 1_024, bytes: 1_024 << 20)
        let three = try preview(.nodes([Self.id(1), Self.id(2), Self.id(3)]), usage)
        // Three of five had three fifths of it each.
        #expect((1_150...1_310).contains(three.bytes >> 20) && three.warnings.isEmpty && three.copiesAfter == 3)
        #expect(three.moves.allSatisfy { ["n1", "n2", "n3"].contains($0.to) })
        #expect(three.message.contains("n4 gives up 6") && three.message.contains("n5 gives up 6"))
        let one = try preview(.nodes([Self.id(1)]), MeshUsage(versions: 1, bytes: 1, isComplete: false))
        #expect(one.copiesWanted == 3 && one.copiesAfter == 1)
        #expect(one.warnings == ["Some nodes did not say what they have: the numbers are estimates."])
    }

    @Test("of three nodes one that goes leaves two copies, and nothing has to move")
    func copies() throws {
        let three = try Self.layout(3)
        let preview = OrderPreview(try Self.removing(3, of: three), facts: Self.facts(three))
        #expect(preview.moves.isEmpty && preview.message == "No data would move.")
        #expect(preview.copiesAfter == 2)
        let text = "There are nodes for 2 copies of each object only, of 3 that are wanted."
        #expect(preview.warnings == [text])
    }

    @Test("a disk that would fill up is named, and what only force does says what is lost")
    func warnings() throws {
        let four = try Self.layout(4)
        let next = try Self.removing(4, of: four)
        let full = OrderPreview(next, facts: Self.facts(four, free: 1 << 20))
        #expect(full.warnings.count == 3 && full.warnings.allSatisfy { $0.contains("its disk would fill up") })
        let loss = WishLoss(node: Self.id(4), lost: [1: 256], doubtful: [:])
        let lossy = OrderPreview(next, loss: loss, facts: Self.facts(four))
        #expect(lossy.needsForce && lossy.losses.count == 1)
    }

    @Test("what is so already moves nothing")
    func nothing() throws {
        let preview = OrderPreview(nil, facts: Self.facts(try Self.layout(2)))
        #expect(!preview.changes && preview.moves.isEmpty && preview.bytes == 0)
    }
}
