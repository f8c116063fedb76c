import Mesh
import NIOCore
import NIOHTTP1

/// The S3 calls that workloads make, as requests; what an answer means is the caller's to judge.
extension S3Session {
    static func path(_ bucket: String, _ key: String) -> String {
        "/\(bucket)/\(PercentCoding.encode(key, keepSlash: true))"
    }

    func createBucket(_ bucket: String) async throws(HTTPFailure) -> HTTPResponse {
        try await send(HTTPRequest(method: .PUT, target: "/\(bucket)"))
    }

    func enableVersioning(_ bucket: String) async throws(HTTPFailure) -> HTTPResponse {
        let text = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        return try await send(
            HTTPRequest(method: .PUT, target: "/\(bucket)?versioning", body: .bytes(ByteBuffer(string: text)))
        )
    }

    func put(
        _ bucket: String,
        _ key: String,
        _ pattern: Pattern,
        headers: [(String, String)] = [],
        secondsMax: Int64 = 30
    ) async throws(HTTPFailure) -> HTTPResponse {
        let range = 0..<pattern.size
        return try await send(
            HTTPRequest(
                method: .PUT,
                target: Self.path(bucket, key),
                headers: headers + [("x-amz-meta-operation", String(pattern.operation))],
                body: pattern.size <= 64 << 10 ? .bytes(pattern.bytes) : .pattern(pattern, range),
                secondsMax: secondsMax
            )
        )
    }

    func get(_ bucket: String, _ key: String) async throws(HTTPFailure) -> HTTPResponse {
        try await send(HTTPRequest(method: .GET, target: Self.path(bucket, key)))
    }

    func delete(_ bucket: String, _ key: String) async throws(HTTPFailure) -> HTTPResponse {
        try await send(HTTPRequest(method: .DELETE, target: Self.path(bucket, key)))
    }

    /// One page of ListObjectsV2, keys percent-encoded.
    func list(_ bucket: String, after token: String?, keysMax: Int = 1000) async throws(HTTPFailure) -> HTTPResponse {
        var target = "/\(bucket)?list-type=2&encoding-type=url&max-keys=\(keysMax)"
        if let token { target += "&continuation-token=\(PercentCoding.encode(token, keepSlash: false))" }
        return try await send(HTTPRequest(method: .GET, target: target))
    }

    /// One page of what a check asks for.
    func list(
        _ bucket: String,
        _ query: ListingCheck.Query,
        after token: String?,
        secondsMax: Int64
    ) async throws(HTTPFailure) -> HTTPResponse {
        var target = "/\(bucket)?list-type=2&encoding-type=url&max-keys=\(query.keysMax)"
        target += "&prefix=\(PercentCoding.encode(query.prefix, keepSlash: false))"
        if let delimiter = query.delimiter {
            target += "&delimiter=\(PercentCoding.encode(delimiter, keepSlash: false))"
        }
        if let token { target += "&continuation-token=\(PercentCoding.encode(token, keepSlash: false))" }
        return try await send(HTTPRequest(method: .GET, target: target, secondsMax: secondsMax))
    }

    func createUpload(_ bucket: String, _ key: String, _ pattern: Pattern) async throws(HTTPFailure) -> HTTPResponse {
        try await send(
            HTTPRequest(
                method: .POST,
                target: Self.path(bucket, key) + "?uploads",
                headers: [("x-amz-meta-operation", String(pattern.operation))]
            )
        )
    }

    func uploadPart(
        _ bucket: String,
        _ key: String,
        upload: String,
        number: Int,
        _ pattern: Pattern,
        _ range: Range<Int>
    ) async throws(HTTPFailure) -> HTTPResponse {
        let id = PercentCoding.encode(upload, keepSlash: false)
        return try await send(
            HTTPRequest(
                method: .PUT,
                target: Self.path(bucket, key) + "?partNumber=\(number)&uploadId=\(id)",
                body: .pattern(pattern, range)
            )
        )
    }

    func completeUpload(
        _ bucket: String,
        _ key: String,
        upload: String,
        etags: [String]
    ) async throws(HTTPFailure) -> HTTPResponse {
        let parts = etags.enumerated()
            .map { "<Part><PartNumber>\($0.offset + 1)</PartNumber><ETag>\($0.element)</ETag></Part>" }
            .joined()
        return try await send(
            HTTPRequest(
                method: .POST,
                target: Self.path(bucket, key) + "?uploadId=\(PercentCoding.encode(upload, keepSlash: false))",
                body: .bytes(ByteBuffer(string: "<CompleteMultipartUpload>\(parts)</CompleteMultipartUpload>"))
            )
        )
    }

    func abortUpload(_ bucket: String, _ key: String, upload: String) async throws(HTTPFailure) -> HTTPResponse {
        let id = PercentCoding.encode(upload, keepSlash: false)
        return try await send(HTTPRequest(method: .DELETE, target: Self.path(bucket, key) + "?uploadId=\(id)"))
    }

    func listUploads(_ bucket: String) async throws(HTTPFailure) -> HTTPResponse {
        try await send(HTTPRequest(method: .GET, target: "/\(bucket)?uploads&encoding-type=url"))
    }
}
