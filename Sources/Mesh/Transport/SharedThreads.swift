internal import NIOCore
internal import NIOPosix

/// The threads that the process has anyway, for rooms that open no sockets: their timers and what they compute need some.
enum SharedThreads {
    /// One of the event loops.
    static func loop() -> any EventLoop { MultiThreadedEventLoopGroup.singleton.any() }

    /// Runs what takes a while to compute, away from the event loops.
    static func compute(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await NIOThreadPool.singleton.runIfActive(body)
    }
}
