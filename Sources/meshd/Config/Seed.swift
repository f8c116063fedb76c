import Mesh

/// One place to look for other nodes of the mesh.
enum Seed: Hashable, Sendable, CustomStringConvertible {
    /// Enough for every site of a mesh. Each is asked in every period while this node is alone, so more would be noise.
    static let countMax = MeshNodeSettings.seedsMax

    /// An address or a DNS name, with its port.
    case address(ListenAddress)
    /// A DNS name whose SRV records name the nodes (RFC 2782).
    case service(String)

    /// `10.0.0.1:9002`, `node.example.org:9002`, `[fd00::1]:9002` or `srv:_meshd._udp.example.org`.
    init?(_ text: String) {
        if text.hasPrefix("srv:") {
            let name = String(text.dropFirst(4)).lowercased()
            guard Self.isServiceName(name) else { return nil }
            self = .service(name)
        } else {
            guard let address = ListenAddress(text), address.port != 0 else { return nil }
            self = .address(address)
        }
    }

    var description: String {
        switch self {
        case .address(let address): address.description
        case .service(let name): "srv:" + name
        }
    }

    /// Two labels with an underscore before them, then a domain: `_meshd._udp.example.org`.
    private static func isServiceName(_ name: String) -> Bool {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 3, labels[0].first == "_", labels[1] == "_udp" || labels[1] == "_tcp" else {
            return false
        }
        let rest = [labels[0].dropFirst()] + labels.dropFirst(2)
        return name.utf8.count <= 253 && SettingKind.isHostName(rest.joined(separator: "."))
    }
}
