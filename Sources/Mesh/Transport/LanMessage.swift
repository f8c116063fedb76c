package import Swim

/// What nodes say of themselves on the local network before they belong to any mesh.
///
/// | bytes | question            | answer                                                       |
/// |-------|---------------------|--------------------------------------------------------------|
/// | 4     | `mLAN`              | `mLAN`                                                       |
/// | 1     | version, 2          | version, 2                                                   |
/// | 1     | 0                   | 1                                                            |
/// | 8     | nonce               | the same nonce                                               |
/// | 16    | zero, to 512 in all | node id                                                      |
/// | 8     |                     | free bytes                                                   |
/// | rest  |                     | name, program version, mesh address, admin address: each a length (1) and UTF-8 |
///
/// Nobody proves anything here: an answer is text to look at, never a reason to trust. A question is as long as the
/// longest answer, so that nobody can use a node to send more than was sent to it.
package enum LanMessage: Equatable, Sendable {
    case question(nonce: UInt64)
    case answer(nonce: UInt64, LanNode)

    package static let questionBytes = 512
    private static let magic = Array("mLAN".utf8)
    private static let version: UInt8 = 2
    /// Bytes of a name, a version and two addresses: what a node may call itself, and an address with an IPv6 in it.
    private static let limits = [63, 32, 96, 96]

    package var encoded: [UInt8] {
        var bytes = Self.magic + [Self.version]
        switch self {
        case .question(let nonce):
            bytes.append(0)
            Self.put(nonce, into: &bytes)
            bytes.append(contentsOf: [UInt8](repeating: 0, count: Self.questionBytes - bytes.count))
        case .answer(let nonce, let node):
            bytes.append(1)
            for word in [nonce, node.id.high, node.id.low, node.freeBytes] { Self.put(word, into: &bytes) }
            for (text, limit) in zip([node.name, node.version, node.mesh, node.admin], Self.limits) {
                let field = Array(text.utf8.prefix(limit))
                bytes.append(UInt8(field.count))
                bytes.append(contentsOf: field)
            }
        }
        return bytes
    }

    /// Nil for anything that is not one whole message. Texts come out printable, whatever was sent.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 14, bytes.count <= Self.questionBytes, Array(bytes[0..<4]) == Self.magic,
            bytes[4] == Self.version
        else { return nil }
        var rest = bytes[6...]
        guard let nonce = Self.takeWord(&rest) else { return nil }
        switch bytes[5] {
        case 0:
            guard bytes.count == Self.questionBytes, rest.allSatisfy({ $0 == 0 }) else { return nil }
            self = .question(nonce: nonce)
        case 1:
            guard let high = Self.takeWord(&rest), let low = Self.takeWord(&rest), let free = Self.takeWord(&rest)
            else { return nil }
            var texts: [String] = []
            for limit in Self.limits {
                guard let count = rest.popFirst(), Int(count) <= limit, rest.count >= Int(count) else { return nil }
                texts.append(PlainText.of(rest.prefix(Int(count)), scalarsMax: limit))
                rest = rest.dropFirst(Int(count))
            }
            guard rest.isEmpty else { return nil }
            let id = NodeID(high: high, low: low)
            self = .answer(
                nonce: nonce,
                LanNode(id: id, name: texts[0], version: texts[1], mesh: texts[2], admin: texts[3], freeBytes: free)
            )
        default:
            return nil
        }
    }

    private static func put(_ word: UInt64, into bytes: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
        }
    }

    private static func takeWord(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        guard rest.count >= 8 else { return nil }
        defer { rest = rest.dropFirst(8) }
        return rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// A node as it describes itself to its local network.
package struct LanNode: Equatable, Sendable {
    package let id: NodeID
    package let name: String
    package let version: String
    /// Where it listens for other nodes.
    package let mesh: String
    /// Where its admin face is, for who wants to invite it.
    package let admin: String
    package let freeBytes: UInt64

    package init(id: NodeID, name: String, version: String, mesh: String, admin: String = "", freeBytes: UInt64) {
        self.id = id
        self.name = name
        self.version = version
        self.mesh = mesh
        self.admin = admin
        self.freeBytes = freeBytes
    }
}
