import NIOCore
import NIOHTTP1

/// Sends one large object, reads it back and compares every byte, overwrites it, and takes it away.
///
/// The first object of every second client is half as large, so that uploads and downloads overlap from early on.
struct StreamClient: Sendable {
    /// A stream among many on a slow disk takes its time.
    private static let secondsMax: Int64 = 1800

    let number: Int
    let size: Int
    let seed: UInt64
    let verdict: Verdict

    @concurrent
    func work(_ target: S3Target, _ group: any EventLoopGroup) async {
        let session = S3Session(target, on: group)
        let path = S3Session.path("streams", "stream/\(number)")
        let firstSize = number % 2 == 0 ? size : max(1, size / 2)
        do {
            for (version, size) in [firstSize, size].enumerated() {
                let operation = SeededRandom.mix(seed &+ UInt64(number * 2 + version))
                let pattern = Pattern(key: path, operation: operation, size: size)
                try await up(session, path, pattern)
                try await down(session, path, pattern)
            }
            let gone = try await session.send(HTTPRequest(method: .DELETE, target: path))
            verdict.check(gone.status == 204, "DELETE \(path): \(gone.status) \(gone.text)")
        } catch {
            verdict.fail("\(path): \(error)")
        }
        await session.close()
    }

    /// Sends the object.
    @concurrent
    func send(_ target: S3Target, _ group: any EventLoopGroup) async {
        await alone(target, group) { session, path, pattern throws(HTTPFailure) in try await up(session, path, pattern)
        }
    }

    /// Reads the object that `send` of the same client left, and compares every byte.
    @concurrent
    func read(_ target: S3Target, _ group: any EventLoopGroup) async {
        await alone(target, group) { session, path, pattern throws(HTTPFailure) in
            try await down(session, path, pattern)
        }
    }

    private func alone(
        _ target: S3Target,
        _ group: any EventLoopGroup,
        _ body: (S3Session, String, Pattern) async throws(HTTPFailure) -> Void
    ) async {
        let session = S3Session(target, on: group)
        let path = S3Session.path("streams", "stream/\(number)")
        let operation = SeededRandom.mix(seed &+ UInt64(number * 2))
        do {
            try await body(session, path, Pattern(key: path, operation: operation, size: size))
        } catch {
            verdict.fail("\(path) by client \(number): \(error)")
        }
        await session.close()
    }

    private func up(_ session: S3Session, _ path: String, _ pattern: Pattern) async throws(HTTPFailure) {
        let response = try await session.send(
            HTTPRequest(
                method: .PUT,
                target: path,
                body: .pattern(pattern, 0..<pattern.size),
                secondsMax: Self.secondsMax
            )
        )
        verdict.check(response.status == 200, "PUT \(path): \(response.status) \(response.text)")
        verdict.count("uploads")
        verdict.count("MiB moved", pattern.size >> 20)
    }

    private func down(_ session: S3Session, _ path: String, _ pattern: Pattern) async throws(HTTPFailure) {
        let response = try await session.send(
            HTTPRequest(method: .GET, target: path, reception: .compare(pattern), secondsMax: Self.secondsMax)
        )
        verdict.check(
            response.status == 200 && response.bytesReceived == pattern.size && response.firstDifference == nil,
            "GET \(path): \(response.status), \(response.bytesReceived) of \(pattern.size) bytes, "
                + "first difference at \(response.firstDifference.map(String.init) ?? "none")"
        )
        verdict.count("downloads")
        verdict.count("MiB moved", pattern.size >> 20)
    }
}
