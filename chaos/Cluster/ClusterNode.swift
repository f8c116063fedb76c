import FoundationEssentials
import Glibc
import NIOCore
import Synchronization

/// One node of a cluster through all its lives.
final class ClusterNode: Sendable {
    let number: Int
    let name: String
    let settings: Daemon.Settings
    /// nil: it has the machine's.
    let clock: FalseClock?
    /// Another build, which it may change to and back from.
    private let next: String?
    let target: S3Target
    private let group: any EventLoopGroup
    private let life = Mutex(Life())

    private struct Life {
        var daemon: Daemon?
        var isServing = false
        var hasNext = false
    }

    init?(
        number: Int,
        settings: Daemon.Settings,
        next: String? = nil,
        clock: FalseClock? = nil,
        on group: any EventLoopGroup
    ) {
        guard
            let target = S3Target(
                endpoint: settings.listen.s3,
                accessKey: settings.accessKey,
                secret: settings.secret
            )
        else { return nil }
        self.number = number
        self.settings = settings
        self.next = next
        self.clock = clock
        self.group = group
        self.target = target
        name = "n\(number)"
    }

    var daemon: Daemon? { life.withLock { $0.daemon } }

    /// From when it says that it is ready until something ends it: frozen or cut off it still counts.
    var isServing: Bool { life.withLock { $0.isServing && $0.daemon?.process.ending == nil } }

    /// Starts it and waits until it serves. `token` lets a fresh one in.
    func start(token: String? = nil) async throws {
        var settings = settings
        if let token { settings.arguments += ["--join", token] }
        if let next, life.withLock({ $0.hasNext }) { settings.binary = next }
        let daemon = try await Daemon.start(settings, on: group)
        life.withLock { life in
            life.daemon = daemon
            life.isServing = false
        }
        _ = try await daemon.ready()
        life.withLock { $0.isServing = true }
    }

    /// From its next start on it is the other build.
    func changeBuild() { life.withLock { $0.hasNext.toggle() } }

    func kill() async throws { _ = try await retire()?.kill() }

    /// Kills it without waiting for its end.
    func signalKill() { retire()?.process.signal(SIGKILL) }

    /// A graceful stop; nil when it was down already.
    func stop() async throws -> ChildProcess.Exit? {
        guard let daemon = retire(), daemon.process.ending == nil else { return nil }
        return try await daemon.stop()
    }

    /// No client shall choose it from now on.
    private func retire() -> Daemon? {
        life.withLock { life in
            life.isServing = false
            return life.daemon
        }
    }

    func pause() { daemon?.process.signal(SIGSTOP) }

    func resume() { daemon?.process.signal(SIGCONT) }

    /// Takes all that it stored: rows and bytes. Its name and its keys stay. It must be down.
    func wipe() throws {
        let manager = FileManager.default
        for name in try manager.contentsOfDirectory(atPath: settings.dataDirectory) where !Self.stays(name) {
            try manager.removeItem(atPath: "\(settings.dataDirectory)/\(name)")
        }
    }

    private static func stays(_ name: String) -> Bool {
        ["node-key", "mesh-", "members", "admin-", "root-"].contains { name.hasPrefix($0) }
    }

    /// Its files of objects' bytes, by name.
    func segments() throws -> [String] {
        let folder = "\(settings.dataDirectory)/segments"
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { "\(folder)/\($0)" }
    }

    /// How it ended, when nobody asked it to.
    var ending: ChildProcess.Exit? { daemon?.process.ending }

    func logTail(lines: Int = 12) -> [String] {
        (daemon?.logTail(lines: lines) ?? "(never started)").split(separator: "\n").map { "\(name): \($0)" }
    }
}
