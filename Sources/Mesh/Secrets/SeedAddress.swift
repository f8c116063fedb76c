package import Swim

/// Where to look for a mesh: a DNS name, an IPv4 address or an IPv6 address in brackets, and a port.
package struct SeedAddress: Hashable, Sendable, CustomStringConvertible {
    package static let textBytesMax = 260

    /// Without brackets.
    package let host: String
    package let port: UInt16
    private let isIPv6: Bool

    /// Reads `HOST:PORT`; nil for anything that cannot be one.
    package init?(parsing text: String) {
        guard text.utf8.count <= Self.textBytesMax, let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), digits.first != "0", let port = UInt16(digits)
        else { return nil }
        var host = text[..<colon]
        isIPv6 = host.hasPrefix("[") && host.hasSuffix("]")
        if isIPv6 {
            host = host.dropFirst().dropLast()
            guard Self.ipv6(host) != nil else { return nil }
        } else {
            guard Self.isName(host) else { return nil }
        }
        self.host = String(host)
        self.port = port
    }

    package var description: String { (isIPv6 ? "[\(host)]" : host) + ":\(port)" }

    /// The address in words, unless it is a name that must be looked up.
    package var endpoint: Endpoint? {
        if isIPv6 {
            return Self.ipv6(host[...]).map { Endpoint(ipv6High: $0.high, low: $0.low, port: port) }
        }
        return Self.ipv4(host[...]).map { Endpoint(ipv4: $0, port: port) }
    }

    // MARK: Parsing

    /// A DNS name, or an IPv4 address: what ends in a number must be one whole.
    private static func isName(_ host: Substring) -> Bool {
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard host.utf8.count <= 253, let last = labels.last else { return false }
        let isSound = labels.allSatisfy { label in
            let bytes = label.utf8
            return (1...63).contains(bytes.count) && bytes.first != 0x2D && bytes.last != 0x2D
                && bytes.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
                    default: false
                    }
                }
        }
        guard isSound else { return false }
        return last.utf8.contains { !(0x30...0x39).contains($0) } || ipv4(host) != nil
    }

    private static func ipv4(_ host: Substring) -> UInt32? {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), part == "0" || part.first != "0",
                let byte = UInt8(part)
            else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    private static func ipv6(_ host: Substring) -> (high: UInt64, low: UInt64)? {
        let halves = split(host)
        var groups: [[UInt16]] = []
        for half in halves {
            var words: [UInt16] = []
            for group in half.split(separator: ":", omittingEmptySubsequences: false) where !half.isEmpty {
                guard (1...4).contains(group.utf8.count), group.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }),
                    let word = UInt16(group, radix: 16)
                else { return nil }
                words.append(word)
            }
            groups.append(words)
        }
        let count = groups.reduce(0) { $0 + $1.count }
        guard groups.count == 1 ? count == 8 : groups.count == 2 && count < 8 else { return nil }
        let zeros = [UInt16](repeating: 0, count: 8 - count)
        let all = groups[0] + zeros + (groups.count == 2 ? groups[1] : [])
        func word(_ words: ArraySlice<UInt16>) -> UInt64 { words.reduce(0) { $0 << 16 | UInt64($1) } }
        return (word(all[0..<4]), word(all[4..<8]))
    }

    /// The parts before and after each `::`.
    private static func split(_ host: Substring) -> [Substring] {
        var halves: [Substring] = []
        var rest = host
        while let gap = rest.firstRange(of: "::") {
            halves.append(rest[..<gap.lowerBound])
            rest = rest[gap.upperBound...]
        }
        return halves + [rest]
    }
}
