/// Buckets and registers: few and small, so that they are held in memory whole. The committer works on a copy and
/// publishes it after the commit.
struct SmallState {
    private(set) var byID: [BucketID: Bucket] = [:]
    private(set) var byName: [String: BucketID] = [:]
    var registers: [String: [UInt8]] = [:]

    subscript(id: BucketID) -> Bucket? { byID[id] }

    func bucket(named name: String) -> Bucket? { byName[name].flatMap { byID[$0] } }

    mutating func set(_ bucket: Bucket) {
        byID[bucket.id] = bucket
        byName[bucket.name] = bucket.id
    }

    mutating func remove(_ id: BucketID) {
        if let bucket = byID.removeValue(forKey: id) { byName[bucket.name] = nil }
    }
}
