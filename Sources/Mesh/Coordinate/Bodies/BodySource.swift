package import NIOCore
internal import Store

/// The bytes of one version, wherever they are: here, or with another holder. One caller at a time.
package final class BodySource: Sendable {
    private enum Road: Sendable {
        case local(BodyReader)
        case remote(RemoteBody)
        /// Here until a chunk turns out damaged, then with the others.
        case both(BodyReader, RemoteBody)
    }

    package let size: UInt64
    private let road: Road

    init(_ reader: BodyReader) {
        size = reader.size
        road = .local(reader)
    }

    init(_ body: RemoteBody) {
        size = body.size
        road = .remote(body)
    }

    init(_ reader: BodyReader, orElse body: RemoteBody) {
        size = reader.size
        road = .both(reader, body)
    }

    /// The bytes from `offset` on: at least one, at most one chunk, never past `limit` (absolute, exclusive). Every byte
    /// was checked; a source never goes over to another version. Reading on where the last read ended is what it is fast
    /// at.
    package func read(at offset: UInt64, limit: UInt64) async throws -> ByteBuffer {
        switch road {
        case .local(let reader): return try await reader.read(at: offset, limit: limit)
        case .remote(let body): return try await body.read(at: offset, limit: limit)
        case .both(let reader, let body):
            do {
                return try await reader.read(at: offset, limit: limit)
            } catch is StoreError {
                return try await body.read(at: offset, limit: limit)
            }
        }
    }
}
