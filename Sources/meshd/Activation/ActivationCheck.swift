import HTTPTypes
import Mesh
import Swim

/// Looks at an order as a whole before anything is begun: what it says, the nodes that it names, and their codes.
struct ActivationCheck: Sendable {
    let order: ActivationOrder
    let node: Node

    private enum Finding: Sendable {
        case fit(ConsentAnswer)
        case fault(FieldFault)
    }

    /// The nodes as they are let in, and the keys that are shared with them. Throws with all that is wrong.
    ///
    /// - Parameter owed: of the activation before; who was to go home and was not told cannot come yet.
    func prove(owed: [Activation.Newcomer]) async throws -> ([Activation.Newcomer], [NewcomerDoor.Proven]) {
        let facts = await ClusterBoard(node: node).look().facts
        guard node.cluster != nil, !node.layout.isRemoved, node.isReady else {
            throw AdminError(.conflict, "not_ready", "this node takes no part in a mesh now")
        }
        let silent = facts.members.filter { $0.id != node.identity.id && !$0.isReachable }.map(\.name)
        var faults = order.faults(holders: facts.members.count(where: \.isHolder))
        if !silent.isEmpty {
            let names = silent.joined(separator: ", ")
            faults.append(
                FieldFault(field: "nodes", message: "\(names) must answer first: start, replace or remove it")
            )
        }
        let own = try await node.mesh().tokenMaterial().addresses.first.flatMap { ListenAddress($0) }
        guard faults.isEmpty else { throw AdminError(fields: faults) }
        let doors = order.nodes.compactMap { NewcomerDoor($0.address) }
        var answers: [ConsentAnswer] = []
        for (index, finding) in await ask(doors).enumerated() {
            switch finding {
            case .fault(let fault): faults.append(fault)
            case .fit(let answer):
                let fault = judge(answer, doors[index], own, facts, among: answers, owed)
                if let fault { faults.append(FieldFault(field: "nodes[\(index)].address", message: fault)) }
                answers.append(answer)
            }
        }
        guard faults.isEmpty else { throw AdminError(fields: faults) }
        return try await prove(doors, answers)
    }

    private func ask(_ doors: [NewcomerDoor]) async -> [Finding] {
        await withTaskGroup(of: (Int, Finding).self) { tasks in
            for (index, door) in doors.enumerated() {
                tasks.addTask {
                    do {
                        return (index, .fit(try await door.look()))
                    } catch {
                        let reason = (error as? CommandFailure)?.message ?? "\(error)"
                        return (index, .fault(FieldFault(field: "nodes[\(index)].address", message: reason)))
                    }
                }
            }
            var findings: [(Int, Finding)] = []
            for await finding in tasks { findings.append(finding) }
            return findings.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Why this node cannot come.
    private func judge(
        _ answer: ConsentAnswer,
        _ door: NewcomerDoor,
        _ own: ListenAddress?,
        _ facts: ClusterFacts,
        among others: [ConsentAnswer],
        _ owed: [Activation.Newcomer]
    ) -> String? {
        guard let id = NodeID(hexadecimal: answer.id), SettingKind.isName(answer.name) else {
            return "what answers there is no node"
        }
        if id == node.identity.id { return "this is the node that you ask" }
        if facts.members.contains(where: { $0.id == id }) { return "\(answer.name) is in this mesh already" }
        if let reason = answer.reason { return "\(answer.name): \(PlainText.of(Array(reason.utf8), scalarsMax: 200))" }
        if !answer.awaitsCode { return "\(answer.name) shows no code" }
        if owed.contains(where: { $0.id == answer.id && $0.step == .owed }) {
            return "\(answer.name) is still on its way home from the last time: try again in a moment"
        }
        if !AdminFace.fits(answer.version) {
            return "its version does not fit this node's, \(Meshd.version): give both the same program"
        }
        if others.contains(where: { $0.id == answer.id }) { return "the same node is named twice" }
        let isTaken =
            others.contains { $0.name == answer.name }
            || facts.nodes.contains { $0.name == answer.name && ($0.isMember || $0.isReachable) }
        if isTaken { return "another node is called \(answer.name) too: start it with another --name" }
        if let own, own.isLoopback, !door.address.isLoopback {
            return "it could not reach this node, which listens for others on this machine only: set mesh-listen"
        }
        return nil
    }

    private func prove(
        _ doors: [NewcomerDoor],
        _ answers: [ConsentAnswer]
    ) async throws -> ([Activation.Newcomer], [NewcomerDoor.Proven]) {
        let words = "\(node.name) \(try await node.mesh().meshID())"
        var faults: [FieldFault] = []
        var newcomers: [Activation.Newcomer] = []
        var proven: [NewcomerDoor.Proven] = []
        for (index, door) in doors.enumerated() {
            do {
                let code = ConsentDoor.digits(of: order.nodes[index].code) ?? ""
                let keys = try await door.prove(code: code, words: words)
                try keys.expect(answers[index])
                proven.append(keys)
                newcomers.append(
                    Activation.Newcomer(
                        id: answers[index].id,
                        name: answers[index].name,
                        address: order.nodes[index].address,
                        zone: order.nodes[index].zone ?? "",
                        bond: Hex.encode(keys.keys.bond.revealedBytes),
                        sinceMillis: JSON.nowMillis()
                    )
                )
            } catch {
                let reason = (error as? CommandFailure)?.message ?? "\(error)"
                faults.append(FieldFault(field: "nodes[\(index)].code", message: reason))
            }
        }
        guard faults.isEmpty else { throw AdminError(fields: faults) }
        return (newcomers, proven)
    }
}
