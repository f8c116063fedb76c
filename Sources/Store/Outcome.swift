/// What became of a mutation.
package enum Outcome: Sendable {
    /// Done and durable. `record` is the version that was written (or the delete marker); `removed` the one that was
    /// removed for good.
    case done(record: Record?, removed: Record?)
    /// The precondition was false; the version that made it so.
    case preconditionFailed(current: Record?)
    case noSuchBucket
    case noSuchKey
    case noSuchVersion
    case noSuchUpload
    case partsChanged
    case bucketExists(Bucket)
    case bucketNotEmpty
    /// The register held something else.
    case registerChanged(current: [UInt8]?)
}

/// What stops the store itself, as opposed to an outcome.
package enum StoreError: Error, Sendable {
    /// The disk is over its watermark; reads go on. `freeBytes` were left when it was looked at last.
    case diskFull(freeBytes: UInt64)
    /// Bytes that were read did not match their checksum. `what` names the file and the place.
    case corrupt(what: String)
    /// The version was removed between the look that found it and this one: look again.
    case gone
    /// The store is closing or was closed.
    case closed
    /// The queue of writes is longer than its limit.
    case overloaded
    /// Others hold the same keys now: this store may not decide alone any more. Nothing was changed.
    case notSole
    /// A system call or SQLite failed. `what` says which, where, and why.
    case io(what: String)
    /// The data directory cannot be opened: in use, of a newer format, not ours. `reason` is a whole sentence.
    case unusable(reason: String)
}
