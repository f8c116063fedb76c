import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd lb-config`
struct LoadBalancerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lb-config",
        abstract: "Print the configuration of a load balancer before the nodes' S3 ports.",
        discussion:
            "The nodes are those of the mesh, or those that --server names; then no node is asked. Clients sign "
            + "for the balancer's address, which is passed on as it is."
    )

    enum Program: String, CaseIterable, ExpressibleByArgument {
        case haproxy, nginx
    }

    @Argument(help: "haproxy or nginx.") var program: Program
    @Option(help: "Where the balancer listens.") var listen = "0.0.0.0:8000"
    @Option(help: ArgumentHelp("A node's S3 port; may be repeated.", valueName: "name=host:port"))
    var server: [String] = []
    @OptionGroup var options: ClientOptions

    struct Made: Codable, Sendable {
        var program: String
        var config: String
    }

    func validate() throws {
        guard ListenAddress(listen).map({ $0.port != 0 }) == true else {
            throw ValidationError("--listen is HOST:PORT, such as 0.0.0.0:8000")
        }
        guard server.count <= 1_024, server.allSatisfy({ Self.server($0) != nil }) else {
            throw ValidationError("--server is NAME=HOST:PORT, such as n1=10.0.0.1:9000")
        }
    }

    static func server(_ text: String) -> LoadBalancerText.Server? {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, SettingKind.isName(String(parts[0])), let address = ListenAddress(String(parts[1])),
            address.port != 0, SettingKind.isHostName(address.host) || address.host.contains(":")
        else { return nil }
        return .init(name: String(parts[0]), address: address)
    }

    func run() async throws {
        guard let listen = ListenAddress(listen) else { return }
        var servers = server.compactMap(Self.server)
        if servers.isEmpty {
            let answer = try await options.client().call(.GET, "cluster/nodes", as: ClusterNodes.self)
            // What a node says of itself goes into a file that a program obeys: only names and addresses do.
            servers = answer.nodes.filter { $0.role != "outside" }.compactMap { Self.server("\($0.name)=\($0.s3)") }
        }
        guard !servers.isEmpty else { throw CommandFailure("no node says where its S3 port is: name them by --server") }
        guard Set(servers.map(\.name)).count == servers.count else {
            throw CommandFailure("two nodes have the same name: name them by --server")
        }
        let text = LoadBalancerText(servers: servers, listen: listen)
        let config = program == .haproxy ? text.haproxy : text.nginx
        try options.show(Made(program: program.rawValue, config: config)) { String($0.config.dropLast()) }
        if servers.contains(where: { $0.address.isLoopback || ["0.0.0.0", "::"].contains($0.address.host) }) {
            Terminal.complain(
                "note: some nodes name no address that other machines reach: set s3-listen, or use --server"
            )
        }
    }
}
