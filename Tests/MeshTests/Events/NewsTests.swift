import Store
import Swim
import Testing

@testable import Mesh

/// The sentences about what changed.
@Suite struct NewsTests {
    private static func name(_ id: NodeID) -> String { "n\(id.low)" }

    private static func first() -> Layout {
        Layout.first(node: NodeID(high: 0, low: 1), storeID: 1, zone: "a", weight: 10, lineage: 7)
    }

    private static func member(_ number: UInt64, weight: UInt32 = 10, zone: String = "a") -> LayoutMember {
        LayoutMember(node: NodeID(high: 0, low: number), storeID: number, memberSince: 0, zone: zone, weight: weight)
    }

    @Test("who comes, who is drained and changed, and who goes is told once, and so is the end of the change")
    func layouts() throws {
        let one = Self.first()
        #expect(LayoutNews.drafts(nil, one, name: Self.name).map(\.message) == ["this node goes by layout epoch 1"])
        #expect(LayoutNews.drafts(one, one, name: Self.name).isEmpty)
        let joint = try #require(one.changed(to: one.targets + [Self.member(2)], lastTime: 0))
        let came = LayoutNews.drafts(one, joint, name: Self.name).map(\.message)
        #expect(came.first == "n2 gets a place in the layout, epoch 2")
        #expect(came.last == "data moves: 1,024 copies of partitions, epoch 2")
        let two = try #require(joint.settledSuccessor)
        let over = LayoutNews.drafts(joint, two, name: Self.name)
        #expect(over.map(\.message) == ["the change is over: nothing moves, epoch 3"])
        let bucket = BucketID(rawValue: 4)
        let moving = try #require(two.moving(bucket, base: 3, to: .nodes([NodeID(high: 0, low: 2)])))
        func drafts(_ before: Layout, _ now: Layout) -> [String] {
            LayoutNews.drafts(before, now, name: Self.name).map(\.message)
        }
        #expect(drafts(two, moving) == ["1 bucket moves to other nodes, epoch 4"])
        let moved = try #require(moving.settledSuccessor)
        #expect(drafts(moved, try #require(moved.forgetting([bucket]))).isEmpty)
        let fewer = try #require(two.changing(bucket, base: 3, to: 1))
        #expect(drafts(two, fewer) == ["numbers of copies of buckets change, epoch 4"])
        var targets = two.targets
        targets[1].state = .leaving
        targets[0].weight = 20
        targets[0].zone = "b"
        let leaving = try #require(two.changed(to: targets, lastTime: 0))
        let told = LayoutNews.drafts(two, leaving, name: Self.name)
        #expect(
            told.contains { $0.message == "n2 is removed: it gives its share to others, epoch 4" && $0.about == "n2" }
        )
        #expect(told.contains { $0.message == "n1 gets the weight 20 instead of 10, epoch 4" })
        #expect(told.contains { $0.message == "n1 is in zone b instead of a, epoch 4" })
    }

    private static func condition(_ change: (inout NodeCondition) -> Void = { _ in }) -> NodeCondition {
        var condition = NodeCondition(id: "00", name: "n1")
        condition.freeBytes = 10 << 30
        condition.repair = RepairReport(
            isPaused: false,
            hints: [],
            wanted: 0,
            readRepairsWaiting: 0,
            comparisons: [],
            counters: [:],
            sentences: []
        )
        change(&condition)
        return condition
    }

    private static func drafts(_ before: NodeCondition?, _ now: NodeCondition) -> [String] {
        ConditionNews.drafts(before, now).map(\.message)
    }

    @Test("a disk that fills up, empties and fails is told when it happens, not again and again")
    func disks() {
        let well = Self.condition()
        let full = Self.condition { ($0.isReadOnly, $0.freeBytes) = (true, 1 << 20) }
        let failed = Self.condition { $0.failure = "fdatasync: Input/output error" }
        #expect(Self.drafts(nil, well).isEmpty && Self.drafts(well, well).isEmpty && Self.drafts(full, full).isEmpty)
        #expect(Self.drafts(well, full) == ["the disk is too full for writes: 1.0 MiB are free"])
        #expect(Self.drafts(nil, full).count == 1)
        #expect(Self.drafts(full, well) == ["there is space again: 10 GiB are free"])
        #expect(Self.drafts(well, failed) == ["the store has failed: fdatasync: Input/output error"])
        #expect(Self.drafts(failed, failed).isEmpty)
    }

    @Test("wrong checksums, differences, backlogs and lost bytes are told, equal comparisons are not")
    func repair() {
        let well = Self.condition()
        let damaged = Self.condition { $0.corruptions = 2 }
        #expect(
            Self.drafts(well, damaged)
                == ["2 checksums were wrong: bytes went bad on the disk; `meshd doctor` names them"]
        )
        #expect(Self.drafts(damaged, damaged).isEmpty)
        func compared(_ at: UInt64, rows: Int = 0, failure: String? = nil) -> NodeCondition {
            Self.condition {
                $0.repair?.comparisons = [
                    RepairReport.Comparison(
                        peer: "aa",
                        name: "attic",
                        atMillis: at,
                        leavesDifferent: rows,
                        rowsPulled: rows,
                        rowsPushed: 1 * rows,
                        bytes: 0,
                        failure: failure
                    )
                ]
            }
        }
        #expect(Self.drafts(well, compared(5)).isEmpty)
        #expect(
            Self.drafts(compared(5), compared(6, rows: 3))
                == ["a comparison with attic found differences: 3 rows came, 3 went"]
        )
        #expect(Self.drafts(compared(6, rows: 3), compared(6, rows: 3)).isEmpty)
        let broken = compared(7, failure: "no answer")
        #expect(Self.drafts(well, broken) == ["a comparison with attic ended early: no answer"])
        #expect(Self.drafts(broken, compared(8, failure: "no answer")).isEmpty)
        let waiting = Self.condition {
            $0.repair?.hints = [.init(peer: "aa", name: "attic", objects: 4, sentence: "4 objects wait for attic")]
        }
        #expect(Self.drafts(well, waiting) == ["4 objects wait for attic"] && Self.drafts(waiting, waiting).isEmpty)
        #expect(Self.drafts(waiting, well) == ["nothing waits for attic any more"])
        let lost = Self.condition { $0.repair?.counters = ["bodies_unobtainable": 1] }
        #expect(Self.drafts(well, lost) == ["1 object was found of which no node has the bytes"])
        let paused = Self.condition { $0.repair?.isPaused = true }
        #expect(Self.drafts(well, paused) == ["repair and movement are paused"])
        #expect(Self.drafts(paused, well) == ["repair and movement go on"])
    }
}
