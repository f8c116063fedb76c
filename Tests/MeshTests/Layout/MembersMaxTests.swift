import Store
import Swim
import Testing

@testable import Mesh

/// How many nodes a mesh lets in.
@Suite struct MembersMaxTests {
    private static func id(_ number: UInt64) -> NodeID { NodeID(high: 0, low: number) }

    private static func around(_ numbers: ClosedRange<UInt64>) -> LayoutSurroundings {
        let seen = numbers.map { StorePresence(node: id($0), storeID: $0, zone: "a", weight: 10, isAlive: true) }
        return LayoutSurroundings(presence: Dictionary(uniqueKeysWithValues: seen.map { ($0.node, $0) }))
    }

    /// Whom the steward of a node that is alone proposes when four others stand at the door.
    private static func proposed(max: Int) -> [NodeID]? {
        var settings = LayoutSteward.Settings()
        settings.membersMax = max
        let layout = Layout.first(node: id(1), storeID: 1, zone: "a", weight: 10, lineage: 7)
        var steward = LayoutSteward(node: id(1), layout: layout, seed: 1, settings: settings)
        var outbox: [LayoutSteward.Directive] = []
        for second in 0..<60 {
            steward.saw(around(1...5), now: UInt64(second) * 1_000_000, into: &outbox)
            for case .propose(let layout) in outbox { return layout.members.map(\.node).sorted() }
        }
        return nil
    }

    @Test("those for whom there is room come in, the lowest ids first; the others wait outside")
    func room() {
        #expect(Self.proposed(max: 3) == [Self.id(1), Self.id(2), Self.id(3)])
        #expect(Self.proposed(max: .max)?.count == 5)
        #expect(Self.proposed(max: 1) == nil)
    }

    @Test("two who are let in at once do not pass the limit: the second is refused when the first is in")
    func wishes() throws {
        var settings = LayoutSteward.Settings()
        settings.membersMax = 2
        let layout = Layout.first(node: Self.id(1), storeID: 1, zone: "a", weight: 10, lineage: 7)
        var steward = LayoutSteward(node: Self.id(1), layout: layout, seed: 1, settings: settings)
        var outbox: [LayoutSteward.Directive] = []
        var surroundings = Self.around(1...3)
        steward.saw(surroundings, now: 0, into: &outbox)
        for number in [UInt64(2), 3] {
            let id = Self.id(number)
            let verdict = steward.wish(.join(id), id: number, isForced: false, now: 1, into: &outbox)
            guard case .propose = verdict else {
                Issue.record("\(verdict)")
                return
            }
        }
        var now: UInt64 = 1
        for _ in 0..<200 {
            let directives = outbox
            outbox = []
            for case .propose(let next) in directives {
                #expect(next.targets.count <= 2)
                steward.proposalEnded(now: now)
                steward.adopted(next, now: now, into: &outbox)
                surroundings.spent = nil
                for member in next.targets {
                    steward.synced(member.node, epoch: next.epoch, now: now, into: &outbox)
                }
            }
            for case .close(wish: 3, let verdict) in directives {
                guard case .refused(let reason) = verdict else {
                    Issue.record("\(verdict)")
                    return
                }
                #expect(reason.contains("max-nodes") && steward.layout.targets.count == 2)
                return
            }
            now += 1_000_000
            steward.tick(now: now, into: &outbox)
        }
        Issue.record("the second wish was never answered")
    }

    @Test("a preview asks the same limit as the order")
    func judgement() {
        let layout = Layout.first(node: Self.id(1), storeID: 1, zone: "a", weight: 10, lineage: 7)
        func isRefused(max: Int) -> Bool {
            let verdict = layout.judge(.join(Self.id(2)), isForced: false, around: Self.around(1...2), membersMax: max)
            guard case .refused = verdict else { return false }
            return true
        }
        #expect(isRefused(max: 1) && !isRefused(max: 2))
    }
}
