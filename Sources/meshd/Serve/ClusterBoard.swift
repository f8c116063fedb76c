import Mesh
import Store
import Swim

/// What this node can tell of the whole mesh: it puts together what it believes and what each node says when it is
/// asked.
struct ClusterBoard: Sendable {
    let node: Node

    /// One look at the mesh.
    struct Look: Sendable {
        var facts: ClusterFacts
        var layout: Layout?
        /// Nothing while this node takes no part.
        var members: MembersReport?

        var health: ClusterHealth { ClusterHealth(facts) }
    }

    /// - Parameter asksOthers: false: only what this node knows by itself.
    func look(asksOthers: Bool = true) async -> Look {
        let layout = node.currentLayout
        let members = try? await node.mesh().report()
        let present = asksOthers ? members.map(Self.present) ?? [] : []
        var conditions = [node.identity.id: await node.condition()]
        for (id, answer) in await node.ask(.condition, of: present.filter { $0 != node.identity.id }) {
            if case .condition(let condition) = answer { conditions[id] = condition }
        }
        var facts = ClusterFacts(
            layout: layout,
            members: members,
            conditions: conditions,
            ownID: node.identity.id,
            nowMillis: JSON.nowMillis()
        )
        facts.specialBuckets = node.specialBuckets
        return Look(facts: facts, layout: layout, members: members)
    }

    /// Those who can be asked at all.
    static func present(in members: MembersReport) -> [NodeID] {
        members.members.filter { $0.state == .alive || $0.state == .suspect || $0.state == .unstable }
            .compactMap { NodeID(hexadecimal: $0.id) }
    }

    /// The mesh as one thing.
    func status(in look: Look) -> ClusterAnswer {
        let holders = look.facts.members.count(where: \.isHolder)
        let health = look.health
        let lines = Dictionary((look.members?.members ?? []).map { ($0.id, $0) }) { first, _ in first }
        return ClusterAnswer(
            // Who left, or came only to be sent home, is still remembered for a while.
            enabled: look.facts.nodes.count { $0.isMember || $0.isReachable } > 1,
            mode: AdminFace.mode(holders: holders),
            nodes: look.facts.nodes.map { known in
                ClusterAnswer.Member(
                    id: known.id.description,
                    name: known.name,
                    zone: known.zone,
                    state: known.state?.rawValue ?? "unknown",
                    s3: lines[known.id.description]?.s3 ?? (known.id == node.identity.id ? node.faces.s3 : "")
                )
            },
            health: health.level.rawValue,
            sentence: health.sentence,
            findings: health.findings,
            score: HealthScore(
                health,
                disks: look.facts.nodes.compactMap { known in
                    known.condition.map { (known.name, $0.freeBytes, $0.capacityBytes) }
                }
            ),
            epoch: look.facts.epoch,
            features: [
                "versioning": true, "conditionalWrites": true, "multipart": true, "replication": true,
                "rebalancing": true, "repair": true,
            ]
        )
    }

    // MARK: Nodes

    func nodes() async -> ClusterNodes { nodes(in: await look()) }

    func nodes(in look: Look) -> ClusterNodes {
        let report = look.layout.map { LayoutReport($0) }
        let shares = Dictionary((report?.members ?? []).map { ($0.id, ($0.share, $0.nextShare)) }) { _, last in last }
        return ClusterNodes(
            epoch: look.facts.epoch,
            nodes: look.facts.nodes.map { line($0, look, shares[$0.id.description] ?? (0, 0)) }
        )
    }

    private func line(_ known: ClusterFacts.Node, _ look: Look, _ share: (now: Double, next: Double)) -> ClusterNode {
        let member = look.members?.members.first { $0.id == known.id.description }
        let role =
            switch known.place {
            case .active: known.weight > 0 ? "holder" : "witness"
            case .draining: "draining"
            case .leaving: "leaving"
            case nil: "outside"
            }
        return ClusterNode(
            id: known.id.description,
            name: known.name,
            zone: known.zone,
            state: known.state?.rawValue ?? "unknown",
            sinceMillis: known.sinceMillis,
            role: role,
            weight: known.weight,
            share: share.now,
            nextShare: share.next,
            address: member?.address ?? "",
            s3: member?.s3 ?? "",
            admin: member?.admin ?? "",
            version: member?.version ?? Meshd.version,
            capacityBytes: known.condition?.capacityBytes ?? member?.capacityBytes ?? 0,
            freeBytes: known.condition?.freeBytes ?? member?.freeBytes ?? 0,
            condition: known.condition,
            metadata: node.labels.lookup(NodeLabel.name(known.id)).flatMap { $0.metadata.isEmpty ? nil : $0.metadata }
        )
    }

    // MARK: Keys

    /// Asks each holder of a key what it has.
    func whereIs(_ bucket: Bucket, _ key: Key) async throws -> WhereReport {
        let address = RowAddress(bucket.id, key)
        let members = try? await node.mesh().report()
        let layout = node.currentLayout
        let copies = node.copiesWanted(of: bucket)
        let own = node.identity.id
        let set =
            layout?.holders(of: address, base: node.coordinator.copies(of: bucket.id)) ?? HolderSet(current: [own])
        let enquiry = Enquiry.holding(bucket: bucket.id.rawValue, key: key.bytes)
        let everyone = set.everyone
        let answers = await node.ask(enquiry, of: everyone)
        let lines = Dictionary((members?.members ?? []).map { ($0.id, $0) }) { first, _ in first }
        func name(_ id: String) -> String { lines[id]?.name ?? String(id.prefix(8)) }
        let holders = everyone.map { id -> WhereReport.Holder in
            let isNext = set.next?.contains(id) ?? false
            let role: WhereReport.Holder.Role =
                set.next == nil || !isNext ? .current : set.current.contains(id) ? .both : .next
            var holder = WhereReport.Holder(
                name: id == own ? node.name : name(id.description),
                id: id.description,
                zone: layout?.member(id)?.zone ?? node.zone,
                role: role
            )
            switch answers[id] {
            case .holding(let holding):
                holder.rows = holding.rows
                holder.hintsFor = holding.hintsFor.map(name)
            case .refused(let reason): holder.silence = reason
            case .condition, .done, .events, .history, .diagnoses, .rules, .usage, nil: holder.silence = "no answer"
            }
            return holder
        }
        return WhereReport(
            bucket: bucket.name,
            key: key.text,
            partition: Int(address.partition.number),
            epoch: layout?.epoch ?? 0,
            copiesWanted: copies,
            holders: holders
        )
    }
}
