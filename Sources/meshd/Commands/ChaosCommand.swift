import ArgumentParser
import Glibc

/// `meshd chaos`: the program `chaos`, which lies beside this one, for whoever has no source. It starts meshes of its own
/// and touches no other data.
struct ChaosCommand: ParsableCommand {
    /// Two minutes of everything that this user can do to a mesh, in a folder of its own that is removed, with bounds on
    /// the disk that chaos keeps.
    static let defaults = ["run", "--nodes", "5", "--minutes", "2", "--faults", "all"]

    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Break a mesh of its own on this machine and prove that it kept its promises.",
        discussion: """
            Without arguments: \(defaults.joined(separator: " ")). Others go to chaos as they are: meshd chaos list, \
            meshd chaos run --minutes 10, meshd chaos bench, meshd chaos --help.
            """
    )

    @Argument(parsing: .captureForPassthrough, help: "What chaos is told.")
    var arguments: [String] = []

    func run() throws {
        let own = try Self.ownPath()
        let program = Self.beside(own)
        guard access(program, X_OK) == 0 else { throw CommandFailure(Self.absence(of: program, own: own)) }
        let words = [program] + (arguments.isEmpty ? Self.defaults : arguments)
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        // It starts as any program does, not with what this one has set for its sockets.
        signal(SIGPIPE, SIG_DFL)
        execv(program, &argv)
        throw CommandFailure("cannot start \(program): \(String(cString: strerror(errno)))")
    }

    /// Where this program is, whatever link led to it.
    private static func ownPath() throws -> String {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &bytes, bytes.count)
        guard count > 0 else { throw CommandFailure("cannot tell where this program is: /proc/self/exe does not say") }
        return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The program of that name in the same folder.
    static func beside(_ own: String) -> String {
        let folder = own.lastIndex(of: "/").map { own[...$0] } ?? ""
        return folder + "chaos"
    }

    static func absence(of program: String, own: String) -> String {
        """
        there is no program \(program). It comes beside meshd; from the source it is built with
        `scripts/release.sh --product chaos`. Put it into the folder of \(own).
        """
    }
}
