import ArgumentParser
import Mesh
import NIOHTTP1
import Swim

/// The admin key of a mesh, which signs what only its operator may say.
struct AdminKeyOption: ParsableArguments {
    @Option(help: ArgumentHelp("The mesh's admin key (default: admin-key in the data directory).", valueName: "file"))
    var adminKey: String?

    func read(_ options: ClientOptions) throws -> AdminKey {
        let path = adminKey ?? MeshState.adminKeyFile(in: options.directory().path)
        guard let key = try MeshState.adminKey(file: path) else {
            throw CommandFailure(
                "there is no admin key at \(path): it is where the mesh began; name your copy with --admin-key"
            )
        }
        return key
    }
}

/// One decree from its making to its telling: the daemon gets it signed and never sees the key.
struct DecreeErrand {
    let client: AdminClient
    let key: AdminKey

    func proclaim(_ kind: Decree.Kind, reason: String) async throws -> DecreeAnswer {
        let keys = try await client.call(.GET, "mesh/keys", as: EpochsReport.self)
        guard keys.adminPublicKey == Hex.encode(key.publicKey) else {
            throw CommandFailure("this admin key is not that of the mesh \(keys.meshID.prefix(8))…")
        }
        let sequence = (keys.decrees.map(\.sequence).max() ?? 0) + 1
        let epoch = max(keys.announced, keys.newest) + 1
        guard let statement = Decree(sequence: sequence, kind: kind, newEpoch: epoch, reason: reason) else {
            throw ValidationError("a reason has at most \(Decree.reasonBytesMax) bytes, all of them printable")
        }
        let decree = key.sign(statement)
        let secret = key.epochSecret(epoch).revealedBytes
        let body = try JSON.bytes(NewDecree(decree: Hex.encode(decree.encoded), secret: Hex.encode(secret)))
        _ = try await client.call(.POST, "mesh/decrees", body: body, as: Nothing.self)
        let answer = DecreeAnswer(sequence: sequence, kind: "rotate", node: nil, epoch: epoch)
        guard case .expel(let id) = kind else { return answer }
        return DecreeAnswer(sequence: sequence, kind: "expel", node: id.description, epoch: epoch)
    }
}

/// `meshd expel NAME --reason …`
struct ExpelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expel",
        abstract: "Put a member out for ever and change the mesh's key.",
        discussion: "For a node that was stolen or broken into. Nothing takes it back: the machine can only return "
            + "with a fresh data directory and a new token."
    )
    @Argument(help: "A name, the first digits of an id, or all 32 of one that is not in the list.") var node: String
    @Option(help: "Why, for those who ask later.") var reason: String
    @OptionGroup var adminKey: AdminKeyOption
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let client = try options.client()
        let key = try adminKey.read(options)
        let path = "mesh/members/" + ClientOptions.segment(node)
        let (id, name): (NodeID, String)
        do {
            let line = try await client.call(.GET, path, as: MemberLine.self)
            guard line.reach != "self" else {
                throw CommandFailure("\(Table.plain(line.name)) is the node you ask; ask another or use `meshd leave`")
            }
            guard let known = NodeID(hexadecimal: line.id) else {
                throw CommandFailure("the node's answer is not understood")
            }
            (id, name) = (known, Table.plain(line.name))
        } catch let failure as CommandFailure where failure.code == "no_such_node" {
            // Who was forgotten, or was never met here, can still be put out by its whole id.
            guard let whole = NodeID(hexadecimal: node) else { throw failure }
            (id, name) = (whole, "a node that is not in the list")
        }
        let answer = try await DecreeErrand(client: client, key: key).proclaim(.expel(id), reason: reason)
        try options.show(answer) {
            "expelled \(name) (\(id.description.prefix(8))…) by decree \($0.sequence); "
                + "the mesh changes to key epoch \($0.epoch)"
        }
    }
}

/// `meshd keys`
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Show or change the key that seals the mesh.",
        subcommands: [List.self, Rotate.self],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the epochs that a node holds, who uses which, and all decrees."
        )
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let report = try await options.client().call(.GET, "mesh/keys", as: EpochsReport.self)
            try options.show(report) { EvidenceText.epochs($0, at: JSON.nowMillis()) }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change the mesh's key.")
        @Option(help: "Why, for those who ask later.") var reason = "rotation"
        @OptionGroup var adminKey: AdminKeyOption
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let errand = try DecreeErrand(client: options.client(), key: adminKey.read(options))
            let answer = try await errand.proclaim(.rotate, reason: reason)
            try options.show(answer) { "the mesh changes to key epoch \($0.epoch) by decree \($0.sequence)" }
        }
    }
}

/// `meshd leave`
struct LeaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "Let a node say goodbye to its mesh.",
        discussion: "The others see `left`, not `dead`. The node serves what it holds until it is stopped, and returns "
            + "to the mesh when it is started again."
    )
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let answer = try await options.client().call(.POST, "mesh/leave", as: LeaveAnswer.self)
        try options.show(answer) { "\(Table.plain($0.left)) has left the mesh" }
    }
}
