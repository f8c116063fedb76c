/// Where an object comes from that another store sent: who has had it, and when it was written first. It goes along in a
/// header, is kept with the object, and so keeps rules from sending anything in circles.
package struct ReplicationOrigin: Hashable, Sendable {
    /// The header that carries it.
    package static let header: StaticString = "x-mesh-replica"
    /// The answer to a look at a bucket tells its place by this one.
    package static let placeHeader: StaticString = "x-mesh-bucket"
    /// Buckets on the way of an object.
    package static let pathMax = 8
    private static let textMax = 1_024
    private static let orderedMillis: UInt64 = 10_000

    /// Milliseconds since 1970, by the clock of the mesh that it was written to.
    package let millis: UInt64
    /// The places that have had it (`place`), the first one first.
    package let path: [String]

    package init(millis: UInt64, path: [String]) {
        self.millis = millis
        self.path = path
    }

    /// What a bucket is called among all buckets of all meshes: `mesh/bucket`.
    package static func place(mesh: String, bucket: String) -> String { mesh + "/" + bucket }

    /// `milliseconds place,place…`
    package var text: String { "\(millis) \(path.joined(separator: ","))" }

    /// Nil for what no `text` gave.
    package init?(text: String) {
        guard text.utf8.count <= Self.textMax else { return nil }
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, let millis = UInt64(words[0]) else { return nil }
        let path = words[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard (1...Self.pathMax).contains(path.count), path.allSatisfy(Self.isPlace) else { return nil }
        self.init(millis: millis, path: path)
    }

    private static func isPlace(_ text: String) -> Bool {
        let words = text.split(separator: "/", omittingEmptySubsequences: false)
        return words.count == 2
            && words.allSatisfy { word in
                !word.isEmpty && word.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
            }
    }

    /// The same for the next one that gets it.
    package func passing(_ place: String) -> ReplicationOrigin {
        ReplicationOrigin(millis: millis, path: path + [place])
    }

    /// Whether a store that has `known` refuses this. Of two that were written in one millisecond every store prefers the
    /// same.
    ///
    /// Who sends what it sent before has put its own writes in order, by more than clocks; what is much older was on the
    /// wire while its sender died.
    package func isSuperseded(by known: ReplicationOrigin) -> Bool {
        if known.path == path {
            return known.millis > Self.orderedMillis && known.millis - Self.orderedMillis > millis
        }
        if known.millis != millis { return known.millis > millis }
        return (known.path.first ?? "") > (path.first ?? "")
    }
}
