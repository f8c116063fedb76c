/// What a bucket wants of the mesh: how many copies, and how many holders an operation waits for. The store keeps it as
/// opaque bytes in the bucket's row.
package struct BucketSettings: Sendable, Hashable {
    /// Copies that a bucket may want: nested beginnings of one list of slots.
    package static let copiesChoices = [1, 2, 3, 5]

    /// Nil: as many as the mesh gives when nobody says otherwise.
    package var copies: Int?
    /// Nil: a majority.
    package var consistency: Consistency?

    package init(copies: Int? = nil, consistency: Consistency? = nil) {
        self.copies = copies
        self.consistency = consistency
    }

    /// `version 1 | copies 1 (0: none said) | consistency 1 (0: none said, else 1 and its place in the list)`
    package var encoded: [UInt8] {
        guard self != BucketSettings() else { return [] }
        let place = consistency.flatMap { Consistency.allCases.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
        return [1, UInt8(copies ?? 0), UInt8(place)]
    }

    /// Bytes of a later form say nothing that this version could go by.
    package init(encoded: [UInt8]) {
        self.init()
        guard encoded.count == 3, encoded[0] == 1 else { return }
        if Self.copiesChoices.contains(Int(encoded[1])) { copies = Int(encoded[1]) }
        let place = Int(encoded[2])
        if (1...Consistency.allCases.count).contains(place) { consistency = Consistency.allCases[place - 1] }
    }
}
