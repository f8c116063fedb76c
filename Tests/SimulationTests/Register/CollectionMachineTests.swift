import Mesh
import Store
import Swim
import Testing

/// What operations do when tombstones are collected under them.
@Suite struct CollectionMachineTests {
    private let nodes = MachineSample.nodes
    private let address = MachineSample.address
    private let task = MachineSample.task(settled: 10)

    private func row(_ kind: Store.Record.Kind, _ stamp: Stamp = .zero) -> Row { MachineSample.row(kind, stamp) }
    private func view(_ row: Row?) -> ReplicaReply { MachineSample.view(row) }

    /// A machine, what it sent last, and what came of it.
    private struct Bench<Machine: RegisterMachine> {
        var machine: Machine
        var sent: [(tag: CallTag, call: ReplicaCall)] = []
        var outcome: RegisterOutcome?

        init(_ machine: Machine) {
            self.machine = machine
            drive { $0.begin(now: 0, into: &$1) }
        }

        mutating func drive(_ event: (inout Machine, inout [RegisterDirective]) -> Void) {
            var outbox: [RegisterDirective] = []
            event(&machine, &outbox)
            var calls: [(tag: CallTag, call: ReplicaCall)] = []
            for directive in outbox {
                if case .send(let tag, _, let call) = directive { calls.append((tag, call)) }
                if case .finish(let end) = directive { outcome = end }
            }
            if !calls.isEmpty { sent = calls }
        }

        /// All that was asked last is answered alike.
        mutating func answer(_ reply: ReplicaReply) {
            for (tag, _) in sent { drive { $0.reply(tag, reply, now: 1, into: &$1) } }
        }

        mutating func collect(_ holders: [NodeID], epoch: UInt64, settled: UInt64) {
            drive {
                $0.relayout(HolderSet(current: holders), epoch: epoch, settled: settled, now: 2, into: &$1)
            }
        }

        var isUnknown: Bool {
            guard case .failed(let failure) = outcome, case .unknown = failure.effect else { return false }
            return true
        }
    }

    @Test("a blind row that was sent is sent again above the new floor, and never below it")
    func blindRows() {
        var bench = Bench(WriteMachine(task, row(.object), wallMillis: 1))
        bench.answer(view(nil))
        guard case .commit(let sent) = bench.sent[0].call.request else {
            Issue.record("after the look it commits")
            return
        }
        bench.collect(nodes, epoch: 5, settled: sent.stamp.t - 2)
        #expect(bench.sent.allSatisfy { $0.call.epoch == 5 } && bench.outcome == nil)
        bench.collect(nodes, epoch: 6, settled: sent.stamp.t - 1)
        #expect(bench.isUnknown && bench.sent.allSatisfy { $0.call.epoch == 5 })
    }

    @Test("a blind write that has sent nothing yet takes a stamp above the new floor")
    func freshStamps() {
        var bench = Bench(WriteMachine(task, row(.object), wallMillis: 1))
        bench.collect(nodes, epoch: 5, settled: 1 << 40)
        bench.answer(view(nil))
        guard case .commit(let sent) = bench.sent[0].call.request else {
            Issue.record("after the look it commits")
            return
        }
        #expect(sent.stamp.t == 1 << 40 + 2)
    }

    @Test("a create that was proposed ends as unknown where the key is absent behind a collection")
    func creates() {
        var bench = Bench(ChangeMachine(task, .current) { _ in .write(self.row(.object)) })
        bench.answer(view(nil))
        bench.answer(.promised(accepted: nil))
        guard case .accept(let sent, nil, _) = bench.sent[0].call.request else {
            Issue.record("after the promises it proposes")
            return
        }
        #expect(sent.stamp == Stamp(t: 11, w: 0, q: 1))
        bench.collect(nodes, epoch: 5, settled: 20)
        guard case .look = bench.sent[0].call.request else {
            Issue.record("it looks what is there now")
            return
        }
        bench.answer(view(nil))
        #expect(bench.isUnknown)
    }

