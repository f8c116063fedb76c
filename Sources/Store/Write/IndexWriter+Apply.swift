extension IndexWriter {
    /// Decides and writes one mutation inside the open transaction.
    func apply(_ mutation: Mutation) throws -> Outcome {
        let outcome = try decide(mutation)
        if case .done = outcome { return outcome }
        // A refused mutation has used up the bytes that it named: nothing else can name them.
        if let blob = mutation.blob { pending.consumed.append(blob) }
        if let op = mutation.stagedOp { giveUp(op) }
        return outcome
    }

    private func decide(_ mutation: Mutation) throws -> Outcome {
        // Whoever asked looked at the layout before this was queued; what counts is the layout at this place.
        guard pending.fencing.epoch == 0 || pending.fencing.isSole else { throw StoreError.notSole }
        return switch mutation {
        case .put(let draft, let condition): try put(draft, condition)
        case .delete(let bucket, let key, let condition, let attributes):
            try delete(bucket, key, condition, attributes)
        case .deleteVersion(let bucket, let key, let version, let condition):
            try deleteVersion(bucket, key, version, condition)
        case .setTags(let bucket, let key, let version, let tags): try setTags(bucket, key, version, tags)
        case .createUpload(let upload): try createUpload(upload)
        case .putPart(let upload, let part): try putPart(upload, part)
        case .completeUpload(let id, let parts, let size, let etag, let attributes, let condition):
            try completeUpload(id, parts, size, etag, attributes, condition)
        case .abortUpload(let upload): try abortUpload(upload)
        case .createBucket(let bucket): try createBucket(bucket)
        case .deleteBucket(let bucket): try deleteBucket(bucket)
        case .setVersioning(let bucket, let versioning): try setVersioning(bucket, versioning)
        case .setBucketSettings(let bucket, let settings): try setBucketSettings(bucket, settings)
        case .setRegister(let name, let value, let expected, let always):
            try setRegister(name, value, expected, always)
        }
    }
}

extension Mutation {
    /// The staged blob that this mutation names.
    var blob: BlobID? {
        switch self {
        case .put(let draft, _): if case .blob(let blob) = draft.body { blob } else { nil }
        case .putPart(_, let part): part.op == .none ? part.blob : nil
        default: nil
        }
    }

    /// The operation under whose name its bytes were staged, while there were other holders.
    package var stagedOp: OpID? {
        switch self {
        case .put(let draft, _): if case .staged(let op) = draft.body { op } else { nil }
        case .putPart(_, let part): part.op == .none ? nil : part.op
        default: nil
        }
    }

    /// Whether it adds bytes to the disk: such are refused when it is full. What removes is always let in.
    var isGrowing: Bool {
        switch self {
        case .delete, .deleteVersion, .abortUpload, .deleteBucket: false
        case .setRegister(_, let value, _, _): value != nil
        default: true
        }
    }

    /// Whether a client brings bytes by it: such are held to the limit that was set. All else is small state.
    var isClients: Bool {
        switch self {
        case .put, .createUpload, .putPart, .completeUpload: true
        default: false
        }
    }
}
