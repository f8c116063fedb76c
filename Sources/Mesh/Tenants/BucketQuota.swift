package import Store

/// The quota of one bucket, in a register of its own: what a bucket's row says about copies every build has to know.
package struct BucketQuota: RegisterValue, Hashable {
    package static let registerPrefix = "quota/"

    package let bucket: BucketID
    package var quota: Quota

    package init(bucket: BucketID, quota: Quota) {
        self.bucket = bucket
        self.quota = quota
    }

    package var registerName: String { Self.name(bucket) }

    package static func name(_ bucket: BucketID) -> String { ReplicationRule.name(bucket.rawValue) }

    package var encoded: [UInt8] {
        var out = FieldWriter(version: 1)
        out.field(1, bucket.rawValue.bigEndianBytes)
        out.field(2, quota.encoded)
        return out.bytes
    }

    package init?(encoded bytes: [UInt8]) {
        guard var reader = FieldReader(bytes, version: 1), let (first, id) = reader.next(), first == 1, id.count == 8,
            let (second, limits) = reader.next(), second == 2, let quota = Quota(encoded: limits),
            reader.next() == nil, reader.isWhole
        else { return nil }
        self.init(bucket: BucketID(rawValue: id.bigEndianWord), quota: quota)
    }
}
