import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

@Suite struct LayoutTests {
    private let p0 = Partition(number: 0)

    @Test("a node that is alone decides alone, until another one comes")
    func growth() throws {
        let sole = LayoutSample.first()
        #expect(sole.isSole == LayoutSample.id(1))
        #expect(sole.holders(of: p0, copies: 3) == HolderSet(current: [LayoutSample.id(1)]))
        let joint = try #require(sole.adding([LayoutSample.newcomer(2)], lastTime: 500))
        #expect(joint.follows(sole) && joint.isJoint && joint.isSole == nil)
        #expect(joint.settled == 500)
        let set = joint.holders(of: p0, copies: 3)
        #expect(set.current == [LayoutSample.id(1)] && Set(set.next ?? []).count == 2)
        #expect(joint.fences.allSatisfy { $0 == 2 })
        #expect(joint.syncers == [LayoutSample.id(1), LayoutSample.id(2)])
        let pair = try #require(joint.settledSuccessor)
        #expect(pair.follows(joint) && !pair.isJoint && pair.voters.current.count == 2)
        // Back to one, and again to two: what was given out meanwhile counts.
        let alone = try #require(pair.removing([LayoutSample.id(2)])?.settledSuccessor)
        #expect(alone.isSole == LayoutSample.id(1) && alone.departed.map(\.node) == [LayoutSample.id(2)])
        #expect(alone.adding([LayoutSample.newcomer(3)], lastTime: 900)?.settled == 900)
        #expect(alone.adding([LayoutSample.newcomer(3)], lastTime: 100)?.settled == 500)
    }

    @Test(
        "a collection changes nothing but the floor of stamps and the fences, and only follows a stable layout of several"
    )
    func collection() throws {
        let stable = LayoutSample.stable(4)
        let next = try #require(stable.collected(700))
        #expect(next.follows(stable) && next.isCollection(of: stable) && !next.isJoint)
        #expect(next.settled == 700 && next.collected(3)?.settled == 701)
        #expect(next.members == stable.members && next.current == stable.current && next.origin == stable.origin)
        #expect(next.fences.dropLast().allSatisfy { $0 == next.epoch })
        #expect(next.fence(of: .system) == stable.fence(of: .system))
        #expect(Layout(encoded: next.encoded) == next)
        let joint = try #require(stable.adding([LayoutSample.newcomer(5)]))
        #expect(joint.collected(700) == nil && LayoutSample.first().collected(700) == nil)
        #expect(stable.collected(.max) == nil)
        let settled = try #require(joint.settledSuccessor)
        #expect(!settled.isCollection(of: joint) && !next.follows(joint) && !joint.isCollection(of: stable))
        #expect(!(next.collected(800)?.follows(stable) ?? true), "one at a time")
    }

    @Test("copies are prefixes of one list, as many as there are nodes")
    func prefixes() {
        let layout = LayoutSample.stable(6)
        for number in 0..<Partition.count {
            let five = layout.holders(of: Partition(number: UInt16(number)), copies: 5).current
            #expect(five.count == 5)
            for copies in [1, 2, 3] {
                let some = layout.holders(of: Partition(number: UInt16(number)), copies: copies)
                #expect(some.current == Array(five.prefix(copies)))
            }
        }
        #expect(LayoutSample.stable(2).holders(of: p0, copies: 5).current.count == 2)
        #expect(layout.holders(of: .system, copies: 1).current.count == 5)
    }

    @Test("a store that came back empty counts as missing where it was, and as new where it goes")
    func amnesia() throws {
        let layout = LayoutSample.stable(3)
        let joint = try #require(layout.adding([LayoutSample.newcomer(2, store: 99)]))
        #expect(joint.follows(layout))
        let set = joint.holders(of: p0, copies: 3)
        #expect(set.current.contains(HolderSet.lost) && !set.current.contains(LayoutSample.id(2)))
        #expect(set.next?.contains(LayoutSample.id(2)) == true)
        #expect(!set.everyone.contains(HolderSet.lost))
        // The new store and one other are no majority of what was.
        #expect(!set.isQuorum([LayoutSample.id(1), LayoutSample.id(2)]))
        #expect(set.isQuorum([LayoutSample.id(1), LayoutSample.id(3)]))
        #expect(joint.admits(LayoutSample.id(2), storeID: 99) && !joint.admits(LayoutSample.id(2), storeID: 20))
        let stable = try #require(joint.settledSuccessor)
        #expect(stable.members.count == 3 && stable.follows(joint))
    }

    @Test("a newcomer that is given up leaves everything where it was")
    func undo() throws {
        let layout = LayoutSample.stable(4, zones: ["a", "b"])
        let joint = try #require(layout.adding([LayoutSample.newcomer(5, zone: "b")]))
        let back = try #require(joint.changed(to: joint.targets.filter { $0.node != LayoutSample.id(5) }))
        #expect(back.follows(joint) && back.members == layout.members)
        #expect(back.moved.isEmpty)
        #expect(back.settledSuccessor?.current == layout.current)
    }

