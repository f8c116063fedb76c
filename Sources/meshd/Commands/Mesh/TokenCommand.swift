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
        /// A node that was started a moment ago by the same script is waited for.
        private static let patienceMillis = 5_000
        /// A quarter of a year: a token that outlives its purpose is a key under the mat.
        private static let expiresMillisMax: UInt64 = 90 * 86_400_000

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
            guard let millis = SettingKind.millis(of: expires), (1_000...Self.expiresMillisMax).contains(millis) else {
                throw ValidationError("--expires is a duration from 1s to 90d, such as 24h")
            }
            guard address.count <= 8, address.allSatisfy({ SeedAddress(parsing: $0) != nil }) else {
                throw ValidationError("--address is HOST:PORT, at most 8 times")
            }
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
            let material = try await material()
            let key = try adminKey.read(options)
            guard Hex.encode(key.publicKey) == material.adminPublicKey else {
                throw CommandFailure("this admin key is not that of the node's mesh")
            }
            guard let secret = Hex.decode(material.secret.utf8) else {
                throw CommandFailure("the node's answer is not understood")
            }
            let seconds = (JSON.nowMillis() + (SettingKind.millis(of: expires) ?? 0)) / 1_000
            let addresses = address.isEmpty ? material.addresses : address
            let token: JoinToken
            do {
                token = try JoinToken.make(
                    adminKey: key,
                    addresses: addresses.compactMap { SeedAddress(parsing: $0) },
                    zone: zone,
                    expiresAt: Int64(seconds),
                    epoch: material.epoch,
                    secret: Secret(bytes: secret)
                )
            } catch {
                throw CommandFailure(error.description)
            }
            return Made(token: token.text, expires: JSON.date(millis: seconds * 1_000), addresses: addresses)
        }

        private func material() async throws -> TokenMaterial {
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
