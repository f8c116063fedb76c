import AsyncHTTPClient
import Foundation
import Mesh
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A bucket of some S3 store, as a rule writes to it.
///
/// Addresses are in the style of paths. A body goes as it is read, with the MD5 that it has to have in its head where
/// that is known; else its parts are compared with what the target says it got.
struct S3Target: ReplicationTarget {
    /// Objects without a known MD5 go in parts from here on: a part that broke is sent again, and not the whole.
    static let partedBytesMin: UInt64 = 8 << 20
    /// All others from here on.
    static let wholeBytesMax: UInt64 = 1 << 30
    static let partBytes: UInt64 = 64 << 20
    private static let partsMax: UInt64 = 10_000
    private static let triesMax = 3
    /// A document of the target's that is longer is none that S3 has.
    private static let answerBytesMax = 256 << 10
    /// A target that takes a body slower than this has stopped.
    private static let bytesPerSecondMin: UInt64 = 32 << 10
    private static let answerSeconds: Int64 = 60

    /// One for all rules of a node: it keeps connections.
    static func client() -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10), read: .seconds(answerSeconds), write: .seconds(answerSeconds)),
            decompression: .disabled
        )
        configuration.httpVersion = .http1Only
        return HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
            configuration: configuration
        )
    }

    private let client: HTTPClient
    private let rule: ReplicationRule.Target
    private let signer: S3Signer
    private let tls: TLSConfiguration?

    /// Throws when the certificate cannot be read.
    init(_ rule: ReplicationRule.Target, client: HTTPClient) throws(ReplicationFailure) {
        self.client = client
        self.rule = rule
        signer = S3Signer(accessKey: rule.accessKey, secret: rule.secret.revealed, region: rule.region)
        do {
            tls = try rule.certificate.map { text in
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(text.utf8)))
                return tls
            }
        } catch { throw .refused("its certificate cannot be read: \(error)") }
    }

    // MARK: What a rule needs

    func place() async throws(ReplicationFailure) -> String? {
        let answer = try await send(.HEAD, path: nil)
        // An answer to HEAD has no document that says more.
        guard answer.isGood else { throw .refused("the bucket \(rule.bucket) is answered with \(answer.status)") }
        return answer.headers.first(name: "\(ReplicationOrigin.placeHeader)")
    }

    func look(_ key: String) async throws(ReplicationFailure) -> TargetObject? {
        let answer = try await send(.HEAD, path: key)
        if answer.status == 404 { return nil }
        guard answer.isGood else { throw answer.failure(about: "reading") }
        var described: [String: String] = [:]
        for (name, value) in answer.headers { described[name.lowercased()] = value }
        return TargetObject(
            size: described["content-length"].flatMap { UInt64($0) } ?? 0,
            etag: (described["etag"] ?? "").filter { $0 != "\"" },
            origin: described["\(ReplicationOrigin.header)"].flatMap { ReplicationOrigin(text: $0) },
            tagsCount: described["x-amz-tagging-count"].flatMap { Int($0) } ?? 0,
            headers: described
        )
    }

    func put(_ object: OutgoingObject) async throws(ReplicationFailure) {
        let isParted = object.size >= (object.md5 == nil ? Self.partedBytesMin : Self.wholeBytesMax)
        if isParted { return try await putParts(of: object) }
        let body = OutgoingBody(object, 0..<object.size)
        var headers = Self.describing(object)
        if let md5 = object.md5 { headers.append(("content-md5", Data(md5).base64EncodedString())) }
        let answer = try await send(.PUT, path: object.key, headers: headers, body: body)
        guard answer.isGood else { throw answer.failure(about: "writing") }
        try body.check(answer)
    }

    func delete(_ key: String, _ origin: ReplicationOrigin) async throws(ReplicationFailure) {
        let answer = try await send(.DELETE, path: key, headers: [("\(ReplicationOrigin.header)", origin.text)])
        guard answer.isGood || answer.code == "NoSuchKey" else { throw answer.failure(about: "deleting") }
    }

    private static func describing(_ object: OutgoingObject) -> [(String, String)] {
        var headers = object.headers.map { ($0.name, $0.value) }
        if let tagging = object.tagging { headers.append(("x-amz-tagging", tagging)) }
        headers.append(("\(ReplicationOrigin.header)", object.origin.text))
        return headers
    }

    // MARK: Parts

    private func putParts(of object: OutgoingObject) async throws(ReplicationFailure) {
        let begun = try await send(.POST, path: object.key, query: "uploads=", headers: Self.describing(object))
        guard begun.isGood, let upload = begun.text(of: "UploadId") else { throw begun.failure(about: "writing") }
        do {
            // As many as are allowed, when it is very large.
            let least = (object.size + Self.partsMax - 1) / Self.partsMax
            let size = max(Self.partBytes, least)
            var tags: [String] = []
            var start: UInt64 = 0
            while start < object.size {
                let end = min(start + size, object.size)
                tags.append(try await putPart(of: object, start..<end, tags.count + 1, upload))
                start = end
            }
            try await complete(object, upload, tags)
        } catch {
            // What was sent so far is of no use. Should this fail too, the target's own rules take it away.
            // In a task of its own: this one may be cancelled, and then it could not say so.
            Task { _ = try? await send(.DELETE, path: object.key, query: "uploadId=\(Self.encoded(upload))") }
            throw error
        }
    }

    private func putPart(
        of object: OutgoingObject,
        _ range: Range<UInt64>,
        _ number: Int,
        _ upload: String
    ) async throws(ReplicationFailure) -> String {
        let query = "partNumber=\(number)&uploadId=\(Self.encoded(upload))"
        var turn = 0
        while true {
            turn += 1
            do throws(ReplicationFailure) {
                let body = OutgoingBody(object, range)
                let answer = try await send(.PUT, path: object.key, query: query, body: body)
                guard answer.isGood, let tag = answer.headers.first(name: "etag") else {
                    throw answer.failure(about: "writing")
                }
                try body.check(answer)
                return tag
            } catch {
                guard turn < Self.triesMax, !Task.isCancelled, error != .superseded else { throw error }
            }
        }
    }

    private func complete(
        _ object: OutgoingObject,
        _ upload: String,
        _ tags: [String]
    ) async throws(ReplicationFailure) {
        let parts = tags.enumerated().map { number, tag in
            let tag = tag.replacing("&", with: "&amp;").replacing("\"", with: "&quot;").replacing("<", with: "&lt;")
            return "<Part><PartNumber>\(number + 1)</PartNumber><ETag>\(tag)</ETag></Part>"
        }
        let document = "<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>"
        let bytes = ByteBuffer(string: document)
        let answer = try await send(
            .POST,
            path: object.key,
            query: "uploadId=\(Self.encoded(upload))",
            headers: [("content-type", "application/xml"), ("\(ReplicationOrigin.header)", object.origin.text)],
            document: bytes
        )
        // The answer begins before the target is done: an error may come in a good one.
        guard answer.isGood, !answer.body.contains("<Error>") else { throw answer.failure(about: "writing") }
    }

    private static func encoded(_ text: String) -> String { PercentCoding.encode(text, keepSlash: false) }

    // MARK: Requests

    private func send(
        _ method: HTTPMethod,
        path key: String?,
        query: String? = nil,
        headers: [(String, String)] = [],
        body: OutgoingBody? = nil,
        document: ByteBuffer? = nil
    ) async throws(ReplicationFailure) -> TargetAnswer {
        var target = "/" + Self.encoded(rule.bucket)
        if let key { target += "/" + PercentCoding.encode(key, keepSlash: true) }
        if let query { target += "?" + query }
        var signed = headers + [("host", String(rule.authority))]
        do throws(S3Error) {
            try signer.sign(
                method: method.rawValue,
                target: target,
                headers: &signed,
                payload: "UNSIGNED-PAYLOAD",
                now: JSON.nowMillis() / 1_000
            )
        } catch { throw .object("it cannot be asked for: \(error.message)") }
        var request = HTTPClientRequest(url: rule.endpoint + target)
        request.method = method
        request.headers = HTTPHeaders(signed)
        request.tlsConfiguration = tls
        if let body {
            request.body = .stream(body, length: .known(Int64(body.count)))
        } else if let document {
            request.body = .bytes(document)
        }
        let seconds = Self.answerSeconds + Int64((body?.count ?? 0) / Self.bytesPerSecondMin)
        do {
            let response = try await client.execute(request, timeout: .seconds(seconds))
            let bytes = try await response.body.collect(upTo: Self.answerBytesMax)
            return TargetAnswer(
                status: Int(response.status.code),
                headers: response.headers,
                body: String(buffer: bytes)
            )
        } catch {
            if let failure = body?.failure { throw failure }
            throw .unreachable("\(rule.endpoint): \(Self.reason(error))")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: error.shortDescription
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "its name has no address"
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case is NIOTooManyBytesError: "its answer is too long"
        case is CancellationError: "this node stops"
        default: "\(error)"
        }
    }
}