    @Test("a create that was not proposed begins again, above what was collected")
    func freshCreates() {
        var bench = Bench(ChangeMachine(task, .current) { _ in .write(self.row(.object)) })
        bench.answer(view(nil))
        bench.collect(nodes, epoch: 5, settled: 20)
        bench.answer(view(nil))
        bench.answer(.promised(accepted: nil))
        guard case .accept(let sent, nil, _) = bench.sent[0].call.request else {
            Issue.record("it judged and prepared anew")
            return
        }
        #expect(sent.stamp == Stamp(t: 21, w: 0, q: 1) && bench.sent[0].call.epoch == 5)
    }

    @Test("a change behind a version that is still the newest is proposed again")
    func changes() {
        let before = row(.object, Stamp(t: 7, w: 1, q: 0))
        var bench = Bench(ChangeMachine(task, .current) { _ in .write(self.row(.tombstone)) })
        bench.answer(view(before))
        bench.answer(.promised(accepted: nil))
        bench.collect(nodes, epoch: 5, settled: 20)
        bench.answer(view(before))
        bench.answer(.promised(accepted: nil))
        guard case .accept(let sent, before.stamp?, _) = bench.sent[0].call.request else {
            Issue.record("the same row behind the same version")
            return
        }
        #expect(sent.stamp == before.stamp.successor && bench.outcome == nil)
    }

    @Test("a create behind a settled tombstone stands above all that is settled; older builds are asked as before")
    func settledTombstones() {
        let tombstone = row(.tombstone, Stamp(t: 7, w: 1, q: 0))
        func bench() -> Bench<ChangeMachine> {
            var bench = Bench(ChangeMachine(task, .current) { _ in .write(self.row(.object)) })
            bench.answer(view(tombstone))
            return bench
        }
        var new = bench()
        guard case .prepare(_, nil, _) = new.sent[0].call.request else {
            Issue.record("the key is absent")
            return
        }
        new.answer(.promised(accepted: nil))
        guard case .accept(let sent, nil, _) = new.sent[0].call.request else {
            Issue.record("after the promises it proposes")
            return
        }
        #expect(sent.stamp == Stamp(t: 11, w: 0, q: 1))
        var old = bench()
        let (tag, _) = old.sent[0]
        old.drive { $0.reply(tag, .elsewhere(KeyView(chain: [tombstone.ref], found: nil)), now: 1, into: &$1) }
        guard case .prepare(_, tombstone.stamp?, _) = old.sent[0].call.request else {
            Issue.record("it goes on behind the tombstone")
            return
        }
        old.answer(.promised(accepted: nil))
        guard case .accept(let behind, tombstone.stamp?, _) = old.sent[0].call.request else {
            Issue.record("after the promises it proposes")
            return
        }
        #expect(behind.stamp == tombstone.stamp.successor)
    }

    @Test("a change that finishes a row with another stamp than its own does not know whether its own is out")
    func otherRows() {
        let tombstone = row(.tombstone, Stamp(t: 7, w: 1, q: 0))
        let fresh = Stamp(t: 11, w: 0, q: 1)
        /// - Parameter own: what it proposes; zero: the machine chooses.
        func outcome(_ own: Stamp, finishing other: Stamp) -> RegisterOutcome? {
            let other = MachineSample.row(.object, other, op: 8)
            var bench = Bench(
                ChangeMachine(task, .current) { sight in
                    sight.top?.kind == .object ? .refuse(nil) : .write(self.row(.object, own))
                }
            )
            bench.answer(view(tombstone))
            bench.answer(.promised(accepted: nil))
            // Outbid after its row left; then somebody's proposal is found.
            bench.answer(.outbid(Ballot(round: 5, proposer: 1)))
            bench.drive { $0.wake(now: 1_000_000, into: &$1) }
            bench.answer(.promised(accepted: Proposal(ballot: Ballot(round: 5, proposer: 1), row: other)))
            bench.answer(.accepted)
            bench.answer(.stored(.complete))
            bench.answer(view(other))
            return bench.outcome
        }
        for (own, other) in [(Stamp.zero, tombstone.stamp.successor), (tombstone.stamp.successor, fresh)] {
            guard case .failed(let failure)? = outcome(own, finishing: other), case .unknown = failure.effect else {
                Issue.record("the other row may be deleted, or its own have been, and be placed once more")
                return
            }
        }
        guard case .preconditionFailed? = outcome(.zero, finishing: fresh) else {
            Issue.record("the other row took its place")
            return
        }
    }

