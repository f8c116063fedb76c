import FoundationEssentials
import Glibc
import NIOCore
import Synchronization

/// One network namespace per node on a bridge, so that a cut link is a cut link and not a closed port.
///
/// The harness itself runs in a namespace of its own, into which it goes before it does anything else, and in one of its
/// own for mounts, too (`Disks`). All of this has no name outside of it: it is gone when the last of these processes is,
/// however that ends.
final class Namespaces: Sendable {
    private static let prefix = "10.77.0"
    private static let mark = "CHAOS_OWN_NETWORK"

    private struct Hearing {
        /// Those whose packets it does not get.
        var deafTo: Set<Int> = []
        /// Of the others' packets, how many of a hundred it does not get.
        var lossPercent = 0
    }

    private struct State {
        var holders: [Int: ChildProcess] = [:]
        /// For each node, what becomes of packets of others.
        var hearing: [Int: Hearing] = [:]
        /// How many scripts ran.
        var scripts = 0
        var narrow: Set<Int> = []
    }

    private let state = Mutex(State())
    private let folder: String
    private let group: any EventLoopGroup

    /// Whether this program was started again in a network namespace of its own.
    static var isInside: Bool { getenv(mark) != nil }

    /// Starts this program again in a network namespace of its own, unless it is in one. Does not come back then.
    static func enter() throws {
        guard !isInside else { return }
        guard geteuid() == 0 else { throw Errno(what: "cutting networks needs root", code: EPERM) }
        setenv(mark, "yes", 1)
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let start = ["unshare", "-n", "-m", "--", "sh", "-ec", "ip link set lo up; exec \"$@\"", "sh", program]
        var arguments = (start + CommandLine.arguments.dropFirst()).map { strdup($0) } + [nil]
        execvp("unshare", &arguments)
        throw Errno(what: "unshare", code: errno)
    }

    init(folder: String, on group: any EventLoopGroup) async throws {
        self.folder = folder
        self.group = group
        _ = try await shell(
            """
            ip link add mesh0 type bridge
            ip addr add \(Self.prefix).254/24 dev mesh0
            ip link set mesh0 up
            """
        )
    }

    func site(_ number: Int) async throws -> Network.Site {
        let host = "\(Self.prefix).\(number)"
        let holder = try await ChildProcess.start(
            ["unshare", "-n", "--", "sleep", "infinity"],
            output: "\(folder)/network.log",
            on: group.next()
        )
        try await separate(holder)
        let enter = ["nsenter", "--net=/proc/\(holder.pid)/ns/net", "--"]
        _ = try await shell(
            """
            ip link add port\(number) type veth peer name eth0 netns \(holder.pid)
            ip link set port\(number) master mesh0 up
            \(enter.joined(separator: " ")) sh -ec '
                ip link set lo up
                ip addr add \(host)/24 dev eth0
                ip link set eth0 up'
            """
        )
        state.withLock { $0.holders[number] = holder }
        return Network.Site(host: host, wrapper: enter)
    }

    /// Takes the network away, so that another one can be made.
    func end() async throws {
        let holders = state.withLock { state in
            defer { state.holders = [:] }
            return state.holders
        }
        for holder in holders.values { holder.signal(SIGKILL) }
        for holder in holders.values { _ = try await holder.wait() }
        // The kernel takes them away when it comes to it: those of the next network have the same names.
        let ports = holders.keys.sorted().map { "ip link del port\($0) 2>/dev/null || true" }
        _ = try await shell((ports + ["ip link del mesh0"]).joined(separator: "\n"))
    }

    /// Waits until the holder has left this program's network for its own.
    private func separate(_ holder: ChildProcess) async throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
        for _ in 0..<1000 {
            let its = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(holder.pid)/ns/net")
            if let its, its != own { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw Errno(what: "a network namespace of its own", code: ETIMEDOUT)
    }

    /// No packet of `from` reaches `to` any more; the other way stays as it is. Clients are never cut.
    func cut(from: some Sequence<Int>, to: some Sequence<Int>) async throws {
        let from = Set(from)
        for node in to { try await change(node) { $0.deafTo.formUnion(from.subtracting([node])) } }
    }

    /// The node loses that many of a hundred packets of other nodes.
    func muffle(_ node: Int, lossPercent: Int) async throws { try await change(node) { $0.lossPercent = lossPercent } }

    /// So much reaches the node and leaves it in a second, clients' requests too; what waits longer than a second is lost.
    func narrow(_ node: Int, kilobits: Int) async throws {
        guard let holder = state.withLock({ $0.holders[node] }) else { return }
        state.withLock { _ = $0.narrow.insert(node) }
        let queue = "tbf rate \(kilobits)kbit burst 16kb latency 1s"
        _ = try await shell(
            """
            tc qdisc add dev port\(node) root \(queue)
            nsenter --net=/proc/\(holder.pid)/ns/net -- tc qdisc add dev eth0 root \(queue)
            """
        )
    }

    private func widen(_ node: Int) async throws {
        guard let holder = state.withLock({ $0.narrow.remove(node) == nil ? nil : $0.holders[node] }) else { return }
        _ = try await shell(
            """
            tc qdisc del dev port\(node) root
            nsenter --net=/proc/\(holder.pid)/ns/net -- tc qdisc del dev eth0 root
            """
        )
    }

    /// Mends all links.
    func heal() async throws {
        for node in state.withLock({ $0.narrow.sorted() }) { try await widen(node) }
        for node in state.withLock({ $0.hearing.keys.sorted() }) { try await change(node) { $0 = Hearing() } }
    }

    private func change(_ node: Int, _ body: (inout Hearing) -> Void) async throws {
        let (holder, hearing) = state.withLock { state in
            body(&state.hearing[node, default: Hearing()])
            return (state.holders[node], state.hearing[node] ?? Hearing())
        }
        guard let holder else { return }
        var rules: [String] = []
        if !hearing.deafTo.isEmpty {
            let sources = hearing.deafTo.sorted().map { "\(Self.prefix).\($0)" }.joined(separator: ", ")
            rules.append("ip saddr { \(sources) } drop")
        }
        if hearing.lossPercent > 0 {
            let network = "ip saddr \(Self.prefix).0/24 ip saddr != \(Self.prefix).254"
            rules.append("\(network) numgen random mod 100 < \(hearing.lossPercent) drop")
        }
        let table = """
            table inet chaos {
                chain input {
                    type filter hook input priority 0;
                    \(rules.joined(separator: "\n        "))
                }
            }
            """
        _ = try await shell(
            """
            nsenter --net=/proc/\(holder.pid)/ns/net -- nft -f - <<'END'
            flush ruleset
            \(rules.isEmpty ? "" : table)
            END
            """
        )
    }

    private func shell(_ script: String) async throws -> String {
        // A file of its own for each call: several may run at once.
        let number = state.withLock { state in
            state.scripts += 1
            return state.scripts
        }
        return try await Tool.must(["sh", "-ec", script], output: "\(folder)/network.\(number)", on: group)
    }
}
