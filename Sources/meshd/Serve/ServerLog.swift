import Logging

/// What Hummingbird's servers log, without the two lines with which they comment on being cut off.
///
/// When a stop takes its whole time, the services that are left are cancelled, and each server calls that an error
/// twice: its accepting was cancelled, and its port is closed already. The node says itself that requests were cut off.
/// Every other line, and these at any other time, is passed on.
struct ServerLog: LogHandler {
    private static let endings: Set<String> = [
        "Waiting on child channel: CancellationError()",
        "Server shutdown error: Already closed",
    ]

    private var base: any LogHandler
    private let isStopping: @Sendable () -> Bool

    init(_ base: any LogHandler, isStopping: @escaping @Sendable () -> Bool) {
        self.base = base
        self.isStopping = isStopping
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        if isStopping(), Self.endings.contains(event.message.description) { return }
        base.log(event: event)
    }
}
