/// What the rows of a bucket's id are about. Everything that several nodes must agree on is a row under a key: objects,
/// unfinished uploads, their parts, and the small state of the mesh. One kind of row is stored, compared, repaired and
/// moved; the two highest bits of a `BucketID` tell the four apart.
package enum Space: UInt64, Sendable, CaseIterable {
    /// The keys are object keys.
    case object = 0
    /// One row for each multipart upload of a bucket (`UploadKey`).
    case upload = 1
    /// One row for each part of each upload (`UploadKey`).
    case part = 2
    /// Buckets, access keys, grants, settings, the layout. `BucketID.system` is its only bucket.
    case system = 3
}

extension BucketID {
    private static let shift: UInt64 = 62

    /// The one bucket of small state.
    package static let system = BucketID(rawValue: Space.system.rawValue << shift)

    package var space: Space { Space(rawValue: rawValue >> Self.shift) ?? .object }

    /// The id under which the uploads or parts of this bucket are, or the bucket itself for `.object`.
    package func within(_ space: Space) -> BucketID {
        BucketID(rawValue: rawValue & ~(3 << Self.shift) | space.rawValue << Self.shift)
    }

    /// An id that a bucket may have, from random bits.
    package static func fresh(_ random: UInt64) -> BucketID {
        BucketID(rawValue: max(1, random & ~(3 << shift)))
    }
}
