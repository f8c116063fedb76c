internal import Store

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
    ///   - more: what is to come.
    ///   - owner: what the quota is of.
    package func objection(
        _ usage: MeshUsage,
        to more: (objects: UInt64, bytes: UInt64),
        of owner: String
    ) -> String? {
        // Who has too much already may still write what takes no room.
        if let bytes, more.bytes > 0, more.bytes > bytes - min(bytes, usage.bytes) {
            return "The quota of \(owner) is \(bytes) bytes, and about \(usage.bytes) are used."
        }
        if let objects, more.objects > 0, more.objects > objects - min(objects, usage.versions) {
            return "The quota of \(owner) is \(objects) objects, and there are about \(usage.versions)."
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
