/// What a request says of its signature: who signed, when, for which scope, over which headers. Not yet believed.
package struct SigV4Claim: Sendable {
    package enum Place: Sendable {
        case header
        case query
    }

    package let place: Place
    package let accessKey: String
    package let payload: PayloadClaim
    /// Seconds since 1970.
    package let signedAt: UInt64
    /// `20260102T030405Z`
    let date: [UInt8]
    /// `20260102`, region, `s3` and `aws4_request` with slashes between.
    let scope: [UInt8]
    /// As spelled, with semicolons.
    let signedHeaders: [UInt8]
    let signature: Digest256
    /// The last line of the canonical request.
    let payloadText: [UInt8]

    var day: [UInt8] { Array(scope.prefix(8)) }

    /// How far a client's clock may be off.
    package static let skewSecondsMax: UInt64 = 15 * 60
    /// Seven days.
    package static let expirySecondsMax: UInt64 = 604_800

    /// Throws `AccessDenied` for a request without a signature. `now` is in seconds since 1970.
    package init(_ head: S3Head, region: String, now: UInt64) throws(S3Error) {
        guard !head.headers.isOverfull else { throw S3Error(.requestHeaderSectionTooLarge) }
        let authorization = head.headers.bytes("authorization")
        let isPresigned = head.target.has("X-Amz-Algorithm") || head.target.has("X-Amz-Signature")
        if let authorization {
            if isPresigned || head.headers.count(of: "authorization") > 1 {
                throw S3Error.argument("Authorization", "", "Only one auth mechanism allowed; only one may be present.")
            }
            try self.init(header: authorization, head, region, now)
        } else if isPresigned {
            try self.init(query: head, region, now)
        } else if Self.isBrowserForm(head) {
            throw S3Error(.notImplemented, "Uploads by browser forms (POST Object) are not implemented.")
        } else {
            throw S3Error(.accessDenied)
        }
    }

    /// Its signature is in the body: it cannot be believed, and need not be, to be told that there is no such thing.
    private static func isBrowserForm(_ head: S3Head) -> Bool {
        head.method == .post
            && (head.headers.bytes("content-type")?.starts(with: Array("multipart/form-data".utf8)) ?? false)
    }

    private static let signatureVersion2 = S3Error(
        .invalidRequest,
        "The authorization mechanism you have provided (Signature Version 2) is not supported. "
            + "Please use AWS4-HMAC-SHA256."
    )

    // MARK: The Authorization header

    private init(header: ArraySlice<UInt8>, _ head: S3Head, _ region: String, _ now: UInt64) throws(S3Error) {
        let blank = header.firstIndex(where: ASCII.isBlank) ?? header.endIndex
        let algorithm = header[..<blank]
        guard ASCII.equal(algorithm, "AWS4-HMAC-SHA256") else {
            if ASCII.equal(algorithm, "AWS") { throw Self.signatureVersion2 }
            if ASCII.equal(algorithm, "AWS4-ECDSA-P256-SHA256") {
                throw S3Error.unsupported(.header, "Authorization: AWS4-ECDSA-P256-SHA256")
            }
            throw S3Error.argument("Authorization", "", "Unsupported Authorization Type")
        }
        var credential: ArraySlice<UInt8>?
        var signed: ArraySlice<UInt8>?
        var signature: ArraySlice<UInt8>?
        var index = blank
        while index < header.endIndex {
            let end = header[index...].firstIndex(of: UInt8(ascii: ",")) ?? header.endIndex
            let field = ASCII.trimmed(header[index..<end])
            index = end == header.endIndex ? end : end + 1
            if field.isEmpty { continue }
            guard let equals = field.firstIndex(of: UInt8(ascii: "=")) else { throw Self.malformed("field") }
            let name = field[..<equals]
            let value = field[(equals + 1)...]
            if ASCII.equal(name, "Credential") {
                credential = value
            } else if ASCII.equal(name, "SignedHeaders") {
                signed = value
            } else if ASCII.equal(name, "Signature") {
                signature = value
            } else {
                throw Self.malformed("unknown field")
            }
        }
        guard let credential, let signed, let signature else {
            throw Self.malformed("Credential, SignedHeaders or Signature missing")
        }
        guard let digest = Digest256(hex: signature) else { throw Self.malformed("Signature is not 64 digits") }
        let parts = try Self.split(credential, region, .header)

        let seconds: UInt64
        if let text = head.headers.bytes("x-amz-date") {
            guard let parsed = S3Date.parseBasic(text) else { throw Self.noDate }
            (seconds, date) = (parsed, Array(text))
        } else {
            guard let text = head.headers.bytes("date"),
                let parsed = S3Date.parseHTTP(text) ?? S3Date.parseBasic(text)
            else { throw Self.noDate }
            (seconds, date) = (parsed, Array(S3Date.basic(seconds: parsed).utf8))
        }
        if seconds > now + Self.skewSecondsMax || now > seconds + Self.skewSecondsMax {
            throw S3Error(
                .requestTimeTooSkewed,
                nil,
                [
                    .init("RequestTime", String(decoding: date, as: UTF8.self)),
                    .init("ServerTime", S3Date.iso(millis: now * 1000)),
                    .init("MaxAllowedSkewMilliseconds", String(Self.skewSecondsMax * 1000)),
                ]
            )
        }
        // Without the header the canonical request holds the hash of the body; clients that leave it out (curl) sign
        // bodies that are empty, and any other will be found not to match.
        let hash = head.headers.bytes("x-amz-content-sha256") ?? Self.emptyHash[...]
        place = .header
        accessKey = parts.accessKey
        scope = parts.scope
        signedHeaders = Array(signed)
        self.signature = digest
        signedAt = seconds
        payload = try PayloadClaim(hash)
        payloadText = Array(hash)
        guard date.starts(with: scope.prefix(8)) else { throw Self.malformed("Invalid credential date") }
        try checkHeaders(head)
    }

    private static let emptyHash: [UInt8] = {
        var text: [UInt8] = []
        Digest256.empty.appendHex(to: &text)
        return text
    }()

    private static let noDate = S3Error(
        .accessDenied,
        "AWS authentication requires a valid Date or x-amz-date header"
    )

    private static func malformed(_ what: String) -> S3Error {
        S3Error(.authorizationHeaderMalformed, "The authorization header is malformed; \(what).")
    }

    // MARK: The query

    private init(query head: S3Head, _ region: String, _ now: UInt64) throws(S3Error) {
        let target = head.target
        guard let algorithm = try target.value("X-Amz-Algorithm"),
            let credential = try target.value("X-Amz-Credential"),
            let signature = try target.value("X-Amz-Signature"), let dateText = try target.value("X-Amz-Date"),
            let signed = try target.value("X-Amz-SignedHeaders"), let expires = try target.value("X-Amz-Expires")
        else {
            throw Self.badQuery(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                    + "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
            )
        }
        guard ASCII.equal(algorithm[...], "AWS4-HMAC-SHA256") else {
            if ASCII.equal(algorithm[...], "AWS4-ECDSA-P256-SHA256") {
                throw S3Error.unsupported(.query, "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256")
            }
            throw Self.badQuery("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
        }
        guard let digest = Digest256(hex: signature) else { throw Self.badQuery("X-Amz-Signature is not 64 digits") }
        guard let seconds = S3Date.parseBasic(dateText) else {
            throw Self.badQuery("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        }
        guard let life = ASCII.decimal(expires) else { throw Self.badQuery("X-Amz-Expires should be a number") }
        guard life <= Self.expirySecondsMax else {
            throw Self.badQuery("X-Amz-Expires must be less than a week (in seconds); it must be at most 604800")
        }
        guard life >= 1 else { throw Self.badQuery("X-Amz-Expires must be at least 1") }
        let parts = try Self.split(credential[...], region, .query)
        if seconds > now + Self.skewSecondsMax { throw S3Error(.accessDenied, "Request is not valid yet") }
        if now > seconds + life {
            throw S3Error(
                .accessDenied,
                "Request has expired",
                [
                    .init("X-Amz-Expires", String(life)),
                    .init("Expires", S3Date.iso(millis: (seconds + life) * 1000)),
                    .init("ServerTime", S3Date.iso(millis: now * 1000)),
                ]
            )
        }
        var hash = try target.value("X-Amz-Content-Sha256")
        if hash == nil,
            signed.split(separator: UInt8(ascii: ";")).contains(where: { ASCII.equal($0, "x-amz-content-sha256") })
        {
            hash = head.headers.bytes("x-amz-content-sha256").map { Array($0) }
        }
        let text = hash ?? Array("UNSIGNED-PAYLOAD".utf8)
        place = .query
        accessKey = parts.accessKey
        scope = parts.scope
        signedHeaders = signed
        self.signature = digest
        date = dateText
        signedAt = seconds
        payload = try PayloadClaim(text[...])
        payloadText = text
        guard date.starts(with: scope.prefix(8)) else { throw Self.badQuery("Invalid credential date") }
        try checkHeaders(head)
    }

    private static func badQuery(_ message: String, _ details: [S3Error.Detail] = []) -> S3Error {
        S3Error(.authorizationQueryParametersError, message, details)
    }

    // MARK: Shared rules

    /// `key/20260102/region/s3/aws4_request`; an access key may itself hold slashes.
    private static func split(
        _ credential: ArraySlice<UInt8>,
        _ region: String,
        _ place: Place
    ) throws(S3Error) -> (accessKey: String, scope: [UInt8]) {
        let fail = { (what: String, details: [S3Error.Detail]) -> S3Error in
            place == .header
                ? S3Error(
                    .authorizationHeaderMalformed,
                    "The authorization header is malformed; \(what)",
                    details
                ) : badQuery("Error parsing the X-Amz-Credential parameter; \(what)", details)
        }
        // Cut from the end: terminal, service, region, day; what is left is the key.
        var slashes = (0, 0, 0, 0)
        var end = credential.endIndex
        var isWhole = credential.count <= 512
        for place in 0..<4 {
            guard let slash = credential[..<end].lastIndex(of: UInt8(ascii: "/")) else {
                isWhole = false
                break
            }
            slashes = (slash, slashes.0, slashes.1, slashes.2)
            if place < 3 { end = slash }
        }
        guard isWhole, slashes.0 > credential.startIndex,
            let key = String(validating: credential[..<slashes.0], as: UTF8.self)
        else {
            throw fail(
                "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
                []
            )
        }
        let day = credential[(slashes.0 + 1)..<slashes.1]
        guard day.count == 8, day.allSatisfy(ASCII.isDigit) else {
            throw fail("incorrect date format; it must be in the format \"yyyyMMdd\".", [])
        }
        let named = credential[(slashes.1 + 1)..<slashes.2]
        guard named.elementsEqual(region.utf8) else {
            let asked = String(decoding: named.prefix(64), as: UTF8.self)
            throw fail("the region '\(asked)' is wrong; expecting '\(region)'", [.init("Region", region)])
        }
        guard ASCII.equal(credential[(slashes.2 + 1)..<slashes.3], "s3") else {
            throw fail("incorrect service; it must be \"s3\".", [])
        }
        guard ASCII.equal(credential[(slashes.3 + 1)...], "aws4_request") else {
            throw fail("incorrect terminal; it must be \"aws4_request\".", [])
        }
        return (key, Array(credential[(slashes.0 + 1)...]))
    }

    /// Host and every `x-amz-` header have to be signed: a proxy must not add meaning.
    private func checkHeaders(_ head: S3Head) throws(S3Error) {
        let headers = head.headers
        var unsigned: [String] = []
        headers.bytes.withUnsafeBufferPointer { bytes in
            if !isSigned(UnsafeBufferPointer(start: Self.host.utf8Start, count: 4)) { unsigned.append("host") }
            for entry in headers.entries {
                let name = UnsafeBufferPointer(rebasing: bytes[entry.name])
                guard name.count > 6, name[0] == UInt8(ascii: "x"), name[2] == UInt8(ascii: "a"),
                    ASCII.hasPrefix(headers.bytes, entry.name, "x-amz-"), !isSigned(name)
                else { continue }
                if place == .query && ASCII.equal(headers.bytes, entry.name, "x-amz-content-sha256") { continue }
                unsigned.append(String(decoding: name, as: UTF8.self))
            }
        }
        if !unsigned.isEmpty {
            throw S3Error(
                .accessDenied,
                "There were headers present in the request which were not signed",
                [.init("HeadersNotSigned", unsigned.joined(separator: ", "))]
            )
        }
    }

    private static let host: StaticString = "host"

    private func isSigned(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        signedHeaders.withUnsafeBufferPointer { list in
            var start = 0
            while start < list.count {
                var end = start
                while end < list.count && list[end] != UInt8(ascii: ";") { end += 1 }
                if end - start == name.count {
                    var index = 0
                    while index < name.count && list[start + index] == name[index] { index += 1 }
                    if index == name.count { return true }
                }
                start = end + 1
            }
            return false
        }
    }
}
