import ArgumentParser
import Glibc

/// What a mesh trial is told, by whichever command starts it.
struct TrialOptions: ParsableArguments {
    @Option(help: "How many nodes.")
    var nodes = 5

    @Option(help: "What to do to them, by name (chaos list tells all), with commas; all; none.")
    var faults = "all"

    @Option(help: "Another build: nodes change to it and back, one at a time (the fault upgrade).")
    var meshdNext: String?

    @Flag(help: "Meanwhile one node comes and another is drained and goes, again and again.")
    var churn = false

    @Flag(help: "Meanwhile buckets move to chosen nodes and back, again and again.")
    var moves = false

    @Flag(help: "Meanwhile the traces of what was deleted are collected, every second and at once.")
    var collect = false

    @Option(help: "Clients at once.")
    var clients = 12

    @Option(help: "Steps of all clients together in a second, at most.")
    var rate = 300

    @Option(help: "What the nodes may take of the disk together; then the load ends early.")
    var diskMax = DiskBudget.usedMaxUsual

    func validate() throws {
        guard (1...16).contains(nodes) else { throw ValidationError("--nodes must be 1 to 16") }
        guard (1...96).contains(clients) else { throw ValidationError("--clients must be 1 to 96") }
        guard (1...100_000).contains(rate) else { throw ValidationError("--rate must be 1 to 100000") }
        guard !moves || nodes > 3 else { throw ValidationError("--moves needs four nodes") }
        guard !churn || nodes > 1 else { throw ValidationError("--churn needs two nodes") }
        guard try !FaultKind.list(faults).contains(.upgrade) || meshdNext != nil else {
            throw ValidationError("the fault upgrade needs --meshd-next, the build that nodes change to and back from")
        }
        guard faults != "none" || meshdNext == nil else {
            throw ValidationError("--faults none has no upgrades: leave --meshd-next out")
        }
    }

    /// `all` means all that this user can do; what is named must be done or refused.
    func settings(seconds: Int, allowDebug: Bool) throws -> MeshTrial.Settings {
        var wanted = try FaultKind.list(faults)
        let next = try meshdNext.map { try Daemon.check(binary: $0, allowDebug: allowDebug) }
        if next != nil, !wanted.contains(.upgrade) { wanted.append(.upgrade) }
        let isRoot = geteuid() == 0
        let possible = wanted.filter { isRoot || !$0.needsRoot }
        guard possible.count == wanted.count || faults == "all" else {
            let names = wanted.filter { !possible.contains($0) }.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("only root can do this: \(names). Leave it out, or say --faults all")
        }
        return MeshTrial.Settings(
            nodes: nodes,
            seconds: seconds,
            clients: clients,
            rate: rate,
            faults: possible,
            leftOut: wanted.filter { !possible.contains($0) },
            hasChurn: churn,
            hasMoves: moves,
            hasCollection: collect,
            diskBytesMax: diskMax.bytes,
            next: next
        )
    }
}
