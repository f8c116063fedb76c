import Store
import Swim
import Testing

@testable import Mesh

/// Two nodes that keep everything, and a third one that has a vote on every row and keeps no bytes.
@Suite struct WitnessTests {
    private let a = LayoutSample.id(1)
    private let b = LayoutSample.id(2)
    private let w = LayoutSample.id(3)
    private let partition = Partition(number: 0)

    private func pair() throws -> Layout {
        let layout = LayoutSample.stable(2)
        return try #require(layout.adding([LayoutSample.newcomer(3, weight: 0)])?.settledSuccessor)
    }

    private func subsets(_ nodes: [NodeID]) -> [[NodeID]] {
        (0..<1 << nodes.count).map { mask in nodes.indices.filter { mask >> $0 & 1 == 1 }.map { nodes[$0] } }
    }

    @Test("the witness votes on rows for every number of copies but one, and is never a keeper")
    func holders() throws {
        let layout = try pair()
        for number in [0, 5, 1023] as [UInt16] {
            for copies in [2, 3, 5] {
                let set = layout.holders(of: Partition(number: number), copies: copies)
                #expect(Set(set.current) == [a, b, w] && set.witness == w && Set(set.keepers) == [a, b])
                for keeper in [a, b] { #expect(set.canReachQuorum(without: [keeper])) }
            }
            let single = layout.holders(of: Partition(number: number), copies: 1)
            #expect(single.current.count == 1 && !single.contains(w) && !single.hasWitness)
        }
        #expect(layout.voters.current.count == 3 && !layout.voters.hasWitness)
        #expect(layout.isWitness(w, storeID: 30) && !layout.isWitness(a, storeID: 10))
        #expect(!layout.isWitness(w, storeID: 31))
        #expect(Layout(encoded: layout.encoded) == layout)
        #expect(LayoutReport(layout).shortage == "wants 3, has 2")
        #expect(LayoutMovement(layout).share(of: w)?.keeps == [])
    }

    /// The rule, and the one that it would be without witnesses: the checker has to tell them apart.
    @Test("bytes are where a row may name them only if one keeper has them; to count the witness as one is noticed")
    func bytes() throws {
        func faults(_ rule: (HolderSet, [NodeID]) -> Bool) -> Int {
            var faults = 0
            let sets = [
                HolderSet(current: [a, b, w], witness: w),
                HolderSet(current: [a, b], next: [a, b, w], nextWitness: w),
                HolderSet(current: [a, b, w], next: [b, w, a], witness: w),
                HolderSet(current: [a, b, w], next: [a, b], witness: w),
            ]
            for set in sets {
                for nodes in subsets([a, b, w]) where rule(set, nodes) {
                    // Whatever a later quorum of rows sees, somebody must have what they name.
                    if !nodes.contains(where: set.keepsBytes) { faults += 1 }
                }
            }
            return faults
        }
        #expect(faults { $0.isQuorum(ofBytes: $1) } == 0)
        #expect(faults { _, nodes in nodes.count >= 1 } > 0)
        let set = HolderSet(current: [a, b, w], witness: w)
        #expect(set.isQuorum(ofBytes: [a]) && set.isQuorum(ofBytes: [b]) && !set.isQuorum(ofBytes: [w]))
        // A witness that is to keep bytes counts as a keeper of the next set.
        let growing = HolderSet(current: [a, b, w], next: [a, b, w], witness: w)
        #expect(!growing.isQuorum(ofBytes: [a]) && growing.isQuorum(ofBytes: [a, w]))
    }

    @Test("quorums of neighbouring epochs meet when a witness comes, goes, or becomes a keeper")
    func neighbours() throws {
        let plain = LayoutSample.stable(2)
        let coming = try #require(plain.adding([LayoutSample.newcomer(3, weight: 0)]))
        let there = try #require(coming.settledSuccessor)
        let growing = try #require(there.setting(w, weight: 100))
        let grown = try #require(growing.settledSuccessor)
        let leaving = try #require(there.removing([w]))
        #expect(growing.syncers.contains(w) && !growing.isWitness(w, storeID: 30))
        #expect(grown.holders(of: partition, copies: 3).hasWitness == false && grown.current.width == 3)
        for (former, next) in [(plain, coming), (coming, there), (there, growing), (growing, grown), (there, leaving)] {
            let (one, two) = (former.holders(of: partition, copies: 3), next.holders(of: partition, copies: 3))
            #expect(next.follows(former) && next.fence(of: partition) > former.fence(of: partition))
            for some in subsets([a, b, w]) where one.isQuorum(some) {
                for others in subsets([a, b, w]) where two.isQuorum(others) {
                    #expect(!Set(some).isDisjoint(with: others))
                }
            }
        }
    }

    @Test("a dead half of a pair goes without force when the other half and the witness are there, not without both")
    func removal() throws {
        let layout = try pair()
        let alone = LayoutSample.around(layout, without: [2])
        guard case .propose(let next, _) = layout.judge(.remove([b]), isForced: false, around: alone) else {
            Issue.record("force was needed")
            return
        }
        #expect(next.holders(of: partition, copies: 3).canReachQuorum(without: [b]))
        let bare = LayoutSample.around(layout, without: [1, 2])
        guard case .needsForce(let loss) = layout.judge(.remove([b]), isForced: false, around: bare) else {
            Issue.record("the last copy would be lost, and nobody was asked")
            return
        }
        #expect(loss.lost == [3: Partition.count])
    }

    @Test("a drained node votes on the layout alone, so that it can be stopped")
    func drained() throws {
        let layout = try #require(LayoutSample.stable(3).draining([w])?.settledSuccessor)
        #expect(layout.voters.current.count == 3 && !layout.holders(of: partition, copies: 3).contains(w))
    }
}
