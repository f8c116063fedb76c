import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd invite ADDRESS --code CODE`: lets a node in that shows a code.
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Let a new node into this mesh by the code that it shows.",
        discussion: "A node that is alone and holds nothing shows a code where it runs, in its own console, and by "
            + "`meshd code`. The mesh gets it as a member with its share of the copies; when that fails, everything goes "
            + "back to how it was before. Run it where the mesh began."
    )
    @Argument(help: "The new node's admin address, HOST:PORT; `meshd discover` lists it.") var address: String
    @Option(help: "The eight digits that it shows.") var code: String
    @Option(help: "The failure zone that it comes into.") var zone: String?
    @OptionGroup var options: ClientOptions

    func validate() throws {
        guard NewcomerDoor(address) != nil else { throw ValidationError("ADDRESS is HOST:PORT") }
        guard ConsentDoor.digits(of: code) != nil else { throw ValidationError("--code is eight digits") }
        if let zone, !SettingKind.isName(zone) { throw ValidationError("--zone is \(SettingKind.name.allowed)") }
    }

    func run() async throws {
        let client = try options.client()
        let nodes = try await client.call(.GET, "cluster/nodes", as: ClusterNodes.self).nodes
        let holders = nodes.count { $0.role == "holder" || $0.role == "draining" }
        let order = ActivationOrder(
            mode: holders + 1 == 2 ? "pair" : "scaleout",
            nodes: [ActivationOrder.Newcomer(address: address, code: code, zone: zone)]
        )
        let body = try JSON.bytes(order)
        _ = try await client.call(.POST, "cluster/activation", body: body, as: ActivationState.self)
        var told = 0
        while true {
            let state = try await client.call(.GET, "cluster/activation", as: ActivationState.self)
            guard let activation = state.activation else { throw CommandFailure("the node forgot of it") }
            if !options.json {
                for line in activation.log.dropFirst(told) { print(Table.plain(line.text)) }
                told = max(told, activation.log.count)
            }
            guard activation.isOver else {
                try await Task.sleep(for: .seconds(1))
                continue
            }
            if options.json { print(try JSON.text(activation)) }
            if let error = activation.error { throw CommandFailure("the node was not let in: \(error)") }
            return
        }
    }
}

/// `meshd code`: the code by which this node can be invited.
struct CodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "code",
        abstract: "Show the code by which this node, while it is alone, is let into a mesh.",
        discussion: "It is good for a quarter of an hour and for five wrong tries. Exits with 1 when there is none."
    )
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let answer = try await options.client().call(.GET, "consent/code", as: CodeAnswer.self)
        try options.show(answer) { answer in answer.code.map(ConsentDoor.shown) ?? "No code: \(answer.reason ?? "")." }
        if answer.code == nil { throw ExitCode(1) }
    }
}
