/// Requests whose HTTP framing contradicts itself or is none, with right signatures.
enum FuzzFraming {
    private static let lengths = [
        "-1", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "5368709121", "1e3", "0x10",
        "5, 6",
        "", "five", "99999999999999999999999999999999", "1 2", "+",
    ]
    private static let codings = ["gzip", "chunked, gzip", "xchunked", "chunked, chunked", "identity, x"]
    private static let chunkedBodies = [
        "zz\r\nabc\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcdef\r\n0\r\n\r\n", "\r\n\r\n", "3 3\r\nabc\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n",
    ]

    static func next(_ requests: FuzzRequests, _ key: String, _ random: inout SeededRandom) -> FuzzCase {
        var draft = requests.put(key)
        var delivery = FuzzCase.Delivery.whole(answers: 1)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: draft.headers.append(("Transfer-Encoding", "chunked"))
        case 1: draft.set("Content-Length", lengths[Int.random(in: 0..<lengths.count, using: &random)])
        case 2:
            draft.headers.append(("Content-Length", String(draft.body.count + 1)))
        case 3:
            draft.set("Content-Length", nil)
            draft.headers.append(("Transfer-Encoding", codings[Int.random(in: 0..<codings.count, using: &random)]))
            // A coding that is not known may run to the connection's end.
            delivery = .halfClosed
        default:
            draft.set("Content-Length", nil)
            draft.headers.append(("Transfer-Encoding", "chunked"))
            draft.body = Array(chunkedBodies[Int.random(in: 0..<chunkedBodies.count, using: &random)].utf8)
        }
        return FuzzCase(kind: "framing", bytes: draft.bytes, delivery: delivery, expectation: .refused, key: key)
    }
}

/// Bodies in aws-chunked coding that are wrong behind a right signature of the head.
enum FuzzChunks {
    static func next(_ requests: FuzzRequests, _ key: String, _ random: inout SeededRandom) -> FuzzCase {
        let real = FuzzRequests.body(key).count
        let draft: FuzzRequests.Draft
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            let wrong = [
                "\(real + 1)", "\(real + 100_000)", "-1", "", "many", "18446744073709551616", "5368709121", "\(real).0",
            ]
            draft = requests.putChunked(key, decodedLength: wrong[Int.random(in: 0..<wrong.count, using: &random)])
        case 1: draft = requests.putChunked(key, decodedLength: real == 0 ? "7" : "\(real - 1)")
        case 2:
            // No last chunk: it is 84 bytes of size and signature, and a line break.
            draft = requests.putChunked(key) { $0.removeLast(min($0.count, 86)) }
        case 3:
            let cut = Int.random(in: 1...1000, using: &random)
            draft = requests.putChunked(key) { $0.removeLast(min($0.count, max(5, cut))) }
        case 4: draft = requests.putChunked(key) { $0 += Array("0\r\n\r\nmore".utf8) }
        case 5:
            let size = ["FFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFFFFFFFFFFF", "-5", "", "g", "8000000000000000"]
            let prefix = size[Int.random(in: 0..<size.count, using: &random)]
            draft = requests.putChunked(key) { body in
                let end = body.firstIndex(of: UInt8(ascii: ";")) ?? 0
                body.replaceSubrange(..<end, with: Array(prefix.utf8))
            }
        case 6:
            let digit = Int.random(in: 0..<64, using: &random)
            draft = requests.putChunked(key) { body in
                let at = (body.firstIndex(of: UInt8(ascii: "=")) ?? 0) + 1 + digit
                body[at] = body[at] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            }
        default:
            let count = Int.random(in: 1...3000, using: &random)
            var noise = random
            draft = requests.putChunked(key) { $0 = (0..<count).map { _ in UInt8(truncatingIfNeeded: noise.next()) } }
        }
        return FuzzCase(
            kind: "aws-chunked",
            bytes: draft.bytes,
            delivery: .whole(answers: 1),
            expectation: .refused,
            key: key
        )
    }
}
