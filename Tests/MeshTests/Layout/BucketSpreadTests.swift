import NIOCore
import Store
import Swim
import Testing

@testable import Mesh

/// How a bucket gets another number of copies: by the layout, in a joint step.
@Suite struct BucketSpreadTests {
    private static let bucket = BucketID(rawValue: 5)
    private static let address = RowAddress(bucket, Key("k"))

    @Test("a raise and its taking back go through a joint layout in which both majorities count")
    func raise() throws {
        let layout = LayoutSample.stable(5)
        let joint = try #require(layout.changing(Self.bucket, base: 3, to: 5))
        #expect(joint.isJoint && joint.follows(layout) && joint.epoch == layout.epoch + 1)
        let set = joint.holders(of: Self.address, base: 3)
        #expect(set.current.count == 3 && set.next?.count == 5 && set.next?.prefix(3) == set.current[...])
        // Other buckets go on as they are.
        let other = joint.holders(of: RowAddress(BucketID(rawValue: 6), Key("k")), base: 3)
        #expect(other.next == nil && other.current.count == 3)
        #expect(joint.syncers.count == 5 && joint.moved.count == Partition.count)
        #expect(joint.fences.prefix(Partition.count).allSatisfy { $0 == joint.epoch })

        let settled = try #require(joint.settledSuccessor)
        #expect(settled.follows(joint) && !settled.isJoint)
        #expect(settled.holders(of: Self.address, base: 3).current.count == 5)
        #expect(settled.fences.prefix(Partition.count).allSatisfy { $0 == settled.epoch })
        #expect(settled.voters == layout.voters)

        let back = try #require(settled.changing(Self.bucket, base: 3, to: 3))
        #expect(back.isJoint && back.holders(of: Self.address, base: 3).current.count == 5)
        let end = try #require(back.settledSuccessor)
        #expect(end.follows(back) && end.spreads.isEmpty)
        #expect(end.holders(of: Self.address, base: 3) == layout.holders(of: Self.address, base: 3))
    }

    @Test("quorums of neighbouring epochs meet, whatever numbers follow each other", arguments: [1, 2, 3, 5])
    func meeting(base: Int) throws {
        for wanted in BucketSettings.copiesChoices where wanted != base {
            let layout = LayoutSample.stable(6)
            let joint = try #require(layout.changing(Self.bucket, base: base, to: wanted))
            let settled = try #require(joint.settledSuccessor)
            for (early, late) in [(layout, joint), (joint, settled)] {
                let sets = [early, late].map { $0.holders(of: Self.address, base: base) }
                let nodes = Array(Set(sets.flatMap(\.everyone))).sorted()
                for mask in 0..<(1 << nodes.count) {
                    let some = nodes.indices.filter { mask >> $0 & 1 == 1 }.map { nodes[$0] }
                    let rest = nodes.filter { !some.contains($0) }
                    #expect(!(sets[0].isQuorum(some) && sets[1].isQuorum(rest)), "\(base) to \(wanted): \(some)")
                }
            }
        }
    }

    @Test("a layout that skips the joint step is refused")
    func skipped() throws {
        let layout = LayoutSample.stable(5)
        let joint = try #require(layout.changing(Self.bucket, base: 3, to: 5))
        let settled = try #require(joint.settledSuccessor)
        func moved(_ layout: Layout, _ epoch: UInt64, _ next: SlotTable?, _ copies: [BucketSpread]) -> Layout {
            Layout(
                epoch: epoch,
                lineage: layout.lineage,
                origin: layout.origin,
                settled: layout.settled,
                members: layout.members,
                current: layout.current,
                next: next,
                fences: layout.fences,
                departed: layout.departed,
                spreads: copies
            )
        }
        #expect(!moved(layout, layout.epoch + 1, nil, settled.spreads).follows(layout))
        let jumped = [BucketSpread(bucket: Self.bucket, base: 3, now: 5, next: 5)]
        #expect(!moved(layout, layout.epoch + 1, layout.current, jumped).follows(layout))
        #expect(!moved(settled, settled.epoch, nil, []).follows(joint))
    }

    @Test("where there are no more nodes nothing moves, and the number counts when they come")
    func few() throws {
        let alone = LayoutSample.first()
        let wish = try #require(alone.changing(Self.bucket, base: 3, to: 5))
        #expect(wish.isSole == alone.isSole && wish.follows(alone) && wish.fences == alone.fences)
        let joint = try #require(wish.adding((2...5).map { LayoutSample.newcomer($0) }))
        #expect(joint.follows(wish) && joint.spreads == wish.spreads)
        let whole = try #require(joint.settledSuccessor)
        #expect(whole.holders(of: Self.address, base: 3).current.count == 5)
    }

