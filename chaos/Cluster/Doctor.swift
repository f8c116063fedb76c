import NIOCore

/// `meshd doctor` on a data directory that no daemon has open.
enum Doctor {
    static func examine(_ settings: Daemon.Settings, on group: any EventLoopGroup) async throws -> Tool.Answer {
        try await Tool.run(
            [settings.binary, "doctor", "--data-dir", settings.dataDirectory],
            output: settings.logFile + ".doctor",
            on: group
        )
    }
}
