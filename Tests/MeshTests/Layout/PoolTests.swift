import NIOCore
import Store
import Swim
import Testing

@testable import Mesh

/// How buckets move to some of the nodes: by the layout, in a joint step, with tables of slots of their own.
@Suite struct PoolTests {
    private static let bucket = BucketID(rawValue: 5)
    private static let other = BucketID(rawValue: 6)
    private static let address = RowAddress(bucket, Key("k"))

    private static func nodes(_ numbers: Int...) -> Pool.Scope { .nodes(Set(numbers.map(LayoutSample.id))) }

    /// The bucket has moved to these.
    private static func moved(_ layout: Layout, _ scope: Pool.Scope) throws -> Layout {
        try #require(layout.moving(bucket, base: 3, to: scope)?.settledSuccessor)
    }

    @Test("a move there and back goes through joint layouts, and no other bucket notices")
    func thereAndBack() throws {
        let layout = LayoutSample.stable(6)
        let joint = try #require(layout.moving(Self.bucket, base: 3, to: Self.nodes(1, 2, 4)))
        #expect(joint.isJoint && joint.follows(layout) && Layout(encoded: joint.encoded) == joint)
        let set = joint.holders(of: Self.address, base: 3)
        #expect(set.current == layout.holders(of: Self.address, base: 3).current)
        #expect(Set(try #require(set.next)) == Set([1, 2, 4].map(LayoutSample.id)))
        let others = joint.holders(of: RowAddress(Self.other, Key("k")), base: 3)
        #expect(others == layout.holders(of: RowAddress(Self.other, Key("k")), base: 3))
        #expect(joint.fences.prefix(Partition.count).allSatisfy { $0 == joint.epoch })

        let there = try #require(joint.settledSuccessor)
        #expect(there.follows(joint) && !there.isJoint && Layout(encoded: there.encoded) == there)
        #expect(Set(there.holders(of: Self.address, base: 3).current) == Set([1, 2, 4].map(LayoutSample.id)))
        // Parts and unfinished uploads go with their bucket.
        #expect(there.span(of: Self.bucket.within(.part), base: 3).now.pool != .whole)

        let back = try #require(there.moving(Self.bucket, base: 3, to: nil))
        #expect(back.follows(there) && Layout(encoded: back.encoded) == back)
        let end = try #require(back.settledSuccessor)
        #expect(end.follows(back) && end.spreads.isEmpty && end.pools.isEmpty)
        #expect(end.holders(of: Self.address, base: 3) == layout.holders(of: Self.address, base: 3))
        // What knows no pools reads a layout without any.
        #expect(end.encoded.getInteger(at: 0, as: UInt8.self) == 2)
    }

