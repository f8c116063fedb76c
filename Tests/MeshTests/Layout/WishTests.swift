import Store
import Swim
import Testing

@testable import Mesh

@Suite struct WishTests {
    private func verdict(
        _ layout: Layout,
        _ wish: LayoutWish,
        isForced: Bool = false,
        dead: Set<Int> = [],
        copies: [Int] = [3]
    ) -> WishVerdict {
        layout.judge(wish, isForced: isForced, around: LayoutSample.around(layout, without: dead, copies: copies))
    }

    private func isProposal(_ verdict: WishVerdict) -> Bool {
        if case .propose = verdict { true } else { false }
    }

    @Test("the last holder is not let go")
    func last() {
        let only = LayoutSample.id(1)
        for wish in [LayoutWish.drain(only), .remove([only]), .weight(only, 0)] {
            guard case .refused(let reason) = verdict(LayoutSample.first(), wish, isForced: true) else {
                Issue.record("\(wish) was not refused")
                continue
            }
            #expect(reason.contains("last node"))
        }
    }

    @Test("what is so already is no change")
    func alreadySo() throws {
        let layout = LayoutSample.stable(4)
        let node = LayoutSample.id(2)
        #expect(verdict(layout, .resume(node)) == .alreadySo)
        #expect(verdict(layout, .weight(node, 100)) == .alreadySo)
        #expect(verdict(layout, .join(node)) == .alreadySo)
        #expect(verdict(try #require(layout.draining([node])), .drain(node)) == .alreadySo)
        let without = try #require(layout.removing([node])?.settledSuccessor)
        #expect(verdict(without, .remove([node])) == .alreadySo)
    }

    @Test("one of three dead nodes goes without force; who falls below the wanted copies is told")
    func deadOne() {
        let layout = LayoutSample.stable(3)
        guard case .propose(let next, let notes) = verdict(layout, .remove([LayoutSample.id(3)]), dead: [3]) else {
            Issue.record("refused")
            return
        }
        #expect(next.follows(layout) && notes == ["Buckets that want 3 copies will have 2."])
    }

    @Test("who can be missed: nobody of two, one of three if all are there, nobody where a key has one copy")
    func missed() {
        func bereft(_ count: Int, copies: [Int] = [3], dead: Set<Int> = []) -> [Spread] {
            let layout = LayoutSample.stable(count)
            let around = LayoutSample.around(layout, without: dead, copies: copies)
            return layout.spreadsBereft(without: LayoutSample.id(2), around)
        }
        #expect(bereft(2) == [3])
        #expect(bereft(3) == [] && bereft(5) == [])
        #expect(bereft(3, dead: [3]) == [3])
        // Of five holders another one may be away, but not for the keys that both have.
        #expect(bereft(5, dead: [3]) == [3])
        #expect(bereft(3, copies: [1, 2, 3]) == [1, 2])
    }

    @Test("no order takes the last majority from keys, and who is away may go first")
    func majorities() throws {
        let (second, third) = (LayoutSample.id(2), LayoutSample.id(3))
        let newcomers = [LayoutSample.newcomer(2), LayoutSample.newcomer(3)]
        for layout in [LayoutSample.stable(3), try #require(LayoutSample.first().adding(newcomers))] {
            for wish in [LayoutWish.remove([second]), .drain(second)] {
                #expect(isProposal(verdict(layout, wish)))
                guard case .refused(let reason) = verdict(layout, wish, isForced: true, dead: [3]) else {
                    Issue.record("\(wish) was not refused")
                    continue
                }
                #expect(reason.contains("majority while \(third) does not answer: start"))
            }
            #expect(isProposal(verdict(layout, .weight(second, 0), dead: [3])), "it stays as a witness")
            guard case .propose(let without, _) = verdict(layout, .remove([third]), dead: [3]) else {
                Issue.record("who is away cannot go")
                continue
            }
            #expect(isProposal(verdict(without, .remove([second]), dead: [3])))
            guard case .propose(let alone, _) = verdict(layout, .remove([second, third]), dead: [3]) else {
                Issue.record("both cannot go together")
                continue
            }
            #expect(alone.voters.isQuorum([LayoutSample.id(1), second]) && alone.target.voters.count == 1)
        }
    }

