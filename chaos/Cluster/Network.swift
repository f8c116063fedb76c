import Glibc
import NIOCore

/// Where the nodes of a cluster live.
enum Network: Sendable {
    /// One node's place: its address, and what to put before its program.
    struct Site: Sendable {
        let host: String
        let wrapper: [String]

        func listen(s3: Int = 9000, admin: Int = 9001, mesh: Int = 9002) -> Daemon.Listen {
            Daemon.Listen(s3: "\(host):\(s3)", admin: "\(host):\(admin)", mesh: "\(host):\(mesh)")
        }
    }

    /// An address each on this machine's loopback: nothing lies between the nodes that could be cut.
    case loopback(prefix: String)
    /// A network namespace each, joined by a bridge.
    case namespaces(Namespaces)

    /// A block of loopback addresses that another run of this user hardly has: the process number makes it.
    static var loopback: Network { loopback(from: 77) }

    /// Another one, for a second mesh beside the first.
    static var otherLoopback: Network { loopback(from: 177) }

    private static func loopback(from first: Int) -> Network {
        let pid = Int(getpid())
        return .loopback(prefix: "127.\(first + pid / 250 % 78).\(1 + pid % 250)")
    }

    /// `number` counts from 1.
    func site(_ number: Int) async throws -> Site {
        switch self {
        case .loopback(let prefix): Site(host: "\(prefix).\(number)", wrapper: [])
        case .namespaces(let namespaces): try await namespaces.site(number)
        }
    }

    var namespaces: Namespaces? {
        if case .namespaces(let namespaces) = self { namespaces } else { nil }
    }
}
