internal import Store

/// A namespace for buckets and keys, with a quota: who has a key of it sees its buckets and nothing else.
package struct Tenant: RegisterValue, Hashable {
    package static let registerPrefix = "tenant/"
    package static let nameBytes = 1...32
    /// Where its quota says nothing: both are of the small state, which every node holds.
    package static let bucketsDefault: UInt64 = 1_000
    package static let keysDefault: UInt64 = 1_000

    package let name: String
    /// Milliseconds since 1970.
    package let createdMillis: UInt64
    /// Its keys open nothing.
    package var isDisabled: Bool
    package var quota: Quota

    package init(name: String, createdMillis: UInt64, isDisabled: Bool = false, quota: Quota = Quota()) {
        self.name = name
        self.createdMillis = createdMillis
        self.isDisabled = isDisabled
        self.quota = quota
    }

    package var registerName: String { name }

    /// Why this cannot be a tenant's name; nil: it can.
    package static func fault(ofName name: String) -> String? {
        let bytes = Array(name.utf8)
        let hyphen = UInt8(ascii: "-")
        let isPlain = bytes.allSatisfy { BucketName.isAlphanumeric($0) || $0 == hyphen }
        guard nameBytes.contains(bytes.count), isPlain, bytes.first != hyphen, bytes.last != hyphen else {
            return "a tenant's name has 1 to 32 small letters, digits and hyphens, the first and the last no hyphen"
        }
        return nil
    }

    // MARK: In a register

    /// A version byte, then fields as in `FieldWriter`: 1 name, 2 created (8 bytes), 3 flags (1 disabled), 4 quota.
    package var encoded: [UInt8] {
        var out = FieldWriter(version: 1)
        out.field(1, name.utf8)
        out.field(2, createdMillis.bigEndianBytes)
        out.field(3, [isDisabled ? 1 : 0])
        out.field(4, quota.encoded)
        return out.bytes
    }

    package init?(encoded bytes: [UInt8]) {
        guard var reader = FieldReader(bytes, version: 1) else { return nil }
        var fields: [ArraySlice<UInt8>] = []
        while let (tag, value) = reader.next() {
            guard Int(tag) == fields.count + 1 else { return nil }
            fields.append(value)
        }
        guard reader.isWhole, fields.count == 4, fields[1].count == 8, fields[2].count == 1,
            let flags = fields[2].first, flags < 2, let quota = Quota(encoded: fields[3])
        else { return nil }
        let name = String(decoding: fields[0], as: UTF8.self)
        guard Self.fault(ofName: name) == nil else { return nil }
        self.init(name: name, createdMillis: fields[1].bigEndianWord, isDisabled: flags == 1, quota: quota)
    }
}