    @Test("a row that was proposed on an absent key may have come and gone where a newer tombstone is")
    func comeAndGone() {
        let planned = row(.tombstone, Stamp(t: 7, w: 1, q: 0)).stamp.successor
        var bench = Bench(ChangeMachine(task, .current) { _ in .write(self.row(.object, planned)) })
        bench.answer(view(row(.tombstone, Stamp(t: 7, w: 1, q: 0))))
        bench.answer(.promised(accepted: nil))
        let gone = row(.tombstone, planned.successor)
        bench.answer(.elsewhere(KeyView(chain: [gone.ref], found: nil)))
        bench.answer(view(gone))
        #expect(bench.isUnknown)
    }

    @Test("a row with a stamp of its own is placed with it, or not at all")
    func fixedStamps() {
        let tombstone = row(.tombstone, Stamp(t: 7, w: 1, q: 0))
        func bench(_ stamp: Stamp) -> Bench<ChangeMachine> {
            var bench = Bench(ChangeMachine(task, .current) { _ in .write(self.row(.object, stamp)) })
            bench.answer(view(tombstone))
            bench.answer(.promised(accepted: nil))
            return bench
        }
        for stamp in [tombstone.stamp.successor, Stamp(t: 11, w: 0, q: 1)] {
            guard case .accept(let sent, nil, _) = bench(stamp).sent[0].call.request else {
                Issue.record("it can stand behind the tombstone")
                return
            }
            #expect(sent.stamp == stamp)
        }
        for stamp in [Stamp(t: 5, w: 0, q: 1), Stamp(t: 9, w: 0, q: 1), Stamp(t: 12, w: 0, q: 1)] {
            guard case .preconditionFailed? = bench(stamp).outcome else {
                Issue.record("it was planned for another place")
                return
            }
        }
    }

    @Test("what a holder accepted before it missed a newer row is not proposed again")
    func staleProposals() {
        let tombstone = row(.tombstone, Stamp(t: 7, w: 1, q: 0))
        let stale = Proposal(
            ballot: Ballot(round: 1, proposer: 5),
            row: MachineSample.row(.object, Stamp(t: 4, w: 0, q: 1), op: 8)
        )
        var bench = Bench(ChangeMachine(task, .current) { _ in .write(self.row(.object)) })
        bench.answer(view(tombstone))
        bench.answer(.promised(accepted: stale))
        guard case .accept(let sent, nil, _) = bench.sent[0].call.request else {
            Issue.record("after the promises it proposes")
            return
        }
        #expect(sent.record.op != stale.row.record.op)
    }

    @Test("an accepted create of before a collection can still be finished, and nothing above the floor")
    func oldCreates() {
        func isAccepted(_ t: UInt64) -> Bool {
            let create = row(.object, Stamp(t: t, w: 0, q: 1))
            let ballot = Ballot(round: 1, proposer: 1)
            let base = KeyBase(KeyRows(), settled: 20)
            switch KeyRules.accept(create, predecessor: nil, ballot, on: base, kept: nil) {
            case .accept: return true
            default: return false
            }
        }
        #expect(isAccepted(21) && isAccepted(11) && isAccepted(1))
        #expect(!isAccepted(22) && !isAccepted(0))
    }
}
