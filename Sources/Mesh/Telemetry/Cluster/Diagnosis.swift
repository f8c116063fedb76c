/// One look of the doctor at the mesh.
package struct Diagnosis: Codable, Hashable, Sendable {
    /// How bad it is; `ok`: nothing was found.
    package enum Status: String, Codable, Sendable {
        case ok, note, warning, error
    }

    /// `udp`, `mtu`, `reach`, `clock`, `lag`, `epoch`, `names`, `versions`, `views` or `isolation`.
    package var check: String
    package var status: Status
    /// A sentence for people.
    package var message: String

    /// Values as in the properties.
    package init(check: String, status: Status, message: String) {
        (self.check, self.status, self.message) = (check, status, message)
    }
}
