/// Where to listen: a host name or address, and a port (0: any free one).
struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    let host: String
    let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `127.0.0.1:9000`, `node.example:9000`, `[::1]:9000`; nil for anything else.
    init?(_ text: String) {
        guard text.utf8.count <= 300, let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
            let isPlain = host.utf8.allSatisfy { byte in
                (0x30...0x3A).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
                    || byte == UInt8(ascii: ".")
            }
            guard isPlain, host.utf8.contains(UInt8(ascii: ":")) else { return nil }
        } else {
            // An IPv6 address without brackets is ambiguous: its last group looks like a port.
            guard !host.utf8.contains(UInt8(ascii: ":")), !host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x2F })
            else {
                return nil
            }
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: Int(port))
    }

    var description: String { "\(hostText):\(port)" }

    /// The host as it stands before a port: an IPv6 address in brackets.
    var hostText: String { host.contains(":") ? "[\(host)]" : host }

    /// Whether only this machine can reach it.
    var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}
