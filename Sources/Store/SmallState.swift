/// Buckets and registers: few and small, so that they are held in memory whole, a projection of the rows under
/// `BucketID.system`. The committer works on a copy and publishes it after the commit.
struct SmallState {
    private(set) var byID: [BucketID: Bucket] = [:]
    private(set) var byName: [String: BucketID] = [:]
    private(set) var registers: [String: [UInt8]] = [:]

    subscript(id: BucketID) -> Bucket? { byID[id] }

    func bucket(named name: String) -> Bucket? { byName[name].flatMap { byID[$0] } }

    /// Takes in what a key of small state holds now; nil: nothing. False: the value is not one.
    mutating func set(_ key: Key, _ value: [UInt8]?) -> Bool {
        let text = key.text
        guard text.hasPrefix(BucketRow.prefix) else {
            registers[text] = value
            return true
        }
        let name = String(text.dropFirst(BucketRow.prefix.count))
        if let old = byName.removeValue(forKey: name) { byID[old] = nil }
        guard let value else { return true }
        guard let bucket = BucketRow(encoded: value)?.bucket, bucket.name == name else { return false }
        byID[bucket.id] = bucket
        byName[name] = bucket.id
        return true
    }
}
