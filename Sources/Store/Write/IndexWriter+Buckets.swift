extension IndexWriter {
    func createBucket(_ bucket: Bucket) throws -> Outcome {
        if let other = pending.small.bucket(named: bucket.name) ?? pending.small[bucket.id] {
            return .bucketExists(other)
        }
        try set(bucket)
        return .done(record: nil, removed: nil)
    }

    func deleteBucket(_ id: BucketID) throws -> Outcome {
        guard pending.small[id] != nil else { return .noSuchBucket }
        rows.anyVersion.bind(1, id.column)
        let isEmpty: Bool
        do {
            defer { rows.anyVersion.reset() }
            isEmpty = try !rows.anyVersion.step()
        }
        guard isEmpty else { return .bucketNotEmpty }
        try dropUploads(of: id)
        try rows.deleteBucket.bind(1, id.column).run()
        pending.small.remove(id)
        return .done(record: nil, removed: nil)
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

    private func set(_ bucket: Bucket) throws {
        try rows.putBucket.bind(1, bucket.id.column).bind(2, SmallRows.encode(bucket)).run()
        pending.small.set(bucket)
    }

    func setRegister(_ name: String, _ value: [UInt8]?, _ expected: [UInt8]?, _ always: Bool) throws -> Outcome {
        let current = pending.small.registers[name]
        guard always || current == expected else { return .registerChanged(current: current) }
        let key = Array(name.utf8)
        if let value {
            try rows.putRegister.bind(1, key).bind(2, SmallRows.encode(register: value, name: key)).run()
        } else {
            try rows.deleteRegister.bind(1, key).run()
        }
        pending.small.registers[name] = value
        return .done(record: nil, removed: nil)
    }
}
