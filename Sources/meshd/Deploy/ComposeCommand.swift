import ArgumentParser
import Mesh
import Store

/// `meshd compose`
struct ComposeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compose",
        abstract:
            "Write a mesh of containers: a Docker Compose file or a stack for a swarm, its image and its secrets.",
        discussion: "Needs no node and no network. The secrets are files that only their owner reads; the mesh's admin "
            + "key is one of them: keep it, and take it off the machine when all nodes are in."
    )

    @Option(help: "How many nodes.") var nodes = 3
    @Flag(help: "A stack for a swarm: one machine for each node.") var swarm = false
    @Option(help: "The directory to write; it must not be there yet.") var out = "meshd-compose"
    @Option(help: "The name of the image.") var image = "meshd:" + Meshd.version
    @Option(help: "The first node's S3 port on the host; the next nodes are ten above.") var port = 9000
    @Option(help: "How long the join token lets nodes in, at most 90d.") var expires = "24h"
    @Flag(inversion: .prefixedNo, help: "Also write what the image is built of.") var imageFiles = true
    @Flag(help: "Print JSON.") var json = false

    struct Made: Codable, Sendable {
        var directory: String
        var files: [String]
        var secrets: [String]
        var expires: String
    }

    func validate() throws {
        guard (1...ComposeText.nodesMax).contains(nodes) else {
            throw ValidationError("--nodes is 1 to \(ComposeText.nodesMax)")
        }
        guard (1...65_535).contains(port), port + nodes * 10 <= 65_535 else {
            throw ValidationError("--port leaves no room for the ports of all nodes")
        }
        guard TokenMint.millis(of: expires) != nil else {
            throw ValidationError("--expires is a duration from 1s to 90d, such as 24h")
        }
        let isImage =
            image.utf8.count <= 255
            && image.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || [0x2D, 0x2E, 0x2F, 0x3A, 0x40, 0x5F].contains(byte)
            }
        guard isImage, image.first?.isLetter == true || image.first?.isNumber == true else {
            throw ValidationError("--image is a name such as meshd:1.0 or registry.example.com/meshd:1.0")
        }
    }

    func run() throws {
        do {
            let made = try make()
            print(json ? try JSON.text(made) : Self.text(made))
        } catch StoreError.io(let what) {
            throw CommandFailure("the files cannot be written: \(what)")
        }
    }

    private static func text(_ made: Made) -> String {
        "\(made.directory)/compose.yaml; until \(made.expires) its join token lets in whoever has it.\n"
            + "The first admin key is in \(made.directory)/secrets/root-key."
    }

    private func make() throws -> Made {
        guard !SmallFile.exists(out) else { throw CommandFailure("\(out) is there already: name another --out") }
        try SmallFile.makeDirectory(out, mode: 0o700)
        try SmallFile.makeDirectory(out + "/secrets", mode: 0o700)
        let key = AdminKey()
        let millis = JSON.nowMillis()
        let expiresAt = Int64((millis + (TokenMint.millis(of: expires) ?? 0)) / 1_000)
        let addresses = (1...min(nodes, 3)).compactMap { SeedAddress(parsing: "n\($0):9002") }
        let token: JoinToken
        do {
            // Of the first epoch, whose secret the first node derives from the same key when it founds the mesh.
            token = try JoinToken.make(
                adminKey: key,
                addresses: addresses,
                expiresAt: expiresAt,
                epoch: 1,
                secret: key.epochSecret(1)
            )
        } catch { throw CommandFailure("the join token cannot be made: \(error.description)") }
        let root =
            "MESHD_ROOT_ACCESS_KEY=\(SecureRandom.accessKeyID())\n"
            + "MESHD_ROOT_SECRET_KEY=\(SecureRandom.secretKey().revealed)\n"
        let secrets = [
            ("secrets/admin-key", Hex.encode(key.seed.revealedBytes) + "\n"), ("secrets/root-key", root),
            ("secrets/join-token", token.text + "\n"),
        ]
        for (name, text) in secrets { try SmallFile.write(Array(text.utf8), to: out + "/" + name, mode: 0o600) }
        let yaml = ComposeText(
            nodes: nodes,
            isSwarm: swarm,
            image: image,
            firstPort: port,
            hasImageFiles: imageFiles
        )
        try SmallFile.write(Array(yaml.text.utf8), to: out + "/compose.yaml", mode: 0o644)
        var files = ["compose.yaml"]
        if imageFiles { files += try writeImage(millis) }
        return Made(
            directory: out,
            files: files,
            secrets: secrets.map(\.0),
            expires: JSON.date(millis: UInt64(max(0, expiresAt)) * 1_000)
        )
    }

    private func writeImage(_ millis: UInt64) throws -> [String] {
        let program = try ProgramFiles.own()
        try SmallFile.makeDirectory(out + "/image", mode: 0o755)
        // Debian's base has these two, and a version is no name for apt.
        let packages = program.dependencies.filter { !$0.hasPrefix("libc6") && $0 != "passwd" }
        let dockerfile = ComposeText.dockerfile(packages: packages)
        try SmallFile.write(Array(dockerfile.utf8), to: out + "/image/Dockerfile", mode: 0o644)
        let entries =
            [
                TarEntry("meshd/", mode: 0o755, .directory),
                TarEntry("meshd/meshd", mode: 0o755, .file(program.program)),
            ] + program.libraries.map { TarEntry("meshd/" + $0.name, mode: 0o644, .file($0.file)) }
        var file = try ResultFile(out + "/image/meshd.tar.gz", mode: 0o644)
        var archive = TarStream(entries, millis: millis)
        while let bytes = try archive.next() { try file.append(bytes) }
        try file.finish()
        return ["image/Dockerfile", "image/meshd.tar.gz"]
    }
}
