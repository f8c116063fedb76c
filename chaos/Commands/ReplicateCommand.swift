import ArgumentParser

/// `chaos replicate`: a mesh sends a bucket to another one while nodes of both are killed; at the end both have the same.
struct ReplicateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicate",
        abstract: "Let a replication rule copy a bucket to another mesh while nodes of both are killed."
    )

    @OptionGroup var options: RunOptions

    @Option(help: "How many nodes the mesh that sends has.")
    var nodes = 3

    @Option(help: "How many the other one has.")
    var targets = 1

    @Option(help: "Seconds of load.")
    var seconds = 30

    @Flag(help: "Rules in both directions, and clients on both sides.")
    var bothWays = false

    @Flag(help: "Versioning on both sides: every acknowledged write has to be a version in the end.")
    var versioned = false

    @Flag(inversion: .prefixedNo, help: "Kill a node of each side, over and over.")
    var kills = true

    func validate() throws {
        guard (1...16).contains(nodes), (1...16).contains(targets) else {
            throw ValidationError("--nodes and --targets must be 1 to 16")
        }
        guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds must be 1 to 86400") }
    }

    func run() async throws {
        let ways = (bothWays ? "both ways" : "one way") + (versioned ? ", with versions" : "")
        try await Run.judge(options, "\(nodes) nodes to \(targets), \(ways), \(seconds) s, kills: \(kills)") { run in
            let trial = ReplicationTrial(
                nodes: (nodes, targets),
                seconds: seconds,
                isBothWays: bothWays,
                isVersioned: versioned,
                kills: kills,
                run
            )
            try await trial.judge()
            return trial.clusters.flatMap(\.troubles.all)
        }
    }
}