    @Test("a change of mind, and nodes that come meanwhile, keep what is")
    func retarget() throws {
        let layout = LayoutSample.stable(5)
        let joint = try #require(layout.changing(Self.bucket, base: 3, to: 5))
        let other = try #require(joint.changing(Self.bucket, base: 3, to: 2))
        #expect(other.follows(joint) && other.span(of: Self.bucket, base: 3) == CopySpan(now: 3, next: 2))
        let joined = try #require(other.adding([LayoutSample.newcomer(6)]))
        #expect(joined.follows(other) && joined.spreads == other.spreads)
        let end = try #require(joined.settledSuccessor)
        #expect(end.span(of: Self.bucket, base: 3) == CopySpan(2))
        // Parts and unfinished uploads go with their bucket.
        #expect(end.span(of: Self.bucket.within(.part), base: 3) == CopySpan(2))
    }

    @Test("at most 1,024 buckets are mentioned, gone ones are not, and the largest layout fits")
    func bounds() throws {
        var layout = LayoutSample.stable(5)
        layout = Layout(
            epoch: layout.epoch,
            lineage: layout.lineage,
            origin: layout.origin,
            settled: layout.settled,
            members: layout.members,
            current: layout.current,
            next: nil,
            fences: layout.fences,
            departed: layout.departed,
            spreads: (1...BucketSpread.countMax).map { number in
                BucketSpread(bucket: BucketID(rawValue: UInt64(number)), base: 3, now: 5, next: 5)
            }
        )
        let bytes = layout.encoded
        #expect(bytes.readableBytes < Layout.bytesMax && Layout(encoded: bytes) == layout)
        let one = BucketID(rawValue: 5_000)
        #expect(layout.changing(one, base: 3, to: 1) == nil)
        let around = LayoutSample.around(layout)
        guard case .refused(let reason) = layout.judge(.copies(one, base: 3, wanted: 1), isForced: true, around: around)
        else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("1024 buckets"))
        let gone = layout.changing(one, base: 3, to: 1, gone: [BucketID(rawValue: 7)])
        #expect(gone?.follows(layout) == true && gone?.spreads.count == BucketSpread.countMax)
    }

    @Test("layouts with copies come back whole, cut ones not at all, and those of before have none")
    func codec() throws {
        let layout = try #require(LayoutSample.stable(5).changing(Self.bucket, base: 3, to: 5))
        let bytes = layout.encoded
        #expect(Layout(encoded: bytes) == layout)
        for count in bytes.readableBytes - 20..<bytes.readableBytes {
            #expect(Layout(encoded: bytes.getSlice(at: 0, length: count)!) == nil)
        }
        let plain = LayoutSample.stable(3)
        var old = plain.encoded.getSlice(at: 0, length: plain.encoded.readableBytes - 2)!
        old.setInteger(1 as UInt8, at: 0)
        #expect(Layout(encoded: old) == plain)
    }

    @Test("while a holder is away the wish is refused, and says for whom it would wait")
    func absent() {
        let layout = LayoutSample.stable(5)
        let wish = LayoutWish.copies(Self.bucket, base: 3, wanted: 5)
        let around = LayoutSample.around(layout, without: [4])
        guard case .refused(let reason) = layout.judge(wish, isForced: false, around: around) else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("\(LayoutSample.id(4))") && reason.contains("start"))
        let few = LayoutSample.stable(3)
        guard case .propose(let next, let notes) = few.judge(wish, isForced: false, around: LayoutSample.around(few))
        else {
            Issue.record("refused")
            return
        }
        let note = "The bucket wants 5 copies, and there are nodes for 3: it gets more when nodes come."
        #expect(!next.isJoint && notes == [note])
        #expect(next.judge(wish, isForced: false, around: LayoutSample.around(next)) == .alreadySo)
    }

    @Test("who is to hold more takes over from a majority of those who hold it now")
    func plan() throws {
        let layout = try #require(LayoutSample.stable(5).changing(Self.bucket, base: 3, to: 5))
        let set = layout.holders(of: Self.address, base: 3)
        let partition = Self.address.partition
        let newcomer = try #require(set.next?.last)
        var plan = SyncPlan(layout, own: newcomer, copiesInUse: [3])
        #expect(plan.partitions.contains(partition) && plan.new.isEmpty && !plan.isDone)
        let everyone = Set(layout.members.map(\.node)).subtracting([newcomer])
        var sources: [NodeID] = []
        while let (source, partitions) = plan.next(reachable: everyone) {
            if partitions.contains(partition) { sources.append(source) }
            plan.pulled(from: source, partitions)
        }
        #expect(plan.isDone && sources.count { set.current.contains($0) } >= 2)
    }
}