    @Test("who is away can be given up beside another one that is away; keys in few copies that then wait are told")
    func deadBesideDead() throws {
        var waiting = 0
        for (nodes, zones) in [(4, ["a"]), (5, ["a", "b"]), (7, ["a", "b", "c"])] {
            let stable = LayoutSample.stable(nodes, zones: zones)
            let joining = try #require(stable.adding([LayoutSample.newcomer(nodes + 1, zone: "a")]))
            for layout in [stable, joining] {
                for (first, second) in [(2, 3), (3, 2), (nodes, 1)] {
                    let around = LayoutSample.around(layout, without: [first, second], copies: [1, 2, 3, 5])
                    let wish = LayoutWish.remove([LayoutSample.id(first)])
                    guard case .propose(let next, let notes) = layout.judge(wish, isForced: true, around: around) else {
                        Issue.record("\(first) of \(nodes) cannot be given up")
                        continue
                    }
                    let missing = layout.missing(after: next, around)
                    if !missing.isEmpty { waiting += 1 }
                    let told = "no majority until \(LayoutSample.id(second)) is back or removed too"
                    #expect(missing.isEmpty || missing == [LayoutSample.id(second)])
                    #expect(notes.contains { $0.contains(told) } == !missing.isEmpty)
                    let usual = LayoutSample.around(layout, without: [first, second], copies: [3, 5])
                    #expect(layout.missing(after: next, usual) == [], "\(first) of \(nodes), \(second) is away too")
                    // The way out.
                    let both = LayoutSample.around(next, without: [first, second], copies: [1, 2, 3, 5])
                    guard
                        case .propose(let last, _) = next.judge(
                            .remove([LayoutSample.id(second)]),
                            isForced: true,
                            around: both
                        )
                    else {
                        Issue.record("\(second) of \(nodes) cannot be given up after \(first)")
                        continue
                    }
                    #expect(next.missing(after: last, both).isEmpty)
                }
            }
        }
        #expect(waiting > 0, "no case had keys that wait")
    }

    @Test("two dead nodes of one zone go one after the other, or together by force")
    func deadTwo() {
        // With two copies, one in each zone: each place can be struck at no cost, but not both in one step.
        let layout = LayoutSample.stable(4, zones: ["a", "b"])
        let zone = Set(layout.targets.filter { $0.zone == layout.targets[0].zone }.map(\.node))
        let dead = Set(zone.map { Int($0.high) })
        guard zone.count == 2, case .refused(let reason) = verdict(layout, .remove(zone), dead: dead, copies: [2])
        else {
            Issue.record("\(zone) were let go at once")
            return
        }
        #expect(reason.contains("do not answer: remove one after the other"))
        #expect(isProposal(verdict(layout, .remove(zone), isForced: true, dead: dead, copies: [2])))
    }

    @Test("two dead of three holders go together by force only; a stranger or all nodes never")
    func several() {
        let layout = LayoutSample.stable(4)
        let pair: Set = [LayoutSample.id(3), LayoutSample.id(4)]
        guard case .needsForce = verdict(layout, .remove(pair), dead: [3, 4]) else {
            Issue.record("no force was needed")
            return
        }
        #expect(isProposal(verdict(layout, .remove(pair), isForced: true, dead: [3, 4])))
        let stranger = LayoutSample.id(9)
        let refusal = verdict(layout, .remove([stranger, LayoutSample.id(3)]))
        #expect(refusal == .refused("No node \(stranger) is in the layout."))
        guard case .refused(let reason) = verdict(layout, .remove(Set((1...4).map(LayoutSample.id)))) else {
            Issue.record("all were let go")
            return
        }
        #expect(reason.contains("are the last nodes that hold anything"))
    }

