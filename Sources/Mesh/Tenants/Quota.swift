package import Store

/// How much a bucket or a tenant may have; nil: as much as fits.
package struct Quota: Hashable, Sendable {
    package enum Field: UInt8, CaseIterable, Sendable {
        case bytes = 1, objects, buckets, keys
    }

    /// Logical bytes of all versions, one copy counted.
    package var bytes: UInt64?
    /// Versions of objects, delete markers included.
    package var objects: UInt64?
    /// Of a tenant.
    package var buckets: UInt64?
    package var keys: UInt64?

    package init(bytes: UInt64? = nil, objects: UInt64? = nil, buckets: UInt64? = nil, keys: UInt64? = nil) {
        self.bytes = bytes
        self.objects = objects
        self.buckets = buckets
        self.keys = keys
    }

    package var isEmpty: Bool { self == Quota() }

    package subscript(_ field: Field) -> UInt64? {
        get {
            switch field {
            case .bytes: bytes
            case .objects: objects
            case .buckets: buckets
            case .keys: keys
            }
        }
        set {
            switch field {
            case .bytes: bytes = newValue
            case .objects: objects = newValue
            case .buckets: buckets = newValue
            case .keys: keys = newValue
            }
        }
    }

    /// The sentence that refuses what would be too much; nil: it fits.
    /// - Parameters:
    ///   - usage: what is there now.
    ///   - objects, bytes: what is to come.
    package func objection(_ usage: BucketUsage, objects more: UInt64, bytes moreBytes: UInt64, _ whose: String)
        -> String?
    {
        if let bytes, moreBytes > bytes - min(bytes, usage.bytes) {
            return "The quota of \(whose) is \(bytes) bytes, and about \(usage.bytes) are used."
        }
        if let objects, more > objects - min(objects, usage.objects) {
            return "The quota of \(whose) is \(objects) objects, and there are about \(usage.objects)."
        }
        return nil
    }

    // MARK: In a register

    /// For each limit its number (`Field`), then 8 bytes.
    var encoded: [UInt8] {
        Field.allCases.flatMap { field in self[field].map { [field.rawValue] + $0.bigEndianBytes } ?? [] }
    }

    /// Nil for bytes that no `encoded` gave: a limit that is unknown must not be passed over.
    init?(encoded bytes: some Collection<UInt8>) {
        self.init()
        var rest = Array(bytes)[...]
        while let tag = rest.popFirst() {
            guard let field = Field(rawValue: tag), self[field] == nil, rest.count >= 8 else { return nil }
            self[field] = rest.prefix(8).bigEndianWord
            rest = rest.dropFirst(8)
        }
    }
}

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
