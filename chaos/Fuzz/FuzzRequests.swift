import Mesh
import NIOCore

/// Valid S3 requests as bytes, rightly signed, for others to break.
struct FuzzRequests: Sendable {
    /// A request before it is bytes.
    struct Draft: Sendable {
        var method: String
        var target: String
        var headers: [(String, String)]
        var body: [UInt8] = []

        var bytes: [UInt8] {
            var text = "\(method) \(target) HTTP/1.1\r\n"
            for (name, value) in headers { text += "\(name): \(value)\r\n" }
            return Array(text.utf8) + [13, 10] + body
        }

        /// Replaces a header's value, or takes the header out.
        mutating func set(_ name: String, _ value: String?) {
            headers.removeAll { $0.0.lowercased() == name.lowercased() }
            if let value { headers.append((name, value)) }
        }
    }

    static let bucket = "fuzz"
    let target: S3Target
    /// An upload that only a whole and right request completes, for documents that would complete it.
    var upload = ""
    var partETag = ""

    init(_ target: S3Target) { self.target = target }

    /// What any object of that key holds: small ones and some beyond what is held inline.
    static func body(_ key: String) -> [UInt8] { Array(pattern(key).bytes.readableBytesView) }

    static func pattern(_ key: String) -> Pattern {
        let hash = Pattern(key: key, operation: 7, size: 0).key
        let size = hash % 8 == 0 ? 70_000 + Int(hash >> 8 & 0xFFFF) : Int(hash >> 8 & 2047)
        return Pattern(key: key, operation: 7, size: size)
    }

    /// `target` must be well-formed. The payload's hash is signed, unless `payload` says something else.
    func signed(
        _ method: String,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8] = [],
        payload: String? = nil
    ) -> (draft: Draft, chunks: ChunkSigner) {
        var headers = [("Host", target.authority)] + headers
        do {
            let chunks = try target.signer.sign(
                method: method,
                target: path,
                headers: &headers,
                payload: payload ?? Self.hash(body),
                now: Clock.seconds()
            )
            if !body.isEmpty || method == "PUT" || method == "POST" {
                headers.append(("Content-Length", String(body.count)))
            }
            return (Draft(method: method, target: path, headers: headers, body: body), chunks)
        } catch {
            preconditionFailure("\(path) cannot be signed: \(error)")
        }
    }

    private static func hash(_ body: [UInt8]) -> String {
        let digest = BodyDigest(md5: false, checksum: nil, sha256: true)
        body.withUnsafeBytes { digest.update($0) }
        return digest.finish().sha256?.hex ?? ""
    }

    /// Signs a target that may be malformed; throws when that cannot even be read as one.
    func sign(_ method: String, _ path: String, _ headers: inout [(String, String)]) throws(S3Error) {
        try target.signer.sign(
            method: method,
            target: path,
            headers: &headers,
            payload: "UNSIGNED-PAYLOAD",
            now: Clock.seconds()
        )
    }

    func put(_ key: String) -> Draft {
        signed("PUT", "/\(Self.bucket)/\(key)", headers: [("x-amz-meta-a", "b")], body: Self.body(key)).draft
    }

    /// A PUT in aws-chunked coding with signed chunks. `spoil` may change the coded body before its length is told.
    func putChunked(_ key: String, decodedLength: String? = nil, spoil: (inout [UInt8]) -> Void = { _ in }) -> Draft {
        let content = Self.body(key)
        let headers = [
            ("Content-Encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", decodedLength ?? String(content.count)),
        ]
        var (draft, chunks) = signed(
            "PUT",
            "/\(Self.bucket)/\(key)",
            headers: headers,
            payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        )
        var encoder = ChunkEncoder(chunks)
        for start in stride(from: 0, to: content.count, by: 8192) {
            draft.body += encoder.chunk(Array(content[start..<min(start + 8192, content.count)]))
        }
        draft.body += encoder.chunk([]) + encoder.trailer([])
        spoil(&draft.body)
        draft.set("Content-Length", String(draft.body.count))
        return draft
    }

    func get(_ key: String) -> Draft { signed("GET", "/\(Self.bucket)/\(key)").draft }

    func list() -> Draft { signed("GET", "/\(Self.bucket)?list-type=2&max-keys=3&prefix=canary").draft }

    /// Deletes a key that is never there.
    func deleteMany(_ document: [UInt8]? = nil) -> Draft {
        let document = document ?? Array("<Delete><Object><Key>never</Key></Object></Delete>".utf8)
        return signed("POST", "/\(Self.bucket)?delete", body: document).draft
    }

    func complete(_ document: [UInt8]? = nil) -> Draft {
        let part = "<Part><PartNumber>1</PartNumber><ETag>\(partETag)</ETag></Part>"
        let document = document ?? Array("<CompleteMultipartUpload>\(part)</CompleteMultipartUpload>".utf8)
        let id = PercentCoding.encode(upload, keepSlash: false)
        return signed("POST", "/\(Self.bucket)/upload?uploadId=\(id)", body: document).draft
    }
}
