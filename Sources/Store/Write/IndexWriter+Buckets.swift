extension IndexWriter {
    func createBucket(_ bucket: Bucket) throws -> Outcome {
        guard bucket.id.space == .object else {
            throw StoreError.io(what: "the id \(bucket.id.rawValue) of bucket \(bucket.name) has its highest bits set")
        }
        if let other = pending.small.bucket(named: bucket.name) ?? pending.small[bucket.id] {
            return .bucketExists(other)
        }
        try set(bucket)
        return .done(record: nil, removed: nil)
    }

    func deleteBucket(_ id: BucketID) throws -> Outcome {
        guard let bucket = pending.small[id] else { return .noSuchBucket }
        guard try !hasVersions(id) else { return .bucketNotEmpty }
        for space in [Space.object, .upload, .part] {
            var left: [RecordRow] = []
            try versions.each(of: id.within(space), prefix: []) { row in
                left.append(row)
                return true
            }
            for row in left { try erase(row) }
        }
        try setSystem(BucketRow.key(of: bucket.name), nil)
        return .done(record: nil, removed: nil)
    }

    private func hasVersions(_ id: BucketID) throws -> Bool {
        var found = false
        try versions.each(of: id, prefix: []) { row in
            found = row.record.kind.isVersion
            return !found
        }
        return found
    }

    /// Versioning never goes back to `.off`: from then on a key may have versions with ids.
    func setVersioning(_ id: BucketID, _ versioning: Versioning) throws -> Outcome {
        guard var bucket = pending.small[id] else { return .noSuchBucket }
        bucket.versioning = versioning == .off && bucket.versioning != .off ? .suspended : versioning
        try set(bucket)
        return .done(record: nil, removed: nil)
    }

    func setBucketSettings(_ id: BucketID, _ settings: [UInt8]) throws -> Outcome {
        guard var bucket = pending.small[id] else { return .noSuchBucket }
        bucket.settings = settings
        try set(bucket)
        return .done(record: nil, removed: nil)
    }

    func set(_ bucket: Bucket) throws {
        try setSystem(BucketRow.key(of: bucket.name), BucketRow(bucket).encoded)
    }

    func setRegister(_ name: String, _ value: [UInt8]?, _ expected: [UInt8]?, _ always: Bool) throws -> Outcome {
        let current = pending.small.registers[name]
        guard always || current == expected else { return .registerChanged(current: current) }
        guard !name.hasPrefix(BucketRow.prefix) else {
            throw StoreError.io(what: "the register \(name) has the name of a bucket's row")
        }
        try setSystem(Key(name), value)
        return .done(record: nil, removed: nil)
    }

    /// Replaces all that small state says under a key by one row, or by none.
    private func setSystem(_ key: Key, _ value: [UInt8]?) throws {
        var old: [RecordRow] = []
        try versions.each(of: .system, key) { row in
            old.append(row)
            return true
        }
        let stamp = clock.next(after: old.first?.record.stamp, asSuccessor: false, nowMillis: nowMillis)
        for row in old { try erase(row) }
        guard let value else { return }
        let record = Record(
            bucket: .system,
            key: key,
            stamp: stamp,
            kind: .object,
            isNull: true,
            size: 0,
            etag: ETag(high: 0, low: 0),
            body: .empty,
            attributes: value,
            tags: [],
            modifiedMillis: nowMillis,
            op: clock.nextOp()
        )
        try insert(RecordRow(record, bodyID: 0))
    }
}
