import Mesh
import Store
import Swim

/// What clients do, and how a node carries it out: the driver of the machines.
extension SimMesh {
    static let key = Key("k")

    var isActive: Bool { clientOperations.contains { $0 > 0 } || running.contains { !$0.isOver } }

    func next(_ client: Int) {
        guard clientOperations[client] > 0 else { return }
        let node = random.below(mix.nodes)
        let mayServe = isUp[node] && (!mix.leaves || replicas[node].layout.holds(node))
        guard mayServe else { return after(5_000, .begin(client: client)) }
        clientOperations[client] -= 1
        begin(choose(), client: client, node: node)
    }

    private func choose() -> KeyEntry.Kind {
        var ticket = random.below(mix.weights.reduce(0, +))
        let choice = mix.weights.firstIndex { weight in
            ticket -= weight
            return ticket < 0
        }
        let isNull = mix.versioning == .off || (mix.versioning == .mixed && random.below(2) == 0)
        // Mostly of what is new, sometimes of what is long gone.
        let version: UInt8? =
            known.isEmpty ? nil : random.below(3) > 0 ? known.last?.id : known[random.below(known.count)].id
        switch choice {
        case 1: return .put(isNull: isNull)
        case 2: return mix.versioning == .off ? .delete : .deleteMarker(isNull: isNull)
        case 3: return .conditionalPut(ifVersion: random.below(5) < 2 ? nil : version, isNull: isNull)
        case 4:
            guard let version else { return .get }
            return mix.versioning == .off
                ? .conditionalDelete(ifVersion: version) : .conditionalMarker(ifVersion: version, isNull: isNull)
        case 5: return version.map { .removeVersion($0) } ?? .get
        case 6: return version.map { .setTags($0, tag: UInt8(1 + random.below(250))) } ?? .get
        case 7: return version.map { .getVersion($0) } ?? .get
        default: return .get
        }
    }

    func begin(_ kind: KeyEntry.Kind, client: Int, node: Int) {
        let id = UInt8(history.count + 1)
        history.append(KeyEntry(id: id, key: 0, kind: kind, begun: now))
        if decidesAlone(node) {
            after(50 + random.below(800), .alone(entry: history.count - 1, client: client, node: node))
            return
        }
        let machine = machine(kind, id, node)
        let operation = running.count
        let epoch = replicas[node].layout.epoch
        running.append(Running(machine: machine, node: node, client: client, entry: history.count - 1, epoch: epoch))
        if !isCalm, random.below(1_000) < mix.abandonPerMille {
            after(random.below(10 * mix.delayMicros), .abandon(operation: operation))
        }
        drive(operation) { $0.begin(now: UInt64(now), into: &$1) }
    }

    // MARK: Driver

    func drive(_ operation: Int, _ event: (inout any RegisterMachine, inout [RegisterDirective]) -> Void) {
        guard !running[operation].isOver else { return }
        var outbox: [RegisterDirective] = []
        event(&running[operation].machine, &outbox)
        for directive in outbox {
            switch directive {
            case .send(let tag, let node, let call): send(operation, tag, Self.index(node), call)
            case .wake(let time): queue.push(max(now, Int(time)), .wake(operation: operation))
            case .relayout(let node, let refusal): relayout(operation, Self.index(node), refusal)
            case .finish(let outcome): finish(operation, outcome)
            }
        }
    }

    private func relayout(_ operation: Int, _ other: Int, _ refusal: Store.Refusal) {
        let node = running[operation].node
        guard let there = transit(node, other, .none), let back = transit(other, node, .none) else { return }
        if case .staleEpoch = refusal {
            let news = replicas[other].layout
            after(there + back, .gossip(to: node, news))
            after(there + back, .learned(operation: operation, news))
        } else {
            let ours = replicas[node].layout
            after(there, .gossip(to: other, ours))
            after(there + back, .learned(operation: operation, ours))
        }
    }

    func learned(_ operation: Int, _ layout: SimLayout) {
        running[operation].epoch = max(running[operation].epoch, layout.epoch)
        if mix.leaves, layout.next == nil, layout.current.count == 1, !machineFaults.contains(.neverResigns) {
            return drive(operation) { $0.resign(to: Self.node(layout.current[0]), into: &$1) }
        }
        drive(operation) { machine, outbox in
            machine.relayout(
                layout.holders,
                epoch: layout.epoch,
                settled: layout.settled,
                now: UInt64(now),
                into: &outbox
            )
        }
    }

