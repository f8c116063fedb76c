/// What somebody may do with the mesh itself: its nodes, keys and settings. What is in buckets is a matter of grants.
package enum Role: UInt8, CaseIterable, Comparable, Sendable {
    /// No part in the mesh: what is granted in buckets, and nothing else. Keys without a role have this one.
    case user = 0
    /// Sees everything that is no secret, and changes nothing.
    case viewer = 1
    /// Also runs it: drains, repairs, replaces, makes buckets. Decides nothing about trust, and nothing that loses data.
    case `operator` = 2
    /// Everything, with every bucket too.
    case admin = 3

    /// As the API, the command line and the console write it.
    package var name: String {
        switch self {
        case .user: "user"
        case .viewer: "viewer"
        case .operator: "operator"
        case .admin: "admin"
        }
    }

    /// Nil when no role that a key can be given is called so.
    package init?(name: String) {
        guard let role = Role.allCases.first(where: { $0.name == name }), role != .user else { return nil }
        self = role
    }

    /// Whether `a` may do less than `b`.
    package static func < (a: Role, b: Role) -> Bool { a.rawValue < b.rawValue }
}
