import Mesh
import NIOCore
import NIOHTTP1

/// Where a node answers S3 requests, and with which key.
struct S3Target: Sendable {
    let host: String
    let port: Int
    let accessKey: String
    let secret: String
    let region: String

    var authority: String { "\(host):\(port)" }

    var signer: S3Signer { S3Signer(accessKey: accessKey, secret: secret, region: region) }

    /// From `http://host:port` or `host:port`.
    init?(endpoint: String, accessKey: String, secret: String, region: String = "us-east-1") {
        let plain = endpoint.hasPrefix("http://") ? endpoint.dropFirst(7) : endpoint[...]
        let parts = plain.split(separator: "/", maxSplits: 1)
        guard let authority = parts.first, let colon = authority.lastIndex(of: ":"),
            let port = Int(authority[authority.index(after: colon)...]), (1...65535).contains(port)
        else { return nil }
        self.host = String(authority[..<colon])
        self.port = port
        self.accessKey = accessKey
        self.secret = secret
        self.region = region
    }
}

/// One S3 client: one connection that is opened when it is needed and again when it was closed.
///
/// Not Sendable: a client is one task that waits for each answer, as the histories assume.
final class S3Session {
    let target: S3Target
    private let signer: S3Signer
    private let group: any EventLoopGroup
    private var connection: HTTPConnection?

    init(_ target: S3Target, on group: any EventLoopGroup) {
        self.target = target
        self.group = group
        signer = target.signer
    }

    /// Signs and sends. A connection that the server closed while it was idle costs one silent new one.
    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        var request = request
        request.headers.insert(("Host", target.authority), at: 0)
        do {
            try signer.sign(
                method: request.method.rawValue,
                target: request.target,
                headers: &request.headers,
                payload: "UNSIGNED-PAYLOAD",
                now: Clock.seconds()
            )
        } catch {
            throw .malformed("cannot sign \(request.target): \(error)")
        }
        if request.body.size > 0 || request.method == .PUT || request.method == .POST {
            request.headers.append(("Content-Length", String(request.body.size)))
        }
        if let connection, !connection.isOpen { self.connection = nil }
        let connection: HTTPConnection
        if let open = self.connection {
            connection = open
        } else {
            let address: SocketAddress
            do {
                address = try SocketAddress.makeAddressResolvingHost(target.host, port: target.port)
            } catch {
                throw .refused("\(error)")
            }
            connection = try await HTTPConnection.open(address, on: group)
            self.connection = connection
        }
        do {
            return try await connection.send(request)
        } catch {
            self.connection = nil
            throw error
        }
    }

    func close() async {
        await connection?.close()
        connection = nil
    }
}
