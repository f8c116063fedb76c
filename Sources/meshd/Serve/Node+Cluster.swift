import HTTPTypes
import Mesh
import Store
import Swim

/// What this node knows of the mesh as one store, and what it says of itself when others ask for their operators.
extension Node {
    /// Beside one that is alone nobody serves before he is a member, too.
    var hasMetMajority: Bool {
        layout.book.current.isSole.map { $0 == identity.id } ?? (cluster?.hasMetMajority == true)
    }

    /// Hints of one peer among which a key is looked for: enough for a person's question, little for the disk.
    private static let hintsLookedAt = 4_096

    static func weight(_ settings: Settings) -> UInt32 {
        settings.isWitness
            ? 0 : LayoutMember.weight(capacityBytes: SmallFile.diskBytes(of: settings.dataDirectory) ?? 0)
    }

    /// The layout that this node goes by; nil while it comes into a mesh and has not heard of one.
    var currentLayout: Layout? { layout.isReady ? layout.book.current : nil }

    /// Asks nodes on behalf of an operator, this one too if it is among them.
    func ask(_ enquiry: Enquiry, of nodes: [NodeID]) async -> [NodeID: EnquiryAnswer] {
        if let cluster { return await cluster.enquiries.ask(enquiry, of: nodes) }
        var answers: [NodeID: EnquiryAnswer] = [:]
        for id in nodes {
            answers[id] =
                id == identity.id ? await answer(enquiry, from: id) : .refused("this node takes no part in a mesh")
        }
        return answers
    }

    /// Asks for a change of the layout, and carries it out when nothing speaks against it.
    func wish(_ wish: LayoutWish, isForced: Bool) async throws -> LayoutConduct.WishAnswer {
        guard let cluster else {
            throw AdminError(.conflict, "left", "this node takes no part in a mesh: ask another one")
        }
        return await cluster.conduct.wish(wish, isForced: isForced)
    }

    /// Says goodbye; the node serves what it holds and takes no part until it is started again.
    func leaveMesh() async throws {
        let members = try mesh()
        if let seconds = rehearsals.secondsDead {
            throw AdminError(
                .conflict,
                "plays_dead",
                "nobody would hear the goodbye: this node plays dead for \(seconds) s"
            )
        }
        // Of two who ask at once, one says goodbye.
        guard setMesh(nil) != nil else { throw MeshError.stopped }
        await members.stop(leave: true)
    }

    func copiesWanted(of bucket: Bucket) -> Int { coordinator.span(of: bucket.id).next.copies }

    /// As many of them as there are nodes for, and as have come there.
    func copiesHeld(of bucket: Bucket) -> Int {
        let spread = coordinator.span(of: bucket.id).now
        return min(spread.copies, currentLayout?.copiesMax(in: spread.pool) ?? 1)
    }

    /// Buckets that want another number of copies than the mesh gives by itself, or have fewer where they are.
    var specialBuckets: [ClusterFacts.Special] {
        coordinator.buckets().compactMap { bucket in
            let (wants, has) = (copiesWanted(of: bucket), copiesHeld(of: bucket))
            let isPooled = coordinator.span(of: bucket.id).next.pool != .whole
            guard wants != Layout.copiesDefault || (isPooled && has < wants) else { return nil }
            return ClusterFacts.Special(name: bucket.name, wants: wants, has: has, isPooled: isPooled)
        }
    }

    func condition() async -> NodeCondition {
        let statistics = store.statistics()
        var condition = NodeCondition(id: identity.id.description, name: name)
        condition.version = Meshd.version
        condition.epoch = currentLayout?.epoch ?? 0
        condition.isReady = isReady
        condition.versions = statistics.versions
        condition.logicalBytes = statistics.logicalBytes
        condition.freeBytes = statistics.freeBytes
        condition.capacityBytes = SmallFile.diskBytes(of: directory.path) ?? 0
        condition.isReadOnly = statistics.isReadOnly
        condition.failure = statistics.failure
        condition.corruptions = statistics.corruptions
        condition.hasDigests = store.digestRoots() != nil
        condition.repair = cluster?.repair.report
        condition.traffic = metrics.totals
        condition.machine = machine.report
        condition.newestEvent = events.newest?.place.description
        return condition
    }

