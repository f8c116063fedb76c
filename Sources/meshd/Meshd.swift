import ArgumentParser
import CMalloc
import Glibc
import Mesh
import NIOCore
import NIOPosix

/// The program: one binary that is the node and its command line.
@main
struct Meshd: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "meshd",
        abstract: "An S3 object store on one machine or many.",
        version: version,
        subcommands: [
            ServeCommand.self, ConfigCommand.self, BucketCommand.self, KeyCommand.self, StatusCommand.self,
            DoctorCommand.self, MembersCommand.self, MemberCommand.self, WhyCommand.self, AgreeCommand.self,
            DiffCommand.self, ProbeCommand.self, KeysCommand.self, ExpelCommand.self, TokenCommand.self,
            PackageCommand.self, JoinCommand.self, LeaveCommand.self, DiscoverCommand.self, InviteCommand.self,
            CodeCommand.self, NodeCommand.self,
            ReplicationCommand.self, TenantCommand.self,
            WhereCommand.self, RingCommand.self, LayoutCommand.self, RepairCommand.self, RehearseCommand.self,
            LoadBalancerCommand.self,
            EventsCommand.self, ComposeCommand.self, InitCommand.self,
            ChaosCommand.self, VersionCommand.self,
        ]
    )

    static func main() async {
        // NIO's loops run Swift's tasks too: a request never hops from a loop to another pool and back.
        NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
        // A client that goes away is an error of its connection, not of the process.
        signal(SIGPIPE, SIG_IGN)
        keepFreedMemory()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Glibc.exit(report(error))
        }
    }

    /// Bodies move in buffers of 256 KiB. By default glibc maps each from the kernel and gives it back, zeroed page by
    /// zeroed page: a fifth of the CPU of a large GET. Kept, they cost at most what the trim threshold says.
    private static func keepFreedMemory() {
        mallopt(MESHD_M_MMAP_THRESHOLD, 4 << 20)
        mallopt(MESHD_M_TRIM_THRESHOLD, 16 << 20)
        mallopt(MESHD_M_TOP_PAD, 1 << 20)
        mallopt(MESHD_M_ARENA_MAX, 2)
    }

    /// Tells the person what happened; the answer is the exit code: 0 for yes, 1 for no or failed, 2 for wrong use.
    private static func report(_ error: any Error) -> Int32 {
        switch error {
        case let failure as CommandFailure:
            Terminal.complain(failure.message)
            return 1
        case let error as MeshError:
            Terminal.complain(error.description)
            return 1
        case let error as ConfigError:
            Terminal.complain("the configuration is wrong:\n\(error)")
            return 2
        case let code as ExitCode:
            return code == .success ? 0 : code == .validationFailure ? 2 : code.rawValue
        default:
            break
        }
        switch exitCode(for: error) {
        case .success:
            print(fullMessage(for: error))
            return 0
        case .validationFailure:
            Terminal.complain(fullMessage(for: error))
            return 2
        default:
            Terminal.complain(message(for: error))
            return 1
        }
    }
}

/// A command that could not do what it was asked; `message` is for a person.
struct CommandFailure: Error, Sendable {
    let message: String
    /// Whether no node answered at all.
    let isDown: Bool
    /// The code of a node's refusal.
    let code: String?

    init(_ message: String, isDown: Bool = false, code: String? = nil) {
        self.message = message
        self.isDown = isDown
        self.code = code
    }
}

/// The two streams of a command: answers go out, complaints go to the side.
enum Terminal {
    /// What was printed goes out now, also into a pipe.
    static func flush() { fflush(nil) }

    static func complain(_ message: String) {
        var line = message
        if !line.hasSuffix("\n") { line += "\n" }
        // A partial write to a closed standard error leaves nobody to tell.
        _ = line.withUTF8 { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
