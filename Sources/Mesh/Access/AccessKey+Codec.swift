internal import Store

/// An access key as bytes in a register.
///
/// A version byte, then fields: tag (1 byte), length (2 bytes, big-endian), value.
///
/// | tag | value                                    | times        |
/// |-----|------------------------------------------|--------------|
/// | 1   | id, UTF-8                                | once         |
/// | 2   | secret, UTF-8                            | once         |
/// | 3   | created, milliseconds, 8 bytes           | once         |
/// | 4   | flags: 1 disabled, 2 admin, 4 may create | once         |
/// | 5   | bucket id (8 bytes), grant (1 byte)      | 0 to 8,192   |
/// | 6   | flags (1 tenant's admin), when the tenant was made (8 bytes), the tenant, UTF-8 | at most once |
/// | 128 | role: 1 viewer, 2 operator               | at most once |
///
/// Tags from 128 on may be skipped by those who do not know them. A lower one that is unknown may be a restriction, so
/// the key is refused rather than believed to be stronger than it is. A role only adds, so builds without it may skip it.
extension AccessKey: RegisterValue {
    package static let registerPrefix = "key/"

    package var registerName: String { id }

    private static let version: UInt8 = 1

    private enum Tag {
        static let id: UInt8 = 1
        static let secret: UInt8 = 2
        static let created: UInt8 = 3
        static let flags: UInt8 = 4
        static let grant: UInt8 = 5
        static let tenant: UInt8 = 6
        static let role: UInt8 = 128
        static let optionalFirst: UInt8 = 128
    }

    package var encoded: [UInt8] {
        var out: [UInt8] = [Self.version]
        func field(_ tag: UInt8, _ value: some Collection<UInt8>) {
            out.append(tag)
            out.append(UInt8(truncatingIfNeeded: value.count >> 8))
            out.append(UInt8(truncatingIfNeeded: value.count))
            out.append(contentsOf: value)
        }
        field(Tag.id, id.utf8)
        field(Tag.secret, secret.revealedBytes)
        field(Tag.created, createdMillis.bigEndianBytes)
        field(Tag.flags, [(isDisabled ? 1 : 0) | (isAdmin ? 2 : 0) | (mayCreateBuckets ? 4 : 0)])
        for (bucket, grant) in grants.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            field(Tag.grant, bucket.rawValue.bigEndianBytes + [grant.rawValue])
        }
        if let tenancy {
            let name = Array(tenancy.tenant.utf8)
            field(Tag.tenant, [isTenantAdmin ? 1 : 0] + tenancy.tenantCreatedMillis.bigEndianBytes + name)
        }
        if let role, role != .admin { field(Tag.role, [role.rawValue]) }
        return out
    }

    /// Nil when the bytes are not one whole, valid access key.
    package init?(encoded bytes: [UInt8]) {
        guard bytes.first == Self.version else { return nil }
        var rest = bytes.dropFirst()
        var id: String?
        var secret: Secret?
        var created: UInt64?
        var flags: UInt8?
        var role: Role?
        var hasRole = false
        var tenancy: Tenancy?
        var isTenantAdmin = false
        var grants: [BucketID: Grant] = [:]
        while !rest.isEmpty {
            guard rest.count >= 3 else { return nil }
            let head = Array(rest.prefix(3))
            let count = Int(head[1]) << 8 | Int(head[2])
            rest = rest.dropFirst(3)
            guard rest.count >= count else { return nil }
            let value = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            switch head[0] {
            case Tag.id where id == nil:
                id = String(decoding: value, as: UTF8.self)
            case Tag.secret where secret == nil:
                secret = Secret(bytes: value)
            case Tag.created where created == nil && count == 8:
                created = value.bigEndianWord
            case Tag.flags where flags == nil && count == 1 && value[0] < 8:
                flags = value[0]
            case Tag.grant where count == 9 && value[8] <= Grant.owner.rawValue && grants.count < Self.grantsMax:
                let bucket = BucketID(rawValue: value.bigEndianWord)
                guard grants.updateValue(Grant(rawValue: value[8]), forKey: bucket) == nil else { return nil }
            case Tag.tenant where tenancy == nil && count > 9 && value[0] < 2:
                isTenantAdmin = value[0] == 1
                tenancy = Tenancy(
                    tenant: String(decoding: value.dropFirst(9), as: UTF8.self),
                    tenantCreatedMillis: value[1..<9].bigEndianWord
                )
            case Tag.role:
                guard !hasRole, count == 1 else { return nil }
                hasRole = true
                // A role that only a newer build knows opens nothing; admin is a flag, which builds without roles know.
                role = Role(rawValue: value[0]).flatMap { $0 == .admin || $0 == .user ? nil : $0 }
            case Tag.optionalFirst...:
                break
            default:
                return nil
            }
        }
        guard let id, let secret, let created, let flags else { return nil }
        self.init(id: id, secret: secret, createdMillis: created, tenancy: tenancy)
        self.isDisabled = flags & 1 != 0
        self.role = flags & 2 != 0 ? .admin : role
        self.mayCreateBuckets = flags & 4 != 0
        self.grants = grants
        self.isTenantAdmin = isTenantAdmin
        guard fault == nil else { return nil }
    }
}