    @Test("shares within a pool are fair, and its slots are placed over its nodes alone")
    func balance() throws {
        let there = try Self.moved(LayoutSample.stable(6), Self.nodes(2, 3, 5, 6))
        let kept = there.keptPartitions(of: try #require(there.spread(of: Self.bucket)).now)
        #expect(Set(kept.keys) == Set([2, 3, 5, 6].map(LayoutSample.id)))
        #expect(kept.values.allSatisfy { abs($0 - 768) < 30 })
        #expect(there.keepers.count == 6)
    }

    @Test("quorums of neighbouring epochs meet, whatever pools follow each other")
    func meeting() throws {
        let scopes: [Pool.Scope?] = [Self.nodes(1), Self.nodes(1, 2), Self.nodes(4, 5, 6), Self.nodes(2, 3, 4, 5), nil]
        for first in scopes {
            for second in scopes where first != second {
                let start = try first.map { try Self.moved(LayoutSample.stable(6), $0) } ?? LayoutSample.stable(6)
                let joint = try #require(start.moving(Self.bucket, base: 3, to: second))
                let settled = try #require(joint.settledSuccessor)
                #expect(joint.follows(start) && settled.follows(joint) && !settled.follows(start))
                for (early, late) in [(start, joint), (joint, settled)] {
                    let sets = [early, late].map { $0.holders(of: Self.address, base: 3) }
                    let nodes = Array(Set(sets.flatMap(\.everyone))).sorted()
                    for mask in 0..<(1 << nodes.count) {
                        let some = nodes.indices.filter { mask >> $0 & 1 == 1 }.map { nodes[$0] }
                        let rest = nodes.filter { !some.contains($0) }
                        #expect(!(sets[0].isQuorum(some) && sets[1].isQuorum(rest)))
                    }
                }
            }
        }
    }

    @Test("a layout that skips the joint step of a move is refused")
    func skipped() throws {
        let layout = LayoutSample.stable(5)
        let joint = try #require(layout.moving(Self.bucket, base: 3, to: Self.nodes(1, 2, 3)))
        let settled = try #require(joint.settledSuccessor)
        func with(_ base: Layout, _ epoch: UInt64, next: SlotTable?, _ source: Layout) -> Layout {
            Layout(
                epoch: epoch,
                lineage: base.lineage,
                origin: base.origin,
                settled: base.settled,
                members: base.members,
                current: base.current,
                next: next,
                fences: base.fences,
                departed: base.departed,
                spreads: source.spreads,
                pools: source.pools
            )
        }
        #expect(!with(layout, layout.epoch + 1, next: nil, settled).follows(layout))
        #expect(!with(layout, layout.epoch + 1, next: layout.current, settled).follows(layout))
        // The pool is another one at the end than it was to be.
        let wrong = try #require(layout.moving(Self.bucket, base: 3, to: Self.nodes(3, 4, 5))?.settledSuccessor)
        #expect(!with(settled, settled.epoch, next: nil, wrong).follows(joint))
        #expect(!with(settled, settled.epoch, next: nil, layout).follows(joint))
    }

    @Test("nodes that come to a zone get a share of its buckets, others do not")
    func growth() throws {
        let layout = LayoutSample.stable(6, zones: ["a", "b"])
        let there = try Self.moved(layout, .zones(["b"]))
        let newcomers = [LayoutSample.newcomer(7, zone: "b"), LayoutSample.newcomer(8, zone: "a")]
        let joint = try #require(there.adding(newcomers))
        #expect(joint.follows(there) && Layout(encoded: joint.encoded) == joint)
        let end = try #require(joint.settledSuccessor)
        #expect(end.follows(joint))
        let kept = end.keptPartitions(of: try #require(end.spread(of: Self.bucket)).now)
        #expect(Set(kept.keys) == Set([2, 4, 6, 7].map(LayoutSample.id)))
        // No more moves than have to: the three of before give what the newcomer gets.
        let before = there.keptPartitions(of: try #require(there.spread(of: Self.bucket)).now)
        let lost = before.reduce(0) { $0 + max(0, $1.value - (kept[$1.key] ?? 0)) }
        #expect(lost == kept[LayoutSample.id(7)])
        let gone = try #require(end.setting(LayoutSample.id(7), zone: "a")?.settledSuccessor)
        #expect(gone.keptPartitions(of: try #require(gone.spread(of: Self.bucket)).now).count == 3)
    }

    @Test("who is replaced leaves its place in the pool to the heir; a node that goes leaves it to the others")
    func heirs() throws {
        let there = try Self.moved(LayoutSample.stable(5), Self.nodes(1, 2, 3))
        let joint = try #require(there.replacing(LayoutSample.id(2), by: LayoutSample.newcomer(9)))
        let end = try #require(joint.settledSuccessor)
        #expect(joint.follows(there) && end.follows(joint))
        #expect(Set(end.holders(of: Self.address, base: 3).current) == Set([1, 3, 9].map(LayoutSample.id)))
        let fewer = try #require(end.removing([LayoutSample.id(9)]))
        #expect(fewer.follows(end))
        let rest = try #require(fewer.settledSuccessor)
        #expect(Set(rest.holders(of: Self.address, base: 3).current) == Set([1, 3].map(LayoutSample.id)))
    }

    @Test("a pool whose last node goes is refused, and given up with a dead one: its buckets go everywhere")
    func lastOne() throws {
        let there = try Self.moved(LayoutSample.stable(5), Self.nodes(4, 5))
        let around = LayoutSample.around(there)
        for wish in [LayoutWish.remove([LayoutSample.id(4), LayoutSample.id(5)]), .drain(LayoutSample.id(5))] {
            let fewer = try #require(there.removing([LayoutSample.id(4)])?.settledSuccessor)
            let layout = wish == .drain(LayoutSample.id(5)) ? fewer : there
            guard case .refused(let reason) = layout.judge(wish, isForced: true, around: LayoutSample.around(layout))
            else {
                Issue.record("not refused: \(wish)")
                continue
            }
            #expect(reason.contains("meshd bucket move"))
        }
        guard case .propose(_, let notes) = there.judge(.drain(LayoutSample.id(5)), isForced: false, around: around)
        else {
            Issue.record("refused")
            return
        }
        #expect(notes == ["Buckets on chosen nodes that want 3 copies will have 1."])
        // Both dead: what they had is lost, and only force says so.
        let dead = LayoutSample.around(there, without: [4, 5])
        let wish = LayoutWish.remove([LayoutSample.id(4), LayoutSample.id(5)])
        guard case .needsForce(let loss) = there.judge(wish, isForced: false, around: dead) else {
            Issue.record("no force needed")
            return
        }
        #expect(loss.sentences.contains { $0.contains("on chosen nodes lose everything") })
        let next = try #require(there.judge(wish, isForced: true, around: dead).layout)
        #expect(next.follows(there))
        let end = try #require(next.settledSuccessor)
        #expect(end.follows(next) && end.pools.isEmpty)
        #expect(end.holders(of: Self.address, base: 3).current.count == 3)
    }

    @Test("changes of mind: to another pool, to another number, with nodes that come meanwhile")
    func retarget() throws {
        let layout = LayoutSample.stable(6)
        let joint = try #require(layout.moving(Self.bucket, base: 3, to: Self.nodes(1, 2, 3)))
        let other = try #require(joint.moving(Self.bucket, base: 3, to: Self.nodes(4, 5, 6)))
        #expect(other.follows(joint) && Layout(encoded: other.encoded) == other)
        let fewer = try #require(other.changing(Self.bucket, base: 3, to: 2))
        #expect(fewer.follows(other))
        let joined = try #require(fewer.adding([LayoutSample.newcomer(7)]))
        #expect(joined.follows(fewer) && Layout(encoded: joined.encoded) == joined)
        let end = try #require(joined.settledSuccessor)
        #expect(end.follows(joined) && end.pools.count == 1)
        let holders = end.holders(of: Self.address, base: 3).current
        #expect(holders.count == 2 && Set(holders).isSubset(of: [4, 5, 6].map(LayoutSample.id)))
        // Back where it is, before anything was moved.
        let stays = try #require(joint.moving(Self.bucket, base: 3, to: nil)?.settledSuccessor)
        #expect(stays.pools.isEmpty && stays.spreads.isEmpty)
    }

    @Test("a pool that is being left takes buckets again")
    func again() throws {
        let there = try Self.moved(LayoutSample.stable(5), Self.nodes(1, 2, 3))
        let leaving = try #require(there.moving(Self.bucket, base: 3, to: nil))
        // The pool is recomputed without buckets that are to be there, and still has what is there now.
        let joined = try #require(leaving.adding([LayoutSample.newcomer(6)]))
        #expect(joined.follows(leaving) && joined.pools.first?.next == nil && joined.pools.first?.current != nil)
        #expect(Layout(encoded: joined.encoded) == joined)
        let back = try #require(joined.moving(Self.bucket, base: 3, to: Self.nodes(1, 2, 3)))
        #expect(back.follows(joined) && Layout(encoded: back.encoded) == back && back.pools.count == 1)
        let end = try #require(back.settledSuccessor)
        #expect(Set(end.holders(of: Self.address, base: 3).current) == Set([1, 2, 3].map(LayoutSample.id)))
    }

    @Test("what cannot be is refused in words, and what is so is no change")
    func refusals() throws {
        let layout = LayoutSample.stable(4, zones: ["a", "b"])
        func judged(_ scope: Pool.Scope?, _ from: Layout? = nil, dead: Set<Int> = []) -> WishVerdict {
            let from = from ?? layout
            return from.judge(
                .move(Self.bucket, base: 3, to: scope),
                isForced: true,
                around: LayoutSample.around(from, without: dead)
            )
        }
        func reason(_ verdict: WishVerdict) -> String {
            if case .refused(let reason) = verdict { reason } else { "\(verdict)" }
        }
        #expect(judged(nil) == .alreadySo)
        #expect(reason(judged(Self.nodes(9))).contains("is in the layout"))
        #expect(reason(judged(.nodes([]))).contains("1 to 32"))
        #expect(reason(judged(.zones(["c"]))).contains("the zones are a and b"))
        #expect(reason(judged(Self.nodes(3), dead: [3])).contains("does not answer"))
        let drained = try #require(layout.draining([LayoutSample.id(3)])?.settledSuccessor)
        #expect(reason(judged(Self.nodes(3), drained)).contains("hold nothing"))
        let there = try Self.moved(layout, .zones(["b"]))
        #expect(judged(.zones(["b"]), there) == .alreadySo)
        guard case .propose(_, let notes) = judged(Self.nodes(1, 2)) else {
            Issue.record("refused")
            return
        }
        #expect(notes.contains { $0.contains("there are nodes for 2") } && notes.contains { $0.contains("two copies") })
        // Nine different choices of nodes are too many.
        var full = LayoutSample.stable(6)
        for number in 1...Pool.countMax {
            let scope = Pool.Scope.nodes(Set((1...6).filter { number >> ($0 - 1) & 1 == 1 }.map(LayoutSample.id)))
            full = try #require(full.moving(BucketID(rawValue: UInt64(number)), base: 3, to: scope)?.settledSuccessor)
        }
        #expect(full.pools.count == Pool.countMax && Layout(encoded: full.encoded) == full)
        let verdict = full.judge(
            .move(BucketID(rawValue: 99), base: 3, to: Self.nodes(1, 2, 3, 4)),
            isForced: true,
            around: LayoutSample.around(full)
        )
        #expect(reason(verdict).contains("8 choices of nodes"))
    }

    @Test("the largest layout fits, and cut or twisted bytes are none")
    func codec() throws {
        var layout = LayoutSample.stable(40)
        for number in 1...Pool.countMax {
            let scope = Pool.Scope.nodes(Set((number..<number + 32).map(LayoutSample.id)))
            layout = try #require(
                layout.moving(BucketID(rawValue: UInt64(number)), base: 5, to: scope)?.settledSuccessor
            )
        }
        let joint = try #require(layout.adding([LayoutSample.newcomer(41)]))
        let bytes = joint.encoded
        #expect(bytes.readableBytes < Layout.bytesMax && Layout(encoded: bytes) == joint)
        for count in stride(from: 1, to: bytes.readableBytes, by: 997) {
            #expect(Layout(encoded: bytes.getSlice(at: 0, length: count)!) == nil)
        }
        let small = try #require(LayoutSample.stable(3).moving(Self.bucket, base: 3, to: Self.nodes(1, 2)))
        let whole = small.encoded
        var random = Swim.Random(seed: 4)
        for _ in 0..<1_000 {
            var twisted = whole
            let at = random.below(whole.readableBytes)
            twisted.setInteger(UInt8(truncatingIfNeeded: random.below(256)), at: at)
            // Whatever is read is a layout that goes round.
            if let read = Layout(encoded: twisted) { #expect(Layout(encoded: read.encoded) == read) }
        }
    }

    @Test("who is to hold the bucket takes over from a majority of those who hold it, and who is not takes nothing")
    func plan() throws {
        let layout = try #require(LayoutSample.stable(6).moving(Self.bucket, base: 3, to: Self.nodes(1, 2, 4)))
        let partition = Self.address.partition
        let set = layout.holders(of: Self.address, base: 3)
        for number in 1...6 {
            let own = LayoutSample.id(number)
            var plan = SyncPlan(layout, own: own, copiesInUse: [3])
            #expect(plan.partitions.isEmpty == ![1, 2, 4].contains(number))
            var sources: Set<NodeID> = set.current.contains(own) ? [own] : []
            let others = Set(layout.members.map(\.node)).subtracting([own])
            while let (source, partitions) = plan.next(reachable: others) {
                if partitions.contains(partition) { sources.insert(source) }
                plan.pulled(from: source, partitions)
            }
            #expect(plan.isDone)
            if set.next?.contains(own) == true {
                #expect(set.current.count { sources.contains($0) } >= 2)
            }
        }
    }

    @Test("buckets that were deleted for good are forgotten, and so is the pool that nobody is in any more")
    func forgotten() throws {
        let there = try Self.moved(LayoutSample.stable(4), Self.nodes(4))
        var around = LayoutSample.around(there)
        let wish = LayoutWish.drain(LayoutSample.id(4))
        guard case .refused = there.judge(wish, isForced: false, around: around) else {
            Issue.record("a bucket is there still")
            return
        }
        around.goneBuckets = [Self.bucket]
        let drained = try #require(there.judge(wish, isForced: false, around: around).layout)
        #expect(drained.follows(there) && drained.spreads.isEmpty)
        #expect(try #require(drained.settledSuccessor).pools.isEmpty)
        // Without an order the steward does it.
        let left = try #require(there.forgetting([Self.bucket]))
        #expect(left.follows(there) && left.pools.isEmpty && left.spreads.isEmpty && left.fences == there.fences)
        #expect(Layout(encoded: left.encoded) == left && there.forgetting([Self.other]) == nil)
        var steward = LayoutSteward(node: LayoutSample.id(1), layout: there, seed: 1)
        var outbox: [LayoutSteward.Directive] = []
        for second in 1...5 as ClosedRange<UInt64> { steward.saw(around, now: second * 1_000_000, into: &outbox) }
        guard case .propose(let layout) = outbox.first else {
            Issue.record("nothing was proposed")
            return
        }
        #expect(layout == left)
        // A dead node of a pool in which only gone buckets are costs nothing.
        let dead = LayoutSample.around(there, without: [4])
        var gone = dead
        gone.goneBuckets = [Self.bucket]
        guard case .needsForce = there.judge(.remove([LayoutSample.id(4)]), isForced: false, around: dead) else {
            Issue.record("no force needed")
            return
        }
        #expect(there.judge(.remove([LayoutSample.id(4)]), isForced: false, around: gone).layout != nil)
    }

    @Test("only who is to take something over has to sync, and a move is taken back while its aim is dead")
    func unconcerned() throws {
        let layout = LayoutSample.stable(6)
        let joint = try #require(layout.moving(Self.bucket, base: 3, to: Self.nodes(5, 6)))
        #expect(joint.syncers == [LayoutSample.id(5), LayoutSample.id(6)].sorted())
        for number in 1...6 {
            let plan = SyncPlan(joint, own: LayoutSample.id(number), copiesInUse: [3])
            #expect(plan.partitions.isEmpty == !joint.syncers.contains(LayoutSample.id(number)))
        }
        let around = LayoutSample.around(joint, without: [5, 6])
        let back = LayoutWish.move(Self.bucket, base: 3, to: nil)
        let home = try #require(joint.judge(back, isForced: false, around: around).layout)
        #expect(home.follows(joint) && home.syncers.isEmpty)
        // Another aim that is away is none.
        let dead = LayoutWish.move(Self.bucket, base: 3, to: Self.nodes(5))
        guard case .refused = layout.judge(dead, isForced: true, around: around) else {
            Issue.record("not refused")
            return
        }
        let other = LayoutWish.move(Self.bucket, base: 3, to: Self.nodes(1, 2))
        #expect(layout.judge(other, isForced: true, around: around).layout != nil)
        // A mesh of one has nowhere to move to.
        let alone = LayoutSample.first()
        let own = LayoutWish.move(Self.bucket, base: 3, to: Self.nodes(1))
        guard case .refused = alone.judge(own, isForced: true, around: LayoutSample.around(alone)) else {
            Issue.record("not refused")
            return
        }
    }

    @Test("a place that is struck for one pool is judged for all lists of the partition")
    func strikes() throws {
        // Five copies of one bucket on all, and two pools of two with one node in common with each.
        var layout = LayoutSample.stable(5)
        layout = try #require(layout.changing(Self.other, base: 3, to: 5)?.settledSuccessor)
        layout = try Self.moved(layout, Self.nodes(1, 2))
        layout = try #require(layout.moving(BucketID(rawValue: 7), base: 3, to: Self.nodes(4, 5))?.settledSuccessor)
        let around = LayoutSample.around(layout, without: [1])
        let first = layout.strikes(of: LayoutSample.id(1), around: around)
        #expect(first.harmless.count == Partition.count && first.loss.isEmpty)
        let joint = try #require(layout.changed(to: layout.targets, struck: [LayoutSample.id(1): first.harmless]))
        // The list of five has lost one place already: another one is not for nothing.
        let second = joint.strikes(of: LayoutSample.id(4), around: LayoutSample.around(joint, without: [4]))
        #expect(second.harmless.isEmpty && second.loss.doubtful[5] == Partition.count)
    }

    @Test("nodes that are gone are in no choice of nodes any more")
    func gone() throws {
        let there = try Self.moved(LayoutSample.stable(4), Self.nodes(2, 3, 4))
        let fewer = try #require(there.removing([LayoutSample.id(4)])?.settledSuccessor)
        #expect(fewer.pools.map(\.scope) == [Self.nodes(2, 3)])
        let wish = LayoutWish.move(Self.other, base: 3, to: Self.nodes(2, 3))
        #expect(fewer.judge(wish, isForced: false, around: LayoutSample.around(fewer)).layout?.pools.count == 1)
    }

    @Test("small state is the voters', whatever pools there are, and who can be missed is asked of each pool")
    func missed() throws {
        let three = try Self.moved(LayoutSample.stable(6), Self.nodes(4, 5, 6))
        let spread = try #require(three.spread(of: Self.bucket)).now
        #expect(three.holders(of: .system, copies: CopySpan(spread)) == three.voters)
        let joint = try #require(three.moving(Self.bucket, base: 3, to: Self.nodes(1, 2)))
        #expect(joint.holders(of: .system, copies: joint.span(of: Self.bucket, base: 3)) == joint.voters)
        let around = LayoutSample.around(three)
        for number in 1...6 { #expect(three.spreadsBereft(without: LayoutSample.id(number), around) == []) }
        let two = try Self.moved(LayoutSample.stable(6), Self.nodes(5, 6))
        let bereft = two.spreadsBereft(without: LayoutSample.id(6), LayoutSample.around(two))
        #expect(bereft.map(\.pool) == [try #require(two.spread(of: Self.bucket)).now.pool])
        #expect(two.spreadsBereft(without: LayoutSample.id(1), LayoutSample.around(two)) == [])
    }

    @Test("tombstones of a pool are listed by its first holder, and all of its places are asked")
    func collection() throws {
        let there = try Self.moved(LayoutSample.stable(6), Self.nodes(4, 5, 6))
        let keepers = there.placed(Self.address)
        #expect(Set(keepers) == Set([4, 5, 6].map(LayoutSample.id)))
        #expect(there.isLister(keepers[0], of: Self.address.partition))
        // Where the second one is not first of the whole mesh's list either, it lists nothing.
        let address = try #require(
            (0..<1_000).map { RowAddress(Self.bucket, Key("k\($0)")) }.first { address in
                there.placed(address.partition, in: .whole).first != there.placed(address)[1]
            }
        )
        #expect(!there.isLister(there.placed(address)[1], of: address.partition))
        #expect(there.isLister(there.placed(address.partition, in: .whole)[0], of: address.partition))
    }
}

extension WishVerdict {
    fileprivate var layout: Layout? {
        if case .propose(let layout, _) = self { layout } else { nil }
    }
}