    /// Who does not answer may have gone: of that its node may know already.
    func lookAtLayout(_ operation: Int) {
        let known = replicas[running[operation].node].layout
        guard known.epoch > running[operation].epoch, !faults.contains(.clingsToLayout) else { return }
        // The news may also come a moment later than the failure.
        guard mix.leaves || random.below(4) == 0 else { return }
        learned(operation, known)
    }

    private func finish(_ operation: Int, _ outcome: RegisterOutcome) {
        let entry = running[operation].entry
        let node = running[operation].node
        if case .failed(let failure) = outcome, failure.reason == .alone, failure.effect == .none, decidesAlone(node) {
            running[operation].isOver = true
            return after(50, .alone(entry: entry, client: running[operation].client, node: node))
        }
        if mix.leaves, case .failed(let failure) = outcome, failure.reason == .quorum, layout.holds(node) {
            checks.fail("I30: \(history[entry].kind) of a node that stays fails: \(failure)")
        }
        running[operation].isOver = true
        history[entry].ended = now
        history[entry].result = result(of: history[entry], outcome)
        if case .done(let row) = outcome {
            // Of what a store deleted while it was alone there is no trace.
            let leavesTraces = !decidesAlone(layout.current[0])
            if machineFaults.isEmpty, faults.isEmpty, leavesTraces { checks.acknowledged(row, replicas, layout) }
            if row.record.kind == .object { learn(row) }
        }
        if history[entry].result == .unknown { history[entry].ended = .max }
        let client = running[operation].client
        if client >= 0 { after(1 + random.below(mix.thinkMicros + 1), .begin(client: client)) }
    }

    private func result(of entry: KeyEntry, _ outcome: RegisterOutcome) -> KeyEntry.Result {
        switch outcome {
        case .seen(let sight):
            switch entry.kind {
            case .get, .getVersion:
                guard let found = sight.found, found.record.kind == .object else { return .absent }
                learn(found)
                return .found(UInt8(found.record.op.low), tag: found.record.tags.first ?? 0)
            case .removeVersion, .setTags: return .absent
            default: return .done
            }
        case .done: return .done
        case .preconditionFailed(let row): return .refused(current: UInt8(row?.record.op.low ?? 0))
        case .failed(let failure): return failure.effect == .none && !entry.isRead ? .nothing : .unknown
        }
    }

    private func learn(_ row: Row) {
        let id = UInt8(row.record.op.low)
        if !known.contains(where: { $0.id == id }) { known.append((id, row.stamp)) }
    }

    // MARK: Alone

    /// Who holds everything alone asks no machine.
    private func decidesAlone(_ node: Int) -> Bool { mix.leaves && replicas[node].isSole }

    func alone(_ entry: Int, _ client: Int, _ node: Int) {
        let kind = history[entry].kind
        let id = history[entry].id
        let found = replicas[node].object(Self.key)
        let version = found.map { UInt8($0.record.op.low) }
        var result = KeyEntry.Result.done
        func place(_ kind: Store.Record.Kind, if isWanted: (Row?) -> Bool) {
            let wallTime = UInt64(1_000_000 + now / 1_000 + clocks[node]) << 16
            let row = row(kind, id, isNull: true)
            if !replicas[node].place(row, wallTime: wallTime, writer: random.next(), if: isWanted) {
                result = .refused(current: version ?? 0)
            } else if kind == .object, let placed = replicas[node].object(Self.key) {
                learn(placed)
            }
        }
        switch kind {
        case .put: place(.object) { _ in true }
        case .delete: if found != nil { place(.tombstone) { _ in true } }
        case .conditionalPut(let wanted, _): place(.object) { _ in version == wanted }
        case .conditionalDelete(let wanted): place(.tombstone) { _ in version == wanted }
        default:
            result = found.map { .found(UInt8($0.record.op.low), tag: $0.record.tags.first ?? 0) } ?? .absent
        }
        checks.forget(node)
        history[entry].ended = now
        history[entry].result = result
        if client >= 0 { after(1 + random.below(mix.thinkMicros + 1), .begin(client: client)) }
    }

