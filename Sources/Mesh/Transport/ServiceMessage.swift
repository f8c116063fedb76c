/// One DNS question for SRV records and what may come back (RFC 1035, RFC 2782, RFC 6891).
///
/// Answers are hostile input: every length is checked, names are followed backwards only and a bounded number of times,
/// and an answer counts only when its id and its question are those that were sent.
struct ServiceMessage: Sendable {
    struct Target: Hashable, Sendable {
        let priority: UInt16
        let weight: UInt16
        let port: UInt16
        let host: String
    }

    enum Reply: Equatable, Sendable {
        case targets([Target])
        /// The name does not exist, or has no such records.
        case nothing
        /// The server cannot say; another one may.
        case failure(code: UInt8)
    }

    static let targetsMax = 64
    /// What the question says its asker can take: a datagram that is not cut up on any usual path.
    static let answerBytesMax = 1_232
    private static let serviceType: UInt16 = 33
    private static let internet: UInt16 = 1
    /// Pointers in one name: each must point further back, and a name has at most 127 labels.
    private static let jumpsMax = 32

    let id: UInt16
    /// In lower case, without a dot at the end.
    let name: String

    /// The bytes of the question; nil when the name is none.
    var encoded: [UInt8]? {
        var bytes: [UInt8] = []
        func put(_ word: UInt16) { bytes += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)] }
        put(id)
        // A recursive query with one question and one additional record.
        for word: UInt16 in [0x0100, 1, 0, 0, 1] { put(word) }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, labels.allSatisfy({ (1...63).contains($0.utf8.count) }) else { return nil }
        for label in labels {
            bytes.append(UInt8(label.utf8.count))
            bytes += label.utf8
        }
        bytes.append(0)
        put(Self.serviceType)
        put(Self.internet)
        // EDNS: the root's name, type OPT, the size of the answer in place of a class, nothing else.
        bytes.append(0)
        put(41)
        put(UInt16(Self.answerBytesMax))
        bytes += [0, 0, 0, 0, 0, 0]
        return bytes
    }

    /// What `bytes` answer to this question; nil when they are no answer to it.
    func reply(in bytes: [UInt8]) -> Reply? {
        var at = 0
        guard let words = Self.words(6, in: bytes, at: &at), words[0] == id, words[1] & 0x8000 != 0, words[2] == 1,
            let question = Self.name(in: bytes, at: &at), question == name,
            let kind = Self.words(2, in: bytes, at: &at), kind == [Self.serviceType, Self.internet]
        else { return nil }
        switch UInt8(words[1] & 15) {
        case 0: break
        case 3: return .nothing
        case let code: return .failure(code: code)
        }
        var targets: [Target] = []
        for _ in 0..<words[3] {
            guard targets.count < Self.targetsMax else { break }
            // What was cut off, or makes no sense, ends the list; what came before it stands.
            guard Self.name(in: bytes, at: &at) != nil, let head = Self.words(5, in: bytes, at: &at),
                at + Int(head[4]) <= bytes.count
            else { break }
            let end = at + Int(head[4])
            defer { at = end }
            guard head[0] == Self.serviceType, head[1] == Self.internet else { continue }
            var field = at
            guard let fields = Self.words(3, in: bytes, at: &field), let host = Self.name(in: bytes, at: &field),
                field == end, fields[2] != 0, Self.isHostName(host)
            else { continue }
            targets.append(Target(priority: fields[0], weight: fields[1], port: fields[2], host: host))
        }
        guard !targets.isEmpty else { return .nothing }
        return .targets(targets.sorted { ($0.priority, $1.weight, $0.host) < ($1.priority, $0.weight, $1.host) })
    }

    private static func words(_ count: Int, in bytes: [UInt8], at: inout Int) -> [UInt16]? {
        guard at + 2 * count <= bytes.count else { return nil }
        defer { at += 2 * count }
        return (0..<count).map { UInt16(bytes[at + 2 * $0]) << 8 | UInt16(bytes[at + 2 * $0 + 1]) }
    }

    /// A name, in lower case, with dots between its labels; `at` moves behind it.
    private static func name(in bytes: [UInt8], at: inout Int) -> String? {
        var text: [UInt8] = []
        var position = at
        var end: Int?
        var jumps = 0
        while position < bytes.count {
            let length = Int(bytes[position])
            switch length {
            case 0:
                at = end ?? position + 1
                return String(decoding: text, as: UTF8.self)
            case 1...63:
                guard position + 1 + length <= bytes.count, text.count + length <= 253 else { return nil }
                if !text.isEmpty { text.append(UInt8(ascii: ".")) }
                text += bytes[(position + 1)...(position + length)].map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
                position += 1 + length
            case 192...255:
                guard position + 1 < bytes.count, jumps < jumpsMax else { return nil }
                let target = (length & 63) << 8 | Int(bytes[position + 1])
                guard target < position else { return nil }
                end = end ?? position + 2
                position = target
                jumps += 1
            default:
                return nil
            }
        }
        return nil
    }

    private static func isHostName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            }
    }
}
