import Foundation
import Hummingbird
import Mesh
import Swim

/// Nodes on the network that could be invited.
extension AdminFace {
    private static let searchMillis: Int64 = 1_000
    /// Nodes that are asked for more than they shout.
    private static let lookedAtMax = 64

    func addDiscovery(to api: RouterGroup<AdminContext>) {
        api.get("discovery") { _, _ in try await Self.yes(DiscoveryAnswer(nodes: discover())) }
        api.get("discovery/look") { request, _ in
            guard let text = request.uri.queryParameters["address"].map(String.init),
                let door = NewcomerDoor(text.removingPercentEncoding ?? text)
            else { throw AdminError(.badRequest, "invalid", "name a node's admin address: ?address=HOST:PORT") }
            return try await Self.yes(look(at: door))
        }
    }

    private func discover() async throws -> [DiscoveredNode] {
        let own = node.identity.id
        let findings = try await LanSearch.search(millis: Self.searchMillis).filter { $0.node.id != own }
        return await withTaskGroup(of: DiscoveredNode.self) { tasks in
            for finding in findings.prefix(Self.lookedAtMax) { tasks.addTask { await look(at: finding) } }
            var nodes: [DiscoveredNode] = []
            for await node in tasks { nodes.append(node) }
            return nodes.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        }
    }

    /// What a node that shouted says when it is asked.
    private func look(at finding: LanSearch.Finding) async -> DiscoveredNode {
        let found = finding.node
        var line = DiscoveredNode(
            id: found.id.description,
            name: found.name,
            version: found.version,
            fits: Self.fits(found.version),
            address: found.admin,
            mesh: found.mesh,
            freeBytes: found.freeBytes,
            latencyMicros: finding.roundTripMicros
        )
        let answer = try? await NewcomerDoor(found.admin)?.look()
        // On a loopback address there may be somebody else: this node itself, for instance.
        guard let answer, answer.id == line.id else {
            line.reason = "its admin port cannot be reached at \(found.admin): see admin-listen, or use a join token"
            return line
        }
        line.take(answer)
        return line
    }

    private func look(at door: NewcomerDoor) async throws -> DiscoveredNode {
        let start = ContinuousClock.now
        let answer: ConsentAnswer
        do {
            answer = try await door.look()
        } catch let failure as CommandFailure {
            throw AdminError(.badGateway, "unreachable", failure.message)
        }
        guard answer.id != node.identity.id.description else {
            throw AdminError(.badRequest, "invalid", "\(door.address) is this node itself")
        }
        let passed = (ContinuousClock.now - start).components
        var line = DiscoveredNode(
            id: PlainText.of(Array(answer.id.utf8), scalarsMax: 64),
            name: PlainText.of(Array(answer.name.utf8), scalarsMax: 64),
            version: PlainText.of(Array(answer.version.utf8), scalarsMax: 32),
            fits: Self.fits(answer.version),
            address: door.text,
            mesh: PlainText.of(Array(answer.mesh.utf8), scalarsMax: 96),
            freeBytes: answer.freeBytes,
            latencyMicros: passed.seconds * 1_000_000 + passed.attoseconds / 1_000_000_000_000
        )
        line.take(answer)
        return line
    }

    /// Nodes of one minor version speak with each other.
    static func fits(_ version: String) -> Bool {
        version.split(separator: ".").prefix(2) == Meshd.version.split(separator: ".").prefix(2)
    }
}

/// `discovery`: nodes that are alone, as they say themselves.
struct DiscoveryAnswer: Codable, Sendable {
    var nodes: [DiscoveredNode]
}

struct DiscoveredNode: Codable, Sendable {
    var id: String
    var name: String
    var version: String
    /// Whether that version works with this node's.
    var fits: Bool
    /// Where it can be invited.
    var address: String
    var mesh: String
    var freeBytes: UInt64
    /// 0: not known.
    var capacityBytes: UInt64 = 0
    var memoryBytes: UInt64 = 0
    var latencyMicros: Int64
    /// It shows a code.
    var awaitsCode = false
    /// Why it cannot be invited; nothing when it can.
    var reason: String?

    init(
        id: String,
        name: String,
        version: String,
        fits: Bool,
        address: String,
        mesh: String,
        freeBytes: UInt64,
        latencyMicros: Int64
    ) {
        (self.id, self.name, self.version, self.fits) = (id, name, version, fits)
        (self.address, self.mesh, self.freeBytes, self.latencyMicros) = (address, mesh, freeBytes, latencyMicros)
    }

    mutating func take(_ answer: ConsentAnswer) {
        if answer.freeBytes > 0 { freeBytes = answer.freeBytes }
        (capacityBytes, memoryBytes) = (answer.capacityBytes, answer.memoryBytes)
        awaitsCode = answer.awaitsCode && fits
        reason = answer.reason.map { PlainText.of(Array($0.utf8), scalarsMax: 200) }
        if reason == nil, !fits { reason = "its version \(version) does not fit this node's, \(Meshd.version)" }
    }
}