    @Test("tables with the same holders keep their fences; what moves is fenced by the epoch that moves it")
    func fences() throws {
        let layout = LayoutSample.stable(6)
        let joint = try #require(layout.adding([LayoutSample.newcomer(7)]))
        for number in 0..<Partition.all {
            let partition = Partition(number: UInt16(number))
            #expect(
                joint.fence(of: partition) == (joint.hasMoved(partition) ? joint.epoch : layout.fence(of: partition))
            )
        }
        let stable = try #require(joint.settledSuccessor)
        #expect(stable.fences.max() == stable.epoch)
        #expect(joint.moved.count < Partition.count)
    }

    @Test("an heir takes over the places of the one it replaces")
    func replacement() throws {
        let layout = LayoutSample.stable(5)
        let joint = try #require(layout.replacing(LayoutSample.id(3), by: LayoutSample.newcomer(8)))
        let movement = LayoutMovement(joint)
        let heir = try #require(movement.share(of: LayoutSample.id(8)))
        let gone = try #require(movement.share(of: LayoutSample.id(3)))
        #expect(heir.gains == gone.loses)
        #expect(movement.movedCopies == heir.gains.count)
        #expect(joint.settledSuccessor?.members.contains { $0.node == LayoutSample.id(3) } == false)
    }

    @Test("two holders and a member without a share vote as three")
    func witness() throws {
        let pair = LayoutSample.stable(2)
        let witnessed = try #require(pair.adding([LayoutSample.newcomer(3, weight: 0)])?.settledSuccessor)
        #expect(witnessed.voters.current.count == 3)
        #expect(witnessed.current.copiesMax == 2 && witnessed.storageMembers.count == 2)
    }

    @Test("an operator who gives up a lost majority begins a lineage that the others do not follow")
    func recovery() throws {
        let layout = LayoutSample.stable(3)
        let dead: Set = [LayoutSample.id(2), LayoutSample.id(3)]
        let recovered = try #require(layout.recovering(without: dead, lineage: 78))
        let set = recovered.holders(of: p0, copies: 3)
        #expect(set.everyone == [LayoutSample.id(1)] && set.isQuorum([LayoutSample.id(1)]))
        #expect(recovered.voters.isQuorum([LayoutSample.id(1)]))
        #expect(recovered.settledSuccessor?.isSole == LayoutSample.id(1))
        let book = LayoutBook(layout)
        #expect(book.adopt(recovered) == .foreign)
    }

    @Test("a book takes what is newer, of its own lineage, and tells its observers")
    func book() throws {
        let layout = LayoutSample.stable(3)
        let book = LayoutBook(layout)
        let heard = Mutex<[UInt64]>([])
        book.observe { layout in heard.withLock { $0.append(layout.epoch) } }
        let next = try #require(layout.removing([LayoutSample.id(3)]))
        let rival = try #require(layout.removing([LayoutSample.id(2)]))
        #expect(book.adopt(next) == .adopted)
        #expect(book.adopt(next) == .known)
        #expect(book.adopt(layout) == .known)
        #expect(book.adopt(rival) == .contradiction)
        #expect(book.current == next)
        #expect(heard.withLock { $0 } == [next.epoch])
    }
}

@Suite struct LayoutCodecTests {
    @Test("a layout comes back from its bytes")
    func roundTrip() throws {
        let stable = LayoutSample.stable(7, zones: ["a", "b", "Zürich"])
        let joint = try #require(stable.removing([LayoutSample.id(2)]))
        let lost = try #require(joint.adding([LayoutSample.newcomer(4, store: 5)]))
        let struck = try #require(LayoutSample.stable(3).recovering(without: [LayoutSample.id(2)], lineage: 1))
        for layout in [LayoutSample.first(), stable, joint, lost, struck, try #require(joint.settledSuccessor)] {
            #expect(Layout(encoded: layout.encoded) == layout)
            #expect(layout.encoded.readableBytes < Layout.bytesMax)
        }
        print(
            "layout: 3 nodes \(LayoutSample.stable(3).encoded.readableBytes) bytes, "
                + "7 nodes joint \(joint.encoded.readableBytes)"
        )
    }

    @Test("bytes that are cut, longer or changed are refused or mean a possible layout")
    func garbage() throws {
        let layout = try #require(LayoutSample.stable(3).removing([LayoutSample.id(2)]))
        let bytes = Array(layout.encoded.readableBytesView)
        for count in stride(from: 0, to: bytes.count, by: 13) {
            #expect(Layout(encoded: ByteBuffer(bytes: bytes.prefix(count))) == nil)
        }
        #expect(Layout(encoded: ByteBuffer(bytes: bytes + [0])) == nil)
        for seed in 1...200 as ClosedRange<UInt64> {
            var random = S3Random(seed)
            if let other = Layout(encoded: ByteBuffer(bytes: random.mangled(bytes))) {
                #expect(Layout(encoded: other.encoded) == other, "seed \(seed)")
            }
            #expect(Layout(encoded: ByteBuffer(bytes: random.bytes(300))) == nil, "seed \(seed)")
        }
    }
}
