internal import NIOCore
internal import NIOPosix
internal import Store

/// The node's files, written one after the other on a thread of their own: the event loop never waits for a disk.
final class MeshFolder: Sendable {
    let directory: String
    private let pool = NIOThreadPool(numberOfThreads: 1)

    init(_ directory: String) {
        self.directory = directory
        pool.start()
    }

    var snapshotFile: String { directory + "/members.bin" }
    var reportFile: String { directory + "/members.json" }

    /// Runs work that blocks, in order; the result comes on `loop`.
    func run<Value: Sendable>(
        on loop: any EventLoop,
        _ work: @escaping @Sendable () throws -> Value
    ) -> EventLoopFuture<Value> {
        pool.runIfActive(eventLoop: loop, work)
    }

    /// The same for callers that are no loop.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await pool.runIfActive(work)
    }

    func stop() async { try? await pool.shutdownGracefully() }

    /// Beside secrets, so for the owner only; the report is no secret, but who needs it can read the directory.
    static func write(_ bytes: [UInt8], to path: String) throws(MeshError) {
        do { try SmallFile.write(bytes, to: path) } catch { throw .unusable("\(error)") }
    }

    static func read(_ path: String) throws(MeshError) -> [UInt8]? {
        do { return try SmallFile.read(path, bytesMax: 64 << 20) } catch { throw .unusable("\(error)") }
    }
}
