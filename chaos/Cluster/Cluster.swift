import FoundationEssentials
import NIOCore
import Synchronization

/// Several real nodes as one mesh: the first founds it, the others come in with a token.
///
/// Everything it starts dies with the harness, everything it writes is in one folder.
final class Cluster: Sendable {
    /// Opens all admin ports; must not appear in any log.
    static let adminToken = "chaos-admin-token-chaos-admin-token"

    private static let secondsToSettleMax: UInt64 = 90

    private struct State {
        var nodes: [ClusterNode] = []
        var numberLast = 0
        var tokens: [String] = []
        /// Those that somebody does something to: nobody else shall.
        var claimed: Set<Int> = []
    }

    let binary: String
    let folder: String
    let network: Network
    let outfit: Outfit
    /// nil: all nodes are on the run's own.
    let disks: Disks?
    let group: any EventLoopGroup
    let troubles = Troubles()
    private let state = Mutex(State())

    init(binary: String, folder: String, network: Network, outfit: Outfit, on group: any EventLoopGroup) {
        self.binary = binary
        self.folder = folder
        self.network = network
        self.outfit = outfit
        disks = outfit.hasDisks ? Disks(folder: folder, on: group) : nil
        self.group = group
    }

    /// In a network that can be cut when one is needed, which takes root.
    static func make(_ run: Run, needsNetwork: Bool, outfit: Outfit = Outfit()) async throws -> Cluster {
        let network: Network =
            needsNetwork ? .namespaces(try await Namespaces(folder: run.folder, on: run.group)) : .loopback
        return Cluster(binary: run.binary, folder: run.folder, network: network, outfit: outfit, on: run.group)
    }

    /// Those that belong to it, also while they are down.
    var nodes: [ClusterNode] { state.withLock { $0.nodes } }

    /// Those that nothing was done to.
    var untroubled: [ClusterNode] { nodes.filter { $0.isServing && !troubles.isTroubled($0.number) } }

    /// Starts the first node, lets the others in, and waits until each has its place: until then one that fails may be
    /// one too many.
    func start(nodes: Int) async throws {
        for _ in 0..<nodes { try await add() }
        guard nodes > 1 else { return }
        let names = Set(self.nodes.map(\.name))
        let deadline = Clock.nanoseconds() + Self.secondsToSettleMax * 1_000_000_000
        var unrest: [String]
        repeat {
            try await Task.sleep(for: .milliseconds(200))
            do {
                unrest = try await Standing.ask(self, self.nodes[0]).withoutPlace(names)
            } catch {
                unrest = ["\(error)"]
            }
            if unrest.isEmpty { return }
        } while Clock.nanoseconds() < deadline
        throw Unsettled(reasons: unrest)
    }

    /// Nodes that have come and were not given their places.
    struct Unsettled: Error, CustomStringConvertible {
        let reasons: [String]

        var description: String {
            "no place for all after \(Cluster.secondsToSettleMax) s: \(reasons.joined(separator: "; "))"
        }
    }

    /// Starts a fresh node and waits until it serves.
    @discardableResult
    func add() async throws -> ClusterNode {
        let number = state.withLock { state in
            state.numberLast += 1
            return state.numberLast
        }
        let site = try await network.site(number)
        let home = "\(folder)/n\(number)"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        var settings = Daemon.Settings(binary: binary, folder: home)
        settings.listen = site.listen()
        settings.wrapper = site.wrapper
        settings.adminToken = Self.adminToken
        settings.arguments = ["--name", "n\(number)"] + outfit.arguments
        settings.variables = outfit.environment
        if let disks {
            try await disks.make(number)
            settings.dataDirectory = "\(disks.place(number))/data"
        }
        let clock = outfit.hasClocks ? try await FalseClock(folder: home, on: group) : nil
        if let clock { settings.variables.merge(clock.environment) { $1 } }
        let made = ClusterNode(number: number, settings: settings, next: outfit.next, clock: clock, on: group)
        guard let node = made else {
            throw HTTPFailure.malformed("no address: \(settings.listen.s3)")
        }
        let token: String? = nodes.isEmpty ? nil : try await token()
        try await node.start(token: token)
        state.withLock { $0.nodes.append(node) }
        return node
    }

    /// Ends all nodes at once and gives up what they were on.
    func end() async throws {
        for node in nodes { node.signalKill() }
        for node in nodes {
            try await node.kill()
            try await disks?.unmount(node.number)
        }
        try await network.namespaces?.end()
    }

    /// A token of the first node, which holds the key that signs them. It may be down just now.
    private func token() async throws -> String {
        let deadline = Clock.nanoseconds() + 30_000_000_000
        var text = ""
        repeat {
            do {
                text = try await ask(["token", "create"], of: nodes[0])
            } catch {
                guard Clock.nanoseconds() < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(200))
            }
        } while text.isEmpty
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("meshd1.") }) else {
            throw HTTPFailure.malformed("no token in: \(text)")
        }
        state.withLock { $0.tokens.append(String(line)) }
        return String(line)
    }

    /// What `meshd` answers to these arguments about a node; throws when it says no.
    func ask(_ arguments: [String], of node: ClusterNode) async throws -> String {
        try await Tool.must(
            [binary] + arguments + ["--data-dir", node.settings.dataDirectory],
            environment: ["MESHD_ADMIN_TOKEN": Self.adminToken],
            output: "\(folder)/n\(node.number)/asked.\(Clock.nanoseconds())",
            on: group
        )
    }

    /// Takes all of these for oneself, or none of them when somebody else does something to one.
    func claim(_ nodes: [ClusterNode]) -> Bool {
        let numbers = Set(nodes.map(\.number))
        return state.withLock { state in
            guard state.claimed.isDisjoint(with: numbers) else { return false }
            state.claimed.formUnion(numbers)
            return true
        }
    }

    func release(_ nodes: [ClusterNode]) { state.withLock { $0.claimed.subtract(nodes.map(\.number)) } }

    /// Takes a node, which has left, off the list, and gives its room back: a long run has many of them. Its log stays.
    func forget(_ node: ClusterNode) async throws {
        state.withLock { $0.nodes.removeAll { $0.number == node.number } }
        if let disks {
            try await disks.remove(node.number)
        } else {
            try FileManager.default.removeItem(atPath: node.settings.dataDirectory)
        }
    }

    /// A node for the next request: one that nothing was done to, or now and then one that runs and is in trouble: what
    /// it answers must be true, too. nil when there is none just now.
    func pick(_ random: inout SeededRandom) -> ClusterNode? {
        let serving = nodes.filter(\.isServing)
        if random.oneIn(6), let node = serving.randomElement(using: &random) { return node }
        return untroubled.randomElement(using: &random)
    }

    /// What must be in no log.
    var secrets: [String] {
        state.withLock { $0.tokens } + [Self.adminToken] + nodes.prefix(1).map(\.settings.secret)
    }
}
