import Mesh

/// `cluster/activation`, POST: the mesh is to become larger, with these nodes.
struct ActivationOrder: Codable, Sendable {
    struct Newcomer: Codable, Sendable {
        /// Of its admin face.
        var address: String
        /// That it shows.
        var code: String
        var zone: String?
    }

    /// `standalone`, `pair` or `scaleout`.
    var mode: String
    var nodes: [Newcomer]
    /// What all buckets are to want; nothing: as they do.
    var copies: Int?

    static let nodesMax = 16

    /// What is wrong with it before anybody is asked.
    ///
    /// - Parameter holders: nodes that hold data now.
    func faults(holders: Int) -> [FieldFault] {
        var faults: [FieldFault] = []
        func fault(_ field: String, _ message: String) { faults.append(FieldFault(field: field, message: message)) }
        let total = holders + nodes.count
        switch mode {
        case "standalone":
            fault("mode", "one node alone needs no activation; to go back to it, drain and remove the others")
        case "pair" where total != 2:
            fault("mode", "a pair has two nodes, and these would be \(total)")
        case "scaleout" where total < 3:
            fault("mode", "a mesh that scales out has three nodes or more, and these would be \(total)")
        case "pair", "scaleout": break
        default: fault("mode", "mode is one of standalone, pair, scaleout")
        }
        if nodes.isEmpty { fault("nodes", "name at least one node") }
        if nodes.count > Self.nodesMax { fault("nodes", "at most \(Self.nodesMax) nodes come at once") }
        var seen: Set<String> = []
        for (index, node) in nodes.prefix(Self.nodesMax).enumerated() {
            if let door = NewcomerDoor(node.address) {
                if !seen.insert(door.address.description).inserted {
                    fault("nodes[\(index)].address", "the same node is named twice")
                }
            } else {
                fault("nodes[\(index)].address", "an address is HOST:PORT of a node's admin face")
            }
            if ConsentDoor.digits(of: node.code) == nil {
                fault("nodes[\(index)].code", "a code has \(ConsentDoor.codeDigits) digits; the new node shows it")
            }
            if let zone = node.zone, !SettingKind.isName(zone) {
                fault("nodes[\(index)].zone", "a zone is \(SettingKind.name.allowed)")
            }
        }
        if let copies, !BucketSettings.copiesChoices.contains(copies) {
            fault("copies", "copies is one of 1, 2, 3, 5")
        } else if let copies, copies > max(1, total) {
            fault("copies", "\(copies) copies need \(copies) nodes, and these would be \(total)")
        }
        return faults
    }
}

/// `cluster/activation`: how far it is. Nothing in it is secret.
struct ActivationAnswer: Codable, Sendable {
    struct Node: Codable, Sendable {
        var id: String
        var name: String
        var address: String
        var zone: String
        /// `proven`, `invited`, `joined`, `placed`, `synced`, `active`; on the way back `leaving`, `parting`, `home`,
        /// `owed`, `kept`.
        var step: String
    }

    struct Step: Codable, Sendable {
        var title: String
        /// `done`, `running`, `waiting` or `failed`.
        var state: String
    }

    var id: String
    var mode: String
    /// `joining`, `syncing`, `arranging`, `settling`, `active`; on the way back `undoing`, `undone`.
    var phase: String
    var isOver: Bool
    /// Why it failed.
    var error: String?
    var startedMillis: UInt64
    var endedMillis: UInt64?
    /// Of the copies that are to move, 0 to 1.
    var share: Double
    /// Nothing while nobody can tell.
    var secondsLeft: UInt64?
    var nodes: [Node]
    var steps: [Step]
    var log: [Activation.Line]

    init(_ activation: Activation, secondsLeft: UInt64?) {
        id = activation.id
        mode = activation.mode
        phase = activation.phase.rawValue
        isOver = activation.phase.isOver
        error = activation.error
        startedMillis = activation.startedMillis
        endedMillis = activation.endedMillis
        share = activation.share
        self.secondsLeft = secondsLeft
        nodes = activation.nodes.map {
            Node(id: $0.id, name: $0.name, address: $0.address, zone: $0.zone, step: $0.step.rawValue)
        }
        log = activation.log
        steps = Self.steps(activation)
    }

    private static let titles = ["Codes checked", "Nodes join", "Copies are made", "Zones and copies", "Active"]

    private static func steps(_ activation: Activation) -> [Step] {
        let order: [Activation.Phase] = [.joining, .syncing, .arranging, .settling]
        if activation.error != nil {
            let end = activation.phase == .undone ? "done" : "running"
            return [
                Step(title: titles[0], state: "done"), Step(title: "Enable mesh", state: "failed"),
                Step(title: "Everything as before", state: end),
            ]
        }
        let place = activation.phase == .active ? order.count : order.firstIndex(of: activation.phase) ?? 0
        return titles.enumerated().map { index, title in
            Step(title: title, state: index <= place ? "done" : index == place + 1 ? "running" : "waiting")
        }
    }
}

/// The last activation of this node, if there was one.
struct ActivationState: Codable, Sendable {
    var activation: ActivationAnswer?
}
