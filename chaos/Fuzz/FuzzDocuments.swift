/// XML documents that are malformed, deep, huge or not what was asked for, in rightly signed requests.
enum FuzzDocuments {
    static func next(_ requests: FuzzRequests, _ random: inout SeededRandom) -> FuzzCase {
        let deletes = random.oneIn(2)
        let root = deletes ? "Delete" : "CompleteMultipartUpload"
        let document = document(root, &random)
        let draft = deletes ? requests.deleteMany(document) : requests.complete(document)
        return FuzzCase(
            kind: "documents",
            bytes: draft.bytes,
            delivery: .whole(answers: 1),
            expectation: .refused
        )
    }

    private static func document(_ root: String, _ random: inout SeededRandom) -> [UInt8] {
        let depth = Int.random(in: 100...200_000, using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return Array("<\(root)>".utf8)
        case 1: return Array((String(repeating: "<a>", count: depth)).utf8)
        case 2:
            let open = String(repeating: "<a>", count: depth)
            let close = String(repeating: "</a>", count: depth)
            return Array("<\(root)>\(open)\(close)</\(root)>".utf8)
        case 3: return Array("<\(root)><Object><Key>a</Object></Key></\(root)>".utf8)
        case 4: return Array("<\(root)>".utf8) + [0xFF, 0xFE, 0xC0, 0x80] + Array("</\(root)>".utf8)
        case 5:
            return Array(
                ("<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>"
                    + "<\(root)><Object><Key>&b;</Key></Object></\(root)>").utf8
            )
        case 6: return Array("<\(root)><Object><Key>&#x110000;&nosuch;</Key></Object></\(root)>".utf8)
        case 7: return Array("<Wrong><Object><Key>a</Key></Object></Wrong>".utf8)
        case 8: return []
        case 9: return Array("<\(root)/>".utf8)
        case 10:
            let count = Int.random(in: 4 << 20...5 << 20, using: &random)
            return Array("<\(root)>".utf8) + [UInt8](repeating: 32, count: count) + Array("</\(root)>".utf8)
        default:
            let count = Int.random(in: 1...2000, using: &random)
            return Array("<\(root)>".utf8) + (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
    }
}
