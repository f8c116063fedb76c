import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// A `meshd serve` on a data directory: started, killed and started again.
final class Daemon: Sendable {
    /// Where it listens; by default on ports that the kernel picks.
    struct Listen: Sendable {
        var s3 = "127.0.0.1:0"
        var admin = "127.0.0.1:0"
        var mesh = "127.0.0.1:0"
    }

    struct Settings: Sendable {
        var binary: String
        var dataDirectory: String
        var logFile: String
        var listen = Listen()
        /// Opens the admin ports of all nodes of one mesh; nil lets the daemon make its own.
        var adminToken: String?
        var accessKey = "CHAOSACCESSKEY"
        var secret = "chaos-secret-chaos-secret-chaos"
        /// More arguments for `serve`.
        var arguments: [String] = []
        /// More variables.
        var variables: [String: String] = [:]
        /// Put before the daemon: a tracer, say.
        var wrapper: [String] = []
        var secondsToStartMax: UInt64 = 60

        init(binary: String, folder: String) {
            self.binary = binary
            dataDirectory = "\(folder)/data"
            logFile = "\(folder)/meshd.log"
        }

        var environment: [String: String] {
            var found = ["MESHD_ROOT_ACCESS_KEY": accessKey, "MESHD_ROOT_SECRET_KEY": secret]
            found["MESHD_ADMIN_TOKEN"] = adminToken
            return found.merging(variables) { $1 }
        }
    }

    enum Failure: Error, CustomStringConvertible {
        case debugBinary(String)
        case missing(String)
        case ended(ChildProcess.Exit, log: String)
        case notReady(seconds: UInt64, log: String)

        var description: String {
            switch self {
            case .debugBinary(let path): "\(path) is a debug build; judge a release build, or say --allow-debug"
            case .missing(let path): "there is no program at \(path)"
            case .ended(let exit, let log): "meshd ended with \(exit) before it was ready:\n\(log)"
            case .notReady(let seconds, let log): "meshd was not ready after \(seconds) s:\n\(log)"
            }
        }
    }

    private struct Endpoints: Decodable {
        let s3: String
        let admin: String
        let pid: Int32
    }

    let settings: Settings
    let process: ChildProcess
    private let group: any EventLoopGroup

    /// A debug build differs by the folder that the package manager puts it in.
    static func check(binary: String, allowDebug: Bool) throws -> String {
        guard let real = realpath(binary, nil) else { throw Failure.missing(binary) }
        defer { free(real) }
        let path = String(cString: real)
        guard allowDebug || !path.split(separator: "/").contains("debug") else { throw Failure.debugBinary(path) }
        return path
    }

    /// Starts the process; it is not ready yet.
    static func start(_ settings: Settings, on group: any EventLoopGroup) async throws -> Daemon {
        // What an earlier process left there must not be taken for this one's.
        _ = unlink("\(settings.dataDirectory)/endpoints.json")
        let process = try await ChildProcess.start(
            settings.wrapper + [
                settings.binary, "serve", "--data-dir", settings.dataDirectory, "--s3-listen", settings.listen.s3,
                "--admin-listen", settings.listen.admin, "--mesh-listen", settings.listen.mesh,
            ] + settings.arguments,
            environment: settings.environment,
            output: settings.logFile,
            on: group.next()
        )
        return Daemon(settings: settings, process: process, group: group)
    }

    private init(settings: Settings, process: ChildProcess, group: any EventLoopGroup) {
        self.settings = settings
        self.process = process
        self.group = group
    }

    /// Waits until `/health/ready` says yes; returns where S3 is served.
    func ready() async throws -> S3Target {
        let deadline = Clock.nanoseconds() + settings.secondsToStartMax * 1_000_000_000
        while Clock.nanoseconds() < deadline {
            if let exit = process.ending { throw Failure.ended(exit, log: logTail()) }
            if let endpoints = endpoints(), await isReady(endpoints),
                let target = S3Target(
                    endpoint: endpoints.s3,
                    accessKey: settings.accessKey,
                    secret: settings.secret
                )
            {
                return target
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw Failure.notReady(seconds: settings.secondsToStartMax, log: logTail())
    }

    private func endpoints() -> Endpoints? {
        guard let data = FileManager.default.contents(atPath: "\(settings.dataDirectory)/endpoints.json"),
            // Half a file is no answer yet.
            let endpoints = try? JSONDecoder().decode(Endpoints.self, from: data)
        else { return nil }
        return settings.wrapper.isEmpty && endpoints.pid != process.pid ? nil : endpoints
    }

    private func isReady(_ endpoints: Endpoints) async -> Bool {
        guard let target = S3Target(endpoint: endpoints.admin, accessKey: "", secret: ""),
            let address = try? SocketAddress.makeAddressResolvingHost(target.host, port: target.port),
            let connection = try? await HTTPConnection.open(address, on: group)
        else { return false }
        let answer = try? await connection.send(
            HTTPRequest(
                method: .GET,
                target: "/health/ready",
                headers: [("Host", target.authority)],
                secondsMax: 5
            )
        )
        await connection.close()
        return answer?.status == 200
    }

    /// Asks for a graceful stop and waits for it; kills what has not stopped by then.
    func stop(secondsMax: Int64 = 30) async throws -> ChildProcess.Exit {
        process.signal(SIGTERM)
        let deadline = Clock.nanoseconds() + UInt64(secondsMax) * 1_000_000_000
        while process.ending == nil, Clock.nanoseconds() < deadline { try await Task.sleep(for: .milliseconds(5)) }
        if process.ending == nil { say("\(settings.dataDirectory) does not stop: \(threads)") }
        process.signal(SIGKILL)
        return try await process.wait()
    }

    func kill() async throws -> ChildProcess.Exit {
        process.signal(SIGKILL)
        return try await process.wait()
    }

    /// The last lines of the log.
    func logTail(lines: Int = 40) -> String {
        guard let data = FileManager.default.contents(atPath: settings.logFile) else { return "(no log)" }
        return String(decoding: data.suffix(64 << 10), as: UTF8.self)
            .split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    /// The name of each thread and where in the kernel it waits.
    private var threads: String {
        let folder = "/proc/\(process.pid)/task"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted()
            .map { thread in
                ["comm", "wchan"].map { Self.lines("\(folder)/\(thread)/\($0)").first ?? "?" }.joined(separator: " ")
            }
            .joined(separator: "; ")
    }

    /// The lines of a file of /proc, in pieces of at most 255 bytes. Not read by FileManager: such files say that their
    /// size is 0.
    private static func lines(_ path: String) -> [String] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var found: [String] = []
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let bytes = line.prefix { $0 != 0 && $0 != CChar(UInt8(ascii: "\n")) }
            found.append(String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return found
    }

    /// Peak and present resident memory in KiB, as the kernel counts it.
    func residentKiB() -> (peak: Int, now: Int)? {
        var found: [String: Int] = [:]
        for line in Self.lines("/proc/\(process.pid)/status") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count >= 2 { found[String(words[0])] = Int(words[1]) }
        }
        guard let peak = found["VmHWM:"], let now = found["VmRSS:"] else { return nil }
        return (peak, now)
    }
}