    func abandon(_ operation: Int) {
        guard !running[operation].isOver else { return }
        running[operation].isOver = true
        let client = running[operation].client
        if client >= 0 { after(1 + random.below(mix.thinkMicros + 1), .begin(client: client)) }
    }

    // MARK: Machines

    private func machine(_ kind: KeyEntry.Kind, _ id: UInt8, _ node: Int) -> any RegisterMachine {
        let known = replicas[node].layout
        var task = RegisterTask(
            address: RowAddress(Self.bucket, Self.key),
            holders: known.holders,
            epoch: known.epoch,
            settled: known.settled,
            preferred: known.holders.everyone.shuffled(using: &random),
            deadlineMicros: UInt64(now) + Self.deadlineMicros,
            writer: random.next()
        )
        task.faults = machineFaults
        let step = mix.clockStepMillis
        let wallMillis = UInt64(1_000_000 + now / 1_000 + clocks[node]) / step * step
        let isOff = mix.versioning == .off
        let isAlways: @Sendable (Row?) -> Bool = { _ in true }
        func change(_ row: Row, if holds: @escaping @Sendable (Row?) -> Bool) -> ChangeMachine {
            ChangeMachine(task, .current, wallMillis: wallMillis) { sight in
                let current = sight.found?.record.kind == .object ? sight.found : nil
                return holds(current) ? .write(row) : .refuse(current)
            }
        }
        switch kind {
        case .get: return ReadMachine(task, .current, depth: .record)
        case .getVersion(let version): return ReadMachine(task, .stamp(stamp(of: version)), depth: .record)
        case .put(let isNull):
            let row = row(.object, id, isNull: isNull)
            return isOff ? WriteMachine(task, row, wallMillis: wallMillis) : change(row, if: isAlways)
        case .delete: return WriteMachine(task, row(.tombstone, id, isNull: true), wallMillis: wallMillis)
        case .deleteMarker(let isNull): return change(row(.deleteMarker, id, isNull: isNull), if: isAlways)
        case .conditionalPut(let version, let isNull):
            return change(row(.object, id, isNull: isNull)) { $0.map { UInt8($0.record.op.low) } == version }
        case .conditionalDelete(let version):
            return change(row(.tombstone, id, isNull: true)) { $0.map { UInt8($0.record.op.low) } == version }
        case .conditionalMarker(let version, let isNull):
            return change(row(.deleteMarker, id, isNull: isNull)) { $0.map { UInt8($0.record.op.low) } == version }
        case .removeVersion(let version):
            let removal = row(isOff ? .tombstone : .removal, id, isNull: true)
            return changeVersion(task, version, wallMillis, isOff ? nil : stamp(of: version), removal)
        case .setTags(let version, let tag):
            var retag = row(.retag, id, isNull: true)
            retag.record.tags = [tag]
            return changeVersion(task, version, wallMillis, stamp(of: version), retag)
        }
    }

    private func changeVersion(
        _ task: RegisterTask,
        _ version: UInt8,
        _ wallMillis: UInt64,
        _ target: Stamp?,
        _ row: Row
    ) -> ChangeMachine {
        ChangeMachine(task, .stamp(stamp(of: version)), wallMillis: wallMillis) { sight in
            guard let found = sight.found, found.record.kind == .object else { return .keep }
            var change = row
            change.record.isNull = found.record.isNull
            change.record.target = target
            return .write(change)
        }
    }

    private func stamp(of version: UInt8) -> Stamp { known.first { $0.id == version }?.stamp ?? .zero }

    private func row(_ kind: Store.Record.Kind, _ id: UInt8, isNull: Bool) -> Row {
        var record = Store.Record(
            bucket: Self.bucket,
            key: Self.key,
            stamp: .zero,
            kind: kind,
            isNull: isNull,
            size: 0,
            etag: ETag(high: 0, low: UInt64(id)),
            body: .empty,
            attributes: [],
            tags: []
        )
        record.op = OpID(high: 1, low: UInt64(id))
        return Row(record: record, body: .empty)
    }
}
