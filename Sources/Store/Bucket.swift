/// Whether writes to a bucket keep the versions that they replace.
package enum Versioning: UInt8, Sendable {
    /// Never switched on: a key has one version, called `null`.
    case off = 0
    case on = 1
    /// Once on, now not: new writes replace the version `null` and leave the others alone.
    case suspended = 2
}

/// A bucket as the store knows it.
package struct Bucket: Hashable, Sendable {
    package let id: BucketID
    package let name: String
    /// Milliseconds since 1970.
    package let createdMillis: UInt64
    package var versioning: Versioning
    /// Owner, wanted copies, consistency and what else comes, in Mesh's encoding; opaque here.
    package var settings: [UInt8]

    package init(id: BucketID, name: String, createdMillis: UInt64, versioning: Versioning, settings: [UInt8]) {
        self.id = id
        self.name = name
        self.createdMillis = createdMillis
        self.versioning = versioning
        self.settings = settings
    }
}
