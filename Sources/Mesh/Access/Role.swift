/// What somebody may do with the mesh itself: its nodes, keys and settings. What is in buckets is a matter of grants.
package enum Role: UInt8, CaseIterable, Comparable, Sendable {
    /// Sees everything that is no secret, and changes nothing.
    case viewer = 1
    /// Also runs it: drains, repairs, replaces, makes buckets. Decides nothing about trust, and nothing that loses data.
    case `operator` = 2
    /// Everything, with every bucket too.
    case admin = 3

    /// As the API, the command line and the console write it.
    package var name: String {
        switch self {
        case .viewer: "viewer"
        case .operator: "operator"
        case .admin: "admin"
        }
    }

    /// Nil when no role is called so.
    package init?(name: String) {
        guard let role = Role.allCases.first(where: { $0.name == name }) else { return nil }
        self = role
    }

    /// Whether `a` may do less than `b`.
    package static func < (a: Role, b: Role) -> Bool { a.rawValue < b.rawValue }
}
