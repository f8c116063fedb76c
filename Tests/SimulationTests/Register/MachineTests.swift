import Mesh
import Store
import Swim
import Testing

/// Single steps of the machines: these events, those directives.
@Suite struct MachineTests {
    private let nodes = MachineSample.nodes
    private let address = MachineSample.address
    private let task = MachineSample.task()

    private func row(_ kind: Store.Record.Kind, _ stamp: Stamp, op: UInt64 = 1) -> Row {
        MachineSample.row(kind, stamp, op: op)
    }
    private func view(_ row: Row?) -> ReplicaReply { MachineSample.view(row) }

    private struct Sent {
        let tag: CallTag
        let node: NodeID
        let call: ReplicaCall
    }

    private func sent(_ outbox: [RegisterDirective]) -> [Sent] {
        outbox.compactMap {
            if case .send(let tag, let node, let call) = $0 { Sent(tag: tag, node: node, call: call) } else { nil }
        }
    }

    /// A read that has begun, and what it asked first.
    private func reading() -> (ReadMachine, [RegisterDirective]) {
        var machine = ReadMachine(task, .current, depth: .record)
        var outbox: [RegisterDirective] = []
        machine.begin(now: 0, into: &outbox)
        return (machine, outbox)
    }

    private func outcome(_ outbox: [RegisterDirective]) -> RegisterOutcome? {
        for case .finish(let outcome) in outbox { return outcome }
        return nil
    }

    @Test("a read asks just enough holders, and ends when they agree")
    func readsAskEnough() {
        var (machine, outbox) = reading()
        let calls = sent(outbox)
        #expect(calls.map(\.node) == [nodes[0], nodes[1]])
        let stored = row(.object, Stamp(t: 5, w: 1, q: 0))
        machine.reply(calls[1].tag, view(stored), now: 1, into: &outbox)
        #expect(outcome(outbox) == nil)
        machine.reply(calls[0].tag, view(stored), now: 2, into: &outbox)
        guard case .seen(let sight) = outcome(outbox) else {
            Issue.record("two that agree are enough")
            return
        }
        #expect(sight.found?.stamp == stored.stamp)
    }

    @Test("a silent holder is joined by the rest, and not waited for")
    func readsHedge() {
        var (machine, outbox) = reading()
        let first = sent(outbox)
        let stored = row(.object, Stamp(t: 5, w: 1, q: 0))
        machine.reply(first[1].tag, .view(KeyView(chain: [stored.ref], found: nil)), now: 1, into: &outbox)
        outbox = []
        machine.wake(now: 20_000, into: &outbox)
        let second = sent(outbox)
        #expect(second.map(\.node) == [nodes[2]])
        machine.reply(second[0].tag, view(stored), now: 20_100, into: &outbox)
        guard case .seen(let sight) = outcome(outbox) else {
            Issue.record("the third holder stands in for the first")
            return
        }
        #expect(sight.found?.stamp == stored.stamp)
    }

    @Test("holders that differ are brought together before a read returns")
    func readsWriteBack() {
        var (machine, outbox) = reading()
        let looks = sent(outbox)
        let new = row(.object, Stamp(t: 9, w: 1, q: 0), op: 2)
        machine.reply(looks[0].tag, view(nil), now: 1, into: &outbox)
        machine.reply(looks[1].tag, .view(KeyView(chain: [new.ref], found: nil)), now: 1, into: &outbox)
        outbox = []
        machine.wake(now: 20_000, into: &outbox)
        guard let fetch = sent(outbox).first(where: { if case .fetch = $0.call.request { true } else { false } }) else {
            Issue.record("the row that one holder missed is fetched from the other")
            return
        }
        #expect(fetch.node == nodes[1])
        outbox = []
        machine.reply(fetch.tag, .rows([new]), now: 20_100, into: &outbox)
        let pushes = sent(outbox)
        #expect(pushes.map(\.node) == [nodes[0]])
        #expect(outcome(outbox) == nil)
        machine.reply(pushes[0].tag, .stored(.complete), now: 20_200, into: &outbox)
        guard case .seen(let sight) = outcome(outbox) else {
            Issue.record("after the write-back the read returns")
            return
        }
        #expect(sight.found?.stamp == new.stamp)
    }

