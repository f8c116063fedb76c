import ArgumentParser
import Mesh
import NIOHTTP1
import Store

/// `meshd package`
struct PackageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package",
        abstract: "Make a file that turns a bare machine into a node of this mesh.",
        discussion:
            "It holds this program, a configuration, a systemd unit and a join token. The token lets in whoever "
            + "has the file, until it expires: treat the file like a password until then."
    )

    @Option(help: "The name of the new node.") var name: String
    @Option(help: "Its failure zone.") var zone: String?
    @Option(help: "deb, tar.gz or sh (a script that unpacks itself).") var format = NodePackage.Format.deb
    @Option(help: "How long its token lets nodes in, at most 90d.") var expires = "24h"
    @Option(
        help: ArgumentHelp(
            "Where the new node knocks; may be repeated (default: the node's own).",
            valueName: "host:port"
        )
    )
    var address: [String] = []
    @Option(help: ArgumentHelp("Where the file goes (default: its own name, here).", valueName: "file"))
    var output: String?
    @OptionGroup var adminKey: AdminKeyOption
    @OptionGroup var options: ClientOptions

    struct Made: Codable, Sendable {
        var file: String
        var bytes: UInt64
        var expires: String
        var addresses: [String]
    }

    func validate() throws {
        guard SettingKind.isName(name) else { throw ValidationError("--name is \(SettingKind.name.allowed)") }
        if let zone, !SettingKind.isName(zone) { throw ValidationError("--zone is \(SettingKind.name.allowed)") }
        try TokenCommand.check(expires: expires, addresses: address)
    }

    func run() async throws {
        let mint = try await TokenCommand.mint(adminKey, options)
        let token = try mint.token(
            expiresMillis: TokenMint.millis(of: expires) ?? 0,
            zone: zone,
            addresses: address
        )
        let made = try make(token)
        try options.show(made) { made in
            "\(made.file): \(Spans.bytes(made.bytes)); until \(made.expires) its token lets in whoever has it"
        }
        if made.addresses.allSatisfy({ ListenAddress($0)?.isLoopback ?? false }) {
            Terminal.complain("note: its token leads to this machine only; for others, set mesh-listen or --address")
        }
    }

    private func make(_ token: JoinToken) throws -> Made {
        do {
            let package = NodePackage(
                name: name,
                zone: zone,
                token: token,
                program: try .own(),
                millis: JSON.nowMillis()
            )
            let stream = try package.stream(format)
            let path = output ?? stream.fileName
            // It holds a secret.
            var file = try ResultFile(path, mode: 0o600)
            while let bytes = try stream.next() { try file.append(bytes) }
            try file.finish()
            return Made(
                file: path,
                bytes: stream.byteCount,
                expires: JSON.date(millis: UInt64(max(0, token.expiresAt)) * 1_000),
                addresses: token.addresses.map(\.description)
            )
        } catch StoreError.io(let what) {
            throw CommandFailure("the package cannot be made: \(what)")
        }
    }
}

extension NodePackage.Format: ExpressibleByArgument {}
