import ArgumentParser
import Mesh
import NIOHTTP1
import Store

/// `meshd token …`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Let new nodes into the mesh.",
        subcommands: [Create.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a join token: one line, for any number of nodes until it expires.",
            discussion: "Who holds it can join; treat it like a password."
        )
        @Option(help: "How long it lets nodes in, at most 90d.") var expires = "24h"
        @Option(help: "The zone of the nodes that it is for.") var zone: String?
        @Option(
            help: ArgumentHelp(
                "Where newcomers knock; may be repeated (default: the node's own).",
                valueName: "host:port"
            )
        )
        var address: [String] = []
        @OptionGroup var adminKey: AdminKeyOption
        @OptionGroup var options: ClientOptions

        struct Made: Codable, Sendable {
            var token: String
            var expires: String
            var addresses: [String]
        }

        func validate() throws {
            try TokenCommand.check(expires: expires, addresses: address)
            if let zone, !SettingKind.isName(zone) { throw ValidationError("--zone is \(SettingKind.name.allowed)") }
        }

        func run() async throws {
            let made = try await make()
            try options.show(made) { $0.token }
            if made.addresses.allSatisfy({ ListenAddress($0)?.isLoopback ?? false }) {
                Terminal.complain("note: the token leads to this machine only; for others, set mesh-listen")
            }
        }

        func make() async throws -> Made {
            let mint = try await TokenCommand.mint(adminKey, options)
            let token = try mint.token(
                expiresMillis: TokenMint.millis(of: expires) ?? 0,
                zone: zone,
                addresses: address
            )
            return Made(
                token: token.text,
                expires: JSON.date(millis: UInt64(max(0, token.expiresAt)) * 1_000),
                addresses: token.addresses.map(\.description)
            )
        }
    }

    // MARK: For all commands that make tokens

    static func check(expires: String, addresses: [String]) throws {
        guard TokenMint.millis(of: expires) != nil else {
            throw ValidationError("--expires is a duration from 1s to 90d, such as 24h")
        }
        guard TokenMint.areAddresses(addresses) else {
            throw ValidationError("--address is HOST:PORT, at most \(TokenMint.addressesMax) times")
        }
    }

    static func mint(_ adminKey: AdminKeyOption, _ options: ClientOptions) async throws -> TokenMint {
        let material = try await material(options)
        return TokenMint(key: try adminKey.read(options), material: material)
    }

    /// A node that was started a moment ago by the same script is waited for.
    private static let patienceMillis = 5_000

    private static func material(_ options: ClientOptions) async throws -> TokenMaterial {
        let start = JSON.nowMillis()
        while true {
            do {
                return try await options.client().call(.GET, "mesh/token-material", as: TokenMaterial.self)
            } catch let failure as CommandFailure where failure.isDown || failure.code == "starting" {
                guard options.admin == nil, JSON.nowMillis() < start + UInt64(Self.patienceMillis) else {
                    throw failure
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}

/// `meshd join TOKEN`: the first start of a node that joins a mesh.
struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Run a new node in the mesh that made a token.",
        discussion: "The same as `serve --join TOKEN` on a fresh data directory; later starts are `meshd serve`."
    )
    @Argument(help: "The line that `meshd token create` printed.") var token: String
    @OptionGroup var options: ConfigOptions

    func validate() throws {
        if options.join != nil { throw ValidationError("give the token once") }
        do {
            _ = try JoinToken(parsing: token)
        } catch {
            throw ValidationError(error.description)
        }
    }

    func run() async throws {
        var options = options
        options.join = token
        let settings = try options.resolve()
        let directory = DataDirectory(path: settings.dataDirectory)
        if let state = try MeshState.read(from: directory.path), !state.isFounder || state.hasMet {
            throw CommandFailure(
                "\(directory.path) belongs to a mesh already; start it with `meshd serve`, or name a fresh --data-dir"
            )
        }
        try await Node.serve(settings)
    }
}
