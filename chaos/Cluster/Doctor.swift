import FoundationEssentials
import NIOCore

/// `meshd doctor` on a data directory that no daemon has open.
enum Doctor {
    struct Opinion: Sendable {
        let exit: ChildProcess.Exit
        let text: String

        var isHealthy: Bool { exit == .code(0) }
    }

    static func examine(_ settings: Daemon.Settings, on group: any EventLoopGroup) async throws -> Opinion {
        let output = settings.logFile + ".doctor"
        try? FileManager.default.removeItem(atPath: output)
        let process = try await ChildProcess.start(
            [settings.binary, "doctor", "--data-dir", settings.dataDirectory],
            output: output,
            on: group.next()
        )
        let exit = try await process.wait()
        let text = FileManager.default.contents(atPath: output).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return Opinion(exit: exit, text: text)
    }
}