    @Test("the only holder of single copies goes by force only, and it is told what goes with it")
    func singleCopies() throws {
        let layout = LayoutSample.stable(4)
        let wish = LayoutWish.remove([LayoutSample.id(3)])
        guard case .needsForce(let loss) = verdict(layout, wish, dead: [3], copies: [1, 3]) else {
            Issue.record("no force was needed")
            return
        }
        let held = (0..<Partition.count).count { number in
            layout.holders(of: Partition(number: UInt16(number)), copies: 1).current == [LayoutSample.id(3)]
        }
        #expect(loss.lost == [1: held] && loss.doubtful.isEmpty)
        #expect(loss.sentences.count == 1 && loss.sentences[0].contains("\(held) of 1024 partitions"))
        guard case .propose(let next, _) = verdict(layout, wish, isForced: true, dead: [3], copies: [1, 3]) else {
            Issue.record("force did not help")
            return
        }
        #expect(next.follows(layout))
        for number in 0..<Partition.count {
            let set = next.holders(of: Partition(number: UInt16(number)), copies: 1)
            #expect(set.canReachQuorum(without: [LayoutSample.id(3)]))
        }
        // Alive, it gives away what it has, and nothing is lost.
        #expect(isProposal(verdict(layout, wish, copies: [1, 3])))
    }

    @Test("a dead holder of two copies is struck out, since every majority had the other one")
    func pairs() {
        let layout = LayoutSample.stable(4)
        guard case .propose(let next, _) = verdict(layout, .remove([LayoutSample.id(3)]), dead: [3], copies: [2, 3])
        else {
            Issue.record("refused")
            return
        }
        for number in 0..<Partition.count {
            let partition = Partition(number: UInt16(number))
            let before = layout.holders(of: partition, copies: 2)
            let set = HolderSet(current: next.holders(of: partition, copies: 2).current)
            #expect(set.canReachQuorum(without: [LayoutSample.id(3)]))
            if before.contains(LayoutSample.id(3)) {
                #expect(set.current == before.current.filter { $0 != LayoutSample.id(3) })
            }
        }
    }

    @Test("two dead of three holders cost the latest writes, and it is told")
    func twoDead() {
        let layout = LayoutSample.stable(5)
        guard case .needsForce(let loss) = verdict(layout, .remove([LayoutSample.id(3)]), dead: [3, 4]) else {
            Issue.record("no force was needed")
            return
        }
        #expect(loss.lost.isEmpty && (loss.doubtful[3] ?? 0) > 0)
    }

    @Test("an heir must be there, and must not have a share already")
    func heirs() {
        let layout = LayoutSample.stable(4)
        let around = LayoutSample.around(layout)
        for heir in [2, 9] {
            let wish = LayoutWish.replace(LayoutSample.id(3), by: LayoutSample.id(heir))
            guard case .refused = layout.judge(wish, isForced: false, around: around) else {
                Issue.record("\(heir) was taken")
                continue
            }
        }
    }

    @Test("the report says who holds what, and what is wanted and possible")
    func report() throws {
        let joint = try #require(LayoutSample.stable(2).adding([LayoutSample.newcomer(3, zone: "b")]))
        let report = LayoutReport(joint, synced: [LayoutSample.id(1)])
        #expect(report.isChanging && report.copiesPossible == 3 && report.shortage == nil)
        #expect(report.members.map(\.isSynced) == [true, false, false])
        #expect(report.movedCopies == Partition.count && report.idealCopies == Partition.count)
        #expect(LayoutReport(LayoutSample.stable(2)).shortage == "wants 3, has 2")
        print(report.layoutText)
        print(report.ringText)
    }

    @Test("a node that comes in by itself still can replace a dead one, and then nothing else moves")
    func newcomerReplaces() throws {
        for count in [3, 6] {
            let layout = LayoutSample.stable(count)
            let joining = try #require(layout.adding([LayoutSample.newcomer(9)]))
            let wish = LayoutWish.replace(LayoutSample.id(2), by: LayoutSample.id(9))
            guard case .propose(let next, _) = verdict(joining, wish, dead: [2]) else {
                Issue.record("\(verdict(joining, wish, dead: [2]))")
                continue
            }
            #expect(next.follows(joining))
            let movement = LayoutMovement(next)
            let (heir, gone) = (movement.share(of: LayoutSample.id(9)), movement.share(of: LayoutSample.id(2)))
            #expect(heir?.gains == gone?.loses && movement.movedCopies == heir?.gains.count)
            #expect(verdict(next, wish, dead: [2]) == .alreadySo)
        }
    }
}
