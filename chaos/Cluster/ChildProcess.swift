import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// One process that the harness started. It dies with the harness, however that ends.
///
/// `setpriv --pdeathsig` asks the kernel for that. The kernel counts the death of the *thread* that started a child, so
/// all children are started by one thread that lives as long as the harness does.
final class ChildProcess: Sendable {
    enum Exit: Sendable, Equatable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let signal): "signal \(signal)"
            }
        }
    }

    struct SpawnFailure: Error, CustomStringConvertible {
        let program: String
        let code: Int32

        var description: String { "cannot start \(program): \(String(cString: strerror(code)))" }
    }

    private static let nursery = {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        return pool
    }()
    /// No child gets a descriptor of the harness: a socket left open in a child would outlive its connection.
    private static let descriptorsMax: Int32 = 1024

    /// Each child's end is awaited by a thread of its own, at most this many at once: the nodes of a cluster, the
    /// holders of their networks, and what is asked in between.
    private static let waiters = {
        let pool = NIOThreadPool(numberOfThreads: 64)
        pool.start()
        return pool
    }()

    let pid: pid_t
    private let exit: EventLoopFuture<Exit>
    private let ended = Mutex<Exit?>(nil)

    /// Starts a program, found on the path when it has no slash. Output of both kinds is appended to a file.
    static func start(
        _ arguments: [String],
        environment: [String: String] = [:],
        output: String,
        on loop: any EventLoop
    ) async throws -> ChildProcess {
        let pid = try await nursery.runIfActive {
            try spawn(["setpriv", "--pdeathsig", "KILL", "--"] + arguments, environment, output, nil)
        }
        return ChildProcess(pid: pid, loop: loop)
    }

    /// Starts a process that outlives the harness: what cleans up after it. `input` is closed here once the child has it.
    static func startDetached(_ arguments: [String], input: Int32, on loop: any EventLoop) async throws -> ChildProcess
    {
        let pid = try await nursery.runIfActive { try spawn(arguments, [:], "/dev/null", input) }
        return ChildProcess(pid: pid, loop: loop)
    }

    private init(pid: pid_t, loop: any EventLoop) {
        self.pid = pid
        exit = Self.waiters.runIfActive(eventLoop: loop) {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            return status & 0x7F == 0 ? .code(status >> 8 & 0xFF) : .signal(status & 0x7F)
        }
        exit.whenSuccess { [self] exit in ended.withLock { $0 = exit } }
    }

    /// How it ended, if it has.
    var ending: Exit? { ended.withLock { $0 } }

    /// Waits for the end.
    func wait() async throws -> Exit { try await exit.get() }

    func signal(_ number: Int32) {
        // A process that was waited for has given up its number, which may be another's by now.
        if ending == nil { _ = kill(pid, number) }
    }

    private static func spawn(
        _ arguments: [String],
        _ environment: [String: String],
        _ output: String,
        _ input: Int32?
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Closing a number that is not open is no failure to posix_spawn.
        for descriptor in 3..<Self.descriptorsMax { posix_spawn_file_actions_addclose(&actions, descriptor) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own: a terminal's Ctrl-C ends the harness, and its death ends the child.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)

        var variables: [String] = []
        for name in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"] {
            if let value = getenv(name) { variables.append("\(name)=\(String(cString: value))") }
        }
        variables += environment.map { "\($0.key)=\($0.value)" }

        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &envp)
        if let input { close(input) }
        guard code == 0 else { throw SpawnFailure(program: arguments[0], code: code) }
        return pid
    }
}