    @Test("a holder whose disk is full keeps no read waiting that others can settle")
    func readsGoOnBesideAFullDisk() {
        var (machine, outbox) = reading()
        let looks = sent(outbox)
        let new = row(.object, Stamp(t: 9, w: 1, q: 0), op: 2)
        let newer = row(.object, Stamp(t: 10, w: 1, q: 0), op: 3)
        outbox = []
        machine.reply(looks[0].tag, view(nil), now: 1, into: &outbox)
        machine.reply(looks[1].tag, view(new), now: 1, into: &outbox)
        machine.wake(now: 20_000, into: &outbox)
        let third = sent(outbox).filter { $0.node == nodes[2] }
        let fetches = sent(outbox).filter { if case .fetch = $0.call.request { true } else { false } }
        guard let late = third.first, let fetch = fetches.first else {
            Issue.record("the third is asked, and what the first has missed is fetched")
            return
        }
        outbox = []
        machine.reply(fetch.tag, .rows([new]), now: 20_100, into: &outbox)
        for push in sent(outbox) { machine.reply(push.tag, .refused(.diskFull), now: 20_200, into: &outbox) }
        // The two that have room differ: a write is on its way.
        outbox = []
        machine.reply(late.tag, view(newer), now: 20_300, into: &outbox)
        for _ in 0..<8 {
            let calls = sent(outbox)
            outbox = outbox.filter { if case .finish = $0 { true } else { false } }
            if outcome(outbox) != nil { break }
            for call in calls {
                switch call.call.request {
                case .fetch: machine.reply(call.tag, .rows([newer]), now: 20_400, into: &outbox)
                case .commit where call.node == nodes[0]:
                    machine.reply(call.tag, .refused(.diskFull), now: 20_400, into: &outbox)
                case .commit: machine.reply(call.tag, .stored(.complete), now: 20_400, into: &outbox)
                default: machine.reply(call.tag, view(call.node == nodes[0] ? nil : newer), now: 20_400, into: &outbox)
                }
            }
        }
        guard case .seen(let sight) = outcome(outbox) else {
            Issue.record("two of three agree in the end")
            return
        }
        #expect(sight.found?.stamp == newer.stamp)
    }

    @Test(
        "a holder that came while the bytes were on their way is asked until it has fetched them",
        arguments: [3, 100]
    )
    func bytesMayComeLate(asks: Int) {
        var machine = WriteMachine(task, row(.object, .zero), wallMillis: 1)
        var outbox: [RegisterDirective] = []
        machine.begin(now: 0, into: &outbox)
        for look in sent(outbox) { machine.reply(look.tag, view(nil), now: 1, into: &outbox) }
        let commits = sent(outbox).filter { if case .commit = $0.call.request { true } else { false } }
        guard commits.count == 3 else {
            Issue.record("all are given the row")
            return
        }
        outbox = []
        machine.reply(commits[0].tag, .stored(.complete), now: 2, into: &outbox)
        machine.reply(commits[1].tag, .stored(.withoutBytes), now: 2, into: &outbox)
        var asked = 1
        // The third is away, and is asked again and again as well.
        machine.fail(commits[2].tag, now: 2, into: &outbox)
        var now: UInt64 = 2
        while outcome(outbox) == nil, now < 20_000_000 {
            now += 50_000
            outbox = []
            machine.wake(now: now, into: &outbox)
            for call in sent(outbox) {
                if call.node == nodes[2] {
                    machine.fail(call.tag, now: now, into: &outbox)
                } else {
                    asked += 1
                    let stored: Stored = asked > asks ? .complete : .withoutBytes
                    machine.reply(call.tag, .stored(stored), now: now, into: &outbox)
                }
            }
        }
        switch outcome(outbox) {
        case .done: #expect(asks == 3, "one holder alone has the bytes")
        case .failed(let failure): #expect(asks == 100 && failure.acks == 1 && now > 2_000_000)
        default: Issue.record("it ends")
        }
    }

    @Test("a delete leaves nothing only where all holders have nothing")
    func deletesOfNothing() {
        var machine = WriteMachine(task, row(.tombstone, .zero), wallMillis: 1)
        var outbox: [RegisterDirective] = []
        machine.begin(now: 0, into: &outbox)
        let looks = sent(outbox)
        for look in looks { machine.reply(look.tag, view(nil), now: 1, into: &outbox) }
        guard case .seen = outcome(outbox) else {
            Issue.record("there is nothing to delete")
            return
        }

        machine = WriteMachine(task, row(.tombstone, .zero), wallMillis: 1)
        outbox = []
        machine.begin(now: 0, into: &outbox)
        for look in sent(outbox).prefix(2) { machine.reply(look.tag, view(nil), now: 1, into: &outbox) }
        outbox = []
        machine.wake(now: 20_000, into: &outbox)
        #expect(sent(outbox).count == 3, "the third may have something: a tombstone is written")
    }

