import HTTPTypes
import Mesh
import Swim

/// The layout and what moves, and the orders that concern every node's repair.
extension ClusterBoard {
    func layout() async throws -> LayoutAnswer {
        guard let layout = layout(in: await look()) else {
            throw AdminError(.serviceUnavailable, "starting", "the node has no layout yet")
        }
        return layout
    }

    /// Nothing before the node has a layout.
    func layout(in look: Look) -> LayoutAnswer? {
        look.layout.map { LayoutAnswer(layout: report($0, look.facts), movement: movement(in: look.facts)) }
    }

    func ring() async throws -> LayoutReport { try await layout().layout }

    private func report(_ layout: Layout, _ facts: ClusterFacts) -> LayoutReport {
        let names = Dictionary(facts.nodes.map { ($0.id, $0.name) }) { first, _ in first }
        let synced = facts.nodes.filter { known in
            guard let own = known.condition?.repair?.movement else { return false }
            return own.epoch == layout.epoch && own.isDone
        }
        return LayoutReport(layout, names: names, synced: Set(synced.map(\.id)), copies: facts.copiesWanted)
    }

    func movements() async -> MovementsAnswer {
        MovementsAnswer(movements: [movement(in: await look().facts)].compactMap(\.self))
    }

    private func movement(in facts: ClusterFacts) -> MovementAnswer? {
        guard let movement = facts.movement else { return nil }
        return MovementAnswer(
            what: movement.what,
            epoch: facts.epoch,
            share: movement.share,
            doneShares: movement.doneShares,
            allShares: movement.allShares,
            doneBytes: movement.doneBytes,
            allBytes: movement.allBytes,
            bytesPerSecond: movement.bytesPerSecond,
            secondsLeft: movement.secondsLeft,
            isPaused: movement.isPaused,
            waitsFor: movement.waitsFor,
            nodes: facts.nodes.compactMap { known in
                guard let own = known.condition?.repair?.movement, own.epoch == facts.epoch else { return nil }
                return MovementAnswer.Arrival(name: known.name, movement: own)
            }
        )
    }

    func repair() async -> RepairAnswer {
        let nodes = await look().facts.nodes
        return RepairAnswer(
            nodes: nodes.compactMap { known in
                known.condition?.repair.map { .init(name: known.name, id: known.id.description, report: $0) }
            },
            silent: nodes.filter { $0.isMember && $0.condition == nil }.map(\.name)
        )
    }

    /// Tells all nodes; answers in one sentence who heard.
    func tellAll(_ enquiry: Enquiry, done: String) async throws -> OrderAnswer {
        let facts = await look(asksOthers: false).facts
        let members = facts.members.map(\.id)
        let answers = await node.ask(enquiry, of: members)
        let heard = answers.filter { $0.value == .done }.map { facts.name(of: $0.key) }.sorted()
        let silent = members.map(facts.name).filter { !heard.contains($0) }.sorted()
        guard !heard.isEmpty else {
            let reasons = answers.values.compactMap { if case .refused(let reason) = $0 { reason } else { nil } }
            throw AdminError(.serviceUnavailable, "unreachable", "no node did it: \(reasons.first ?? "none answered")")
        }
        var message = "\(done) on " + heard.joined(separator: ", ")
        if !silent.isEmpty { message += "; not on " + silent.joined(separator: ", ") }
        return OrderAnswer(message: message, epoch: facts.epoch)
    }
}
