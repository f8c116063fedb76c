/// Requests that are well-formed, and whose signatures are wrong, old, incomplete or nonsense.
enum FuzzSignatures {
    private static let nonsense = [
        "", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", "Basic YTpi", "AWS a:b", "AWS4-HMAC-SHA256 ,,,,====",
        "AWS4-HMAC-SHA256 Credential=////, SignedHeaders=;;;, Signature=zz",
    ]

    static func next(_ requests: FuzzRequests, _ key: String, _ random: inout SeededRandom) -> FuzzCase {
        var draft = requests.put(key)
        let right = draft.headers.first { $0.0 == "Authorization" }?.1 ?? ""
        switch Int.random(in: 0..<7, using: &random) {
        case 0:
            let last = right.last == "0" ? "1" : "0"
            draft.set("Authorization", right.dropLast() + last)
        case 1: draft.set("Authorization", nonsense[Int.random(in: 0..<nonsense.count, using: &random)])
        case 2: draft.set("Authorization", nil)
        case 3:
            draft.set("x-amz-date", ["20000101T000000Z", "x", "99999999T999999Z", ""].randomElement(using: &random))
        case 4: draft.set("x-amz-content-sha256", String(repeating: "0", count: 64))
        case 5: draft.target += "x"
        default:
            draft.set("Authorization", nil)
            draft.target +=
                "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%00&X-Amz-Date=20260101T000000Z"
                + "&X-Amz-Expires=-1&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
        }
        return FuzzCase(
            kind: "signatures",
            bytes: draft.bytes,
            delivery: .whole(answers: 1),
            expectation: .refused,
            key: key
        )
    }
}

/// Targets with percent-encodings that are broken or odd; what they name is never there.
enum FuzzTargets {
    private static let odd = [
        "%", "%2", "%G1", "%00", "%ff%fe", "%2e%2e/%2e%2e/etc/passwd", "../../etc/passwd", "//", "/./", "%2F%2F", "%25",
        "a?versionId=%", "a?partNumber=%zz", "a?%=%&&==&", "%c0%af", "%F0%9F%92%A9", "a?uploadId=%00&partNumber=-1",
        "a?max-keys=99999999999999999999", "\u{7F}", "a#b", "a?X-Amz-Signature=%",
    ]

    static func next(_ requests: FuzzRequests, _ random: inout SeededRandom) -> FuzzCase {
        var draft = requests.get("nothing")
        let name = odd[Int.random(in: 0..<odd.count, using: &random)]
        // Some of these can be signed as they are, which takes them past the check of the signature.
        var headers = [("Host", requests.target.authority)]
        let target = "/\(FuzzRequests.bucket)/nothing\(name)"
        if (try? requests.sign("GET", target, &headers)) != nil {
            draft.headers = headers
        }
        draft.target = target
        return FuzzCase(kind: "targets", bytes: draft.bytes, delivery: .whole(answers: 1), expectation: .refused)
    }
}