    @Test("after a refused epoch the same stamp is sent again")
    func epochsKeepTheStamp() {
        var machine = WriteMachine(task, row(.object, .zero), wallMillis: 1)
        var outbox: [RegisterDirective] = []
        machine.begin(now: 0, into: &outbox)
        for look in sent(outbox).prefix(2) { machine.reply(look.tag, view(nil), now: 1, into: &outbox) }
        let before = sent(outbox).compactMap { if case .commit(let row) = $0.call.request { row.stamp } else { nil } }
        let commit = sent(outbox).last
        outbox = []
        machine.reply(commit?.tag ?? CallTag(rawValue: 0), .refused(.staleEpoch(5)), now: 2, into: &outbox)
        guard case .relayout(_, .staleEpoch(5)) = outbox.first else {
            Issue.record("the driver is asked for the layout")
            return
        }
        outbox = []
        machine.relayout(HolderSet(current: nodes.reversed()), epoch: 5, settled: 0, now: 3, into: &outbox)
        let after = sent(outbox).compactMap { if case .commit(let row) = $0.call.request { row.stamp } else { nil } }
        #expect(after.count == 3 && Set(after) == Set(before))
        #expect(sent(outbox).allSatisfy { $0.call.epoch == 5 })
    }

    @Test("a false condition is told at once, and nothing is proposed")
    func falseConditions() {
        var machine = ChangeMachine(task, .current) { sight in .refuse(sight.found) }
        var outbox: [RegisterDirective] = []
        machine.begin(now: 0, into: &outbox)
        let stored = row(.object, Stamp(t: 5, w: 1, q: 0))
        for look in sent(outbox) { machine.reply(look.tag, view(stored), now: 1, into: &outbox) }
        guard case .preconditionFailed(let current) = outcome(outbox) else {
            Issue.record("the condition is false")
            return
        }
        #expect(current?.stamp == stored.stamp)
        #expect(sent(outbox).count == 3)
    }

    @Test("after its accept left, a change that cannot know says so")
    func unknownEffects() {
        let change = row(.object, .zero, op: 7)
        var machine = ChangeMachine(task, .current) { _ in .write(change) }
        var outbox: [RegisterDirective] = []
        machine.begin(now: 0, into: &outbox)
        for look in sent(outbox) { machine.reply(look.tag, view(nil), now: 1, into: &outbox) }
        let prepares = sent(outbox).filter { if case .prepare = $0.call.request { true } else { false } }
        outbox = []
        for call in prepares { machine.reply(call.tag, .promised(accepted: nil), now: 2, into: &outbox) }
        let accepts = sent(outbox)
        #expect(accepts.count == 3)
        // The key went on without us.
        let later = row(.object, Stamp(t: 50, w: 3, q: 0), op: 9)
        outbox = []
        machine.reply(accepts[0].tag, .elsewhere(KeyView(chain: [later.ref], found: nil)), now: 3, into: &outbox)
        for look in sent(outbox) { machine.reply(look.tag, view(later), now: 4, into: &outbox) }
        guard case .failed(let failure) = outcome(outbox) else {
            Issue.record("nobody can tell")
            return
        }
        #expect(failure.effect == .unknown)
    }

    @Test("a change whose rival was chosen tries again behind him")
    func knownLosses() {
        let change = row(.object, .zero, op: 7)
        var machine = ChangeMachine(task, .current) { _ in .write(change) }
        var outbox: [RegisterDirective] = []
        machine.begin(now: 0, into: &outbox)
        for look in sent(outbox) { machine.reply(look.tag, view(nil), now: 1, into: &outbox) }
        let prepares = sent(outbox).filter { if case .prepare = $0.call.request { true } else { false } }
        outbox = []
        for call in prepares { machine.reply(call.tag, .promised(accepted: nil), now: 2, into: &outbox) }
        let accepts = sent(outbox)
        let rival = row(.object, Stamp(t: 1, w: 0, q: 1), op: 9)
        outbox = []
        machine.reply(accepts[0].tag, .elsewhere(KeyView(chain: [rival.ref], found: nil)), now: 3, into: &outbox)
        let looks = sent(outbox)
        outbox = []
        for look in looks { machine.reply(look.tag, view(rival), now: 4, into: &outbox) }
        let predecessors = sent(outbox).compactMap { call -> Stamp? in
            if case .prepare(_, let predecessor, _) = call.call.request { predecessor } else { nil }
        }
        #expect(predecessors == [rival.stamp, rival.stamp, rival.stamp])
    }