    func answer(_ enquiry: Enquiry, from asker: NodeID) async -> EnquiryAnswer {
        switch enquiry {
        case .condition: return .condition(await condition())
        case .holding(let bucket, let key):
            guard (1...Key.bytesMax).contains(key.count) else { return .refused("no key is like this") }
            return await holding(RowAddress(BucketID(rawValue: bucket), Key(key)))
        case .events(let query): return .events(events.page(query))
        case .history(let span): return .history(history.report(span))
        case .diagnose:
            guard let found = try? await diagnose() else { return Self.takesNoPart }
            return .diagnoses(found)
        case .rehearse(let call): return await rehearsals.answer(call, from: asker, on: self)
        case .replication:
            return cluster.map { .rules($0.replicator.reports) } ?? Self.takesNoPart
        case .retryReplication(let rule):
            guard let replicator = cluster?.replicator else { return Self.takesNoPart }
            replicator.hurry(rule)
            return .done
        case .usage(let after): return .usage(UsagePage(store.usage(), after: after))
        case .startRepair, .pauseRepair, .resumeRepair, .limitRepair:
            guard let repair = cluster?.repair else { return Self.takesNoPart }
            return Self.carryOut(enquiry, repair)
        }
    }

    private static let takesNoPart = EnquiryAnswer.refused("it takes no part in the mesh")

    private static func carryOut(_ enquiry: Enquiry, _ repair: Repair) -> EnquiryAnswer {
        switch enquiry {
        case .startRepair: repair.start()
        case .pauseRepair: repair.pace.pause()
        case .resumeRepair: repair.pace.resume()
        case .limitRepair(let limit): repair.pace.setLimit(limit)
        case .condition, .holding, .events, .history, .diagnose, .rehearse, .replication, .retryReplication,
            .usage:
            return .refused("this is no order")
        }
        return .done
    }

    /// What this node's disk has of a key: the newest rows down to the one that readers get, and hints about it.
    private func holding(_ address: RowAddress) async -> EnquiryAnswer {
        let call = ReplicaCall(epoch: layout.epoch, .look(address, .current, .record))
        // Answered exactly once.
        let reply = await withUnsafeContinuation { continuation in
            store.answer(call) { continuation.resume(returning: $0) }
        }
        switch reply {
        case .view(let view):
            var rows: [WhereReport.Line] = []
            for ref in view.chain { rows.append(await line(of: ref, at: address)) }
            return .holding(Holding(rows: rows, hintsFor: await hintPeers(address)))
        case .refused(let refusal): return .refused("it refused: \(refusal)")
        default: return .refused("its answer is not understood")
        }
    }

    private func line(of ref: RowRef, at address: RowAddress) async -> WhereReport.Line {
        let row = try? await store.row(address, ref.stamp)
        var hasBytes = ref.kind != .object || row?.record.size == 0
        if !hasBytes, (try? await store.openBody(address, ref.stamp)) != nil { hasBytes = true }
        return WhereReport.Line(
            stamp: ref.stamp.text,
            millis: row?.record.modifiedMillis ?? ref.stamp.millis,
            kind: ref.kind.word,
            size: row?.record.size ?? 0,
            hasBytes: hasBytes
        )
    }

    /// Whose hints name the key, as far as the first of each peer tell.
    private func hintPeers(_ address: RowAddress) async -> [String] {
        let disk = StoreDisk(store)
        var peers: [String] = []
        for (peer, count) in disk.hintCounts() where count > 0 {
            let hints = (try? await disk.hints(for: peer, limit: Self.hintsLookedAt)) ?? []
            if hints.contains(where: { $0.address == address }) { peers.append(peer.description) }
        }
        return peers.sorted()
    }
}

extension Stamp {
    /// `t.w.q`, hexadecimal and of one width, so that texts compare as stamps do.
    var text: String {
        func padded(_ number: UInt64, _ digits: Int) -> String {
            let text = String(number, radix: 16)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return padded(t, 16) + "." + padded(w, 16) + "." + padded(UInt64(q), 8)
    }
}

extension Store.Record.Kind {
    /// As people are told.
    var word: String {
        switch self {
        case .object: "object"
        case .deleteMarker: "marker"
        case .tombstone: "tombstone"
        case .removal: "removal"
        case .retag: "tags"
        }
    }
}
