import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix

/// What one node said of the mesh at one moment, asked at its admin port: the only way to see two that disagree.
struct NodeView: Sendable, Codable, Equatable {
    let node: String
    /// `serving`, `down`, or the fault that is in force there.
    let state: String
    /// A line each: health, epoch, what it finds wrong.
    let lines: [String]
    /// Its answers as they came.
    let status: String
    let layout: String

    /// An answer that takes longer is one that says enough: the node is stuck.
    private static let secondsMax: Int64 = 2
    /// Of an answer that is kept.
    private static let bytesMax = 16 << 10

    /// Asks all nodes at once.
    static func capture(_ cluster: Cluster) async -> [NodeView] {
        let nodes = cluster.nodes
        let views: [NodeView] = await withTaskGroup(of: NodeView.self) { tasks in
            for node in nodes { tasks.addTask { await capture(node, cluster) } }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        // n2 before n10.
        return views.sorted { $0.node.count == $1.node.count ? $0.node < $1.node : $0.node.count < $1.node.count }
    }

    private static func capture(_ node: ClusterNode, _ cluster: Cluster) async -> NodeView {
        let faults = cluster.troubles.all.filter { ($0.node ?? node.number) == node.number && $0.end == nil }
        let state = faults.isEmpty ? (node.isServing ? "serving" : "down") : faults.map(\.what).joined(separator: ", ")
        guard node.isServing else { return NodeView(node: node.name, state: state, lines: [], status: "", layout: "") }
        async let status = ask(node, cluster, "/api/v1/cluster/status")
        async let layout = ask(node, cluster, "/api/v1/cluster/layout")
        let (told, placed) = (await status, await layout)
        return NodeView(
            node: node.name,
            state: state,
            lines: summary(status: told, layout: placed),
            status: String(told.prefix(bytesMax)),
            layout: String(placed.prefix(bytesMax))
        )
    }

    private static func ask(_ node: ClusterNode, _ cluster: Cluster, _ path: String) async -> String {
        guard let target = S3Target(endpoint: node.settings.listen.admin, accessKey: "", secret: "") else {
            return "no address"
        }
        do {
            let address = try SocketAddress.makeAddressResolvingHost(target.host, port: target.port)
            let connection = try await HTTPConnection.open(address, on: cluster.group)
            let answer: Result<HTTPResponse, HTTPFailure>
            do throws(HTTPFailure) {
                answer = .success(
                    try await connection.send(
                        HTTPRequest(
                            method: .GET,
                            target: path,
                            headers: [
                                ("Host", target.authority), ("Authorization", "Bearer \(Cluster.adminToken)"),
                            ],
                            secondsMax: secondsMax
                        )
                    )
                )
            } catch {
                answer = .failure(error)
            }
            await connection.close()
            return try answer.get().text
        } catch {
            return "no answer: \(error)"
        }
    }

    private struct Status: Decodable {
        struct Answer: Decodable {
            struct Finding: Decodable { let code: String }

            struct Node: Decodable {
                let name: String
                let state: String
            }

            let sentence: String
            let findings: [Finding]
            let nodes: [Node]
        }

        let data: Answer
    }

    private struct Layout: Decodable {
        struct Answer: Decodable {
            struct Layout: Decodable {
                let epoch: UInt64
                let isChanging: Bool
                let voters: [String]
            }

            let layout: Layout
        }

        let data: Answer
    }

    /// What a person looks for first; an answer of another form is shown as it is.
    static func summary(status: String, layout: String) -> [String] {
        var lines: [String] = []
        if let told = try? JSONDecoder().decode(Status.self, from: Data(status.utf8)).data {
            lines.append(told.sentence)
            let others = Dictionary(grouping: told.nodes, by: \.state).sorted { $0.key < $1.key }
            lines += others.map { state, nodes in "\(state): \(nodes.map(\.name).sorted().joined(separator: " "))" }
            if !told.findings.isEmpty {
                lines.append("findings: " + told.findings.map(\.code).joined(separator: ", "))
            }
        } else {
            lines.append(String(status.prefix(200)))
        }
        if let placed = try? JSONDecoder().decode(Layout.self, from: Data(layout.utf8)).data.layout {
            let change = placed.isChanging ? ", changing" : ""
            lines.append("epoch \(placed.epoch)\(change), voters \(placed.voters.joined(separator: " "))")
        }
        return lines
    }
}