    @Test("beside a witness a write waits for the other keeper, but not for one that is away, nor long")
    func witness() throws {
        var task = task
        task.holders = HolderSet(current: nodes, witness: nodes[2])
        let keepers = Array(nodes.prefix(2))
        for isAway in [true, false] {
            var machine = WriteMachine(task, row(.object, .zero), wallMillis: 1)
            var outbox: [RegisterDirective] = []
            machine.begin(now: 0, into: &outbox)
            for call in sent(outbox) { machine.reply(call.tag, view(nil), now: 1, into: &outbox) }
            let commits = sent(outbox).filter { if case .commit = $0.call.request { true } else { false } }
            #expect(commits.map(\.node) == nodes)
            // Votes without bytes are no copy.
            var bare = machine
            var ignored: [RegisterDirective] = []
            bare.reply(commits[0].tag, .stored(.withoutBytes), now: 2, into: &ignored)
            bare.reply(commits[2].tag, .stored(.complete), now: 2, into: &ignored)
            #expect(outcome(ignored) == nil)
            machine.reply(commits[2].tag, .stored(.complete), now: 2, into: &outbox)
            machine.reply(commits[0].tag, .stored(.complete), now: 3, into: &outbox)
            #expect(outcome(outbox) == nil)
            if isAway {
                machine.fail(commits[1].tag, now: 4, into: &outbox)
            } else {
                machine.wake(now: task.pace.keeperMicrosMax, into: &outbox)
                #expect(outcome(outbox) == nil)
                machine.wake(now: task.pace.keeperMicrosMax + 3, into: &outbox)
            }
            guard case .done = outcome(outbox) else {
                Issue.record("a quorum with one keeper was not enough, away \(isAway)")
                return
            }
            #expect(machine.lacking == [keepers[1]])
        }
    }

    @Test("a holder that cannot take up a layout yet is not given up within moments, however often it says so")
    func refusalsAboutEpochs() {
        for kind in 0..<3 {
            let end =
                switch kind {
                case 0: play(ReadMachine(task, .current, depth: .record))
                case 1: play(WriteMachine(task, row(.object, .zero), wallMillis: 1))
                default: play(ChangeMachine(task, .current) { _ in .write(MachineSample.row(.object)) })
                }
            #expect(end > 2_000_000, "machine \(kind) gave up after \(end) µs")
            #expect(end < task.deadlineMicros, "machine \(kind) asked for ever")
        }
    }

    private enum Event {
        case answer(Sent)
        case relayout
        case wake
    }

    /// When the machine ends, in microseconds, if one of three holders is down, and another one asks for a layout that it
    /// is always told at once and never takes up. Every answer takes a millisecond.
    private func play(_ machine: some RegisterMachine) -> UInt64 {
        var machine = machine
        var now: UInt64 = 0
        var events: [(at: UInt64, event: Event)] = []
        var outbox: [RegisterDirective] = []
        machine.begin(now: now, into: &outbox)
        while outcome(outbox) == nil {
            for directive in outbox {
                switch directive {
                case .send(let tag, let node, let call):
                    events.append((now + 1000, .answer(Sent(tag: tag, node: node, call: call))))
                case .wake(let at): events.append((max(at, now), .wake))
                case .relayout: events.append((now + 1000, .relayout))
                case .finish: break
                }
            }
            outbox = []
            guard let next = events.indices.min(by: { events[$0].at < events[$1].at }) else { return .max }
            let (at, event) = events.remove(at: next)
            now = at
            switch event {
            case .answer(let sent) where sent.node == nodes[0]:
                machine.reply(sent.tag, view(nil), now: now, into: &outbox)
            case .answer(let sent) where sent.node == nodes[1]:
                machine.reply(sent.tag, .refused(.unknownEpoch(3)), now: now, into: &outbox)
            case .answer(let sent): machine.fail(sent.tag, now: now, into: &outbox)
            case .relayout:
                let holders = HolderSet(current: nodes)
                machine.relayout(holders, epoch: task.epoch, settled: task.settled, now: now, into: &outbox)
            case .wake: machine.wake(now: now, into: &outbox)
            }
        }
        return now
    }
}
