/// One look of the doctor at the mesh.
package struct Diagnosis: Codable, Hashable, Sendable {
    package enum Status: String, Codable, Sendable {
        case ok, note, warning, error
    }

    /// `udp`, `mtu`, `reach`, `clock`, `lag`, `epoch`, `names`, `versions`, `views` or `isolation`.
    package var check: String
    package var status: Status
    package var message: String

    package init(check: String, status: Status, message: String) {
        (self.check, self.status, self.message) = (check, status, message)
    }
}
