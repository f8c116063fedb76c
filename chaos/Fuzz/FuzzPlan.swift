/// Decides which case comes next: breaks valid requests in ways that a seed chooses.
struct FuzzPlan {
    private var random: SeededRandom
    private let requests: FuzzRequests
    private let worker: Int
    private var number = 0

    init(_ requests: FuzzRequests, seed: UInt64, worker: Int) {
        self.requests = requests
        self.worker = worker
        random = SeededRandom(seed: seed, label: UInt64(worker))
    }

    mutating func next() -> FuzzCase {
        number += 1
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<10: return garbage()
        case 10..<30: return truncation()
        case 30..<48: return flips()
        case 48..<52: return giant()
        case 52..<62: return FuzzFraming.next(requests, freshKey(), &random)
        case 62..<74: return FuzzChunks.next(requests, freshKey(), &random)
        case 74..<81: return FuzzSignatures.next(requests, freshKey(), &random)
        case 81..<86: return FuzzTargets.next(requests, &random)
        case 86..<94: return FuzzDocuments.next(requests, &random)
        case 94..<99: return pipeline()
        default: return slow()
        }
    }

    /// A known object is put, read and compared by the caller.
    mutating func canary() -> (put: FuzzCase, get: FuzzCase) {
        let key = "canary-\(worker)"
        let put = FuzzCase(
            kind: "canary PUT",
            bytes: requests.put(key).bytes,
            delivery: .whole(answers: 1),
            expectation: .granted,
            key: key
        )
        let get = FuzzCase(
            kind: "canary GET",
            bytes: requests.get(key).bytes,
            delivery: .whole(answers: 1),
            expectation: .granted
        )
        return (put, get)
    }

    private func freshKey() -> String { "w\(worker)-\(number)" }

    private mutating func garbage() -> FuzzCase {
        let count = Int.random(in: 1...4096, using: &random)
        var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        if random.oneIn(3) { bytes = Array("GET / HTTP/1.1\r\n".utf8) + bytes }
        if random.oneIn(3) { bytes += [13, 10, 13, 10] }
        return FuzzCase(kind: "garbage", bytes: bytes, delivery: .halfClosed, expectation: .refused)
    }

    /// Any valid request, with the key that it puts.
    private mutating func anyRequest() -> (FuzzRequests.Draft, key: String?) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return (requests.put(freshKey()), freshKey())
        case 1: return (requests.putChunked(freshKey()), freshKey())
        case 2: return (requests.get("canary-0"), nil)
        case 3: return (requests.list(), nil)
        case 4: return (requests.deleteMany(), nil)
        default: return (requests.complete(), "upload")
        }
    }

    private mutating func truncation() -> FuzzCase {
        let bytes = anyRequest().0.bytes
        let kept = Int.random(in: 0..<bytes.count, using: &random)
        return FuzzCase(
            kind: "truncation",
            bytes: Array(bytes[..<kept]),
            delivery: random.oneIn(2) ? .reset : .halfClosed,
            expectation: .refused
        )
    }

    private mutating func flips() -> FuzzCase {
        let (draft, key) = anyRequest()
        var bytes = draft.bytes
        // Most of a large request is body, where all flips are alike.
        let range = random.oneIn(4) ? 0..<bytes.count : 0..<min(bytes.count, 900)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            bytes[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        return FuzzCase(kind: "bit flips", bytes: bytes, delivery: .halfClosed, expectation: .either, key: key)
    }

    private mutating func giant() -> FuzzCase {
        var draft = requests.get("canary-0")
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            draft.headers.append(
                ("X-Giant", String(repeating: "v", count: .random(in: 200_000...2_000_000, using: &random)))
            )
        case 1:
            for index in 0..<Int.random(in: 20_000...60_000, using: &random) {
                draft.headers.append(("X-\(index)", "v"))
            }
        case 2:
            draft.headers.append((String(repeating: "n", count: .random(in: 200_000...2_000_000, using: &random)), "v"))
        default:
            draft.target += "?" + String(repeating: "a", count: .random(in: 100_000...2_000_000, using: &random))
        }
        return FuzzCase(kind: "giants", bytes: draft.bytes, delivery: .whole(answers: 1), expectation: .refused)
    }

    private mutating func pipeline() -> FuzzCase {
        let count = Int.random(in: 2...12, using: &random)
        var bytes = (random.oneIn(2) ? requests.put(freshKey()) : requests.putChunked(freshKey())).bytes
        for _ in 1..<count {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes += requests.put(freshKey()).bytes
            case 1: bytes += requests.list().bytes
            case 2: bytes += requests.deleteMany().bytes
            default: bytes += requests.get(freshKey()).bytes
            }
        }
        return FuzzCase(
            kind: "pipelines",
            bytes: bytes,
            delivery: .whole(answers: count),
            expectation: .granted,
            key: freshKey()
        )
    }

    private mutating func slow() -> FuzzCase {
        var draft = requests.put(freshKey())
        var key: String? = freshKey()
        if draft.body.count > 3000 {
            (draft, key) = (requests.deleteMany(), nil)
        }
        return FuzzCase(
            kind: "slow bodies",
            bytes: draft.bytes,
            delivery: .slow(micros: .random(in: 0...400, using: &random)),
            expectation: .granted,
            key: key
        )
    }
}
