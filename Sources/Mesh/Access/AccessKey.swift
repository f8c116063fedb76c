package import Store

/// What an access key may do with one bucket. `owner` includes the other two.
package struct Grant: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Reading objects, their metadata and lists.
    package static let read = Grant(rawValue: 1)
    /// Writing and deleting objects, uploads and tags.
    package static let write = Grant(rawValue: 2)
    /// Changing the bucket's settings and deleting it; everything else too.
    package static let owner = Grant(rawValue: 7)

    package static let all: [(name: String, grant: Grant)] = [("read", .read), ("write", .write), ("owner", .owner)]

    /// The names of what is granted, weakest first; only `owner` when that is among them.
    package var names: [String] {
        if contains(.owner) { return ["owner"] }
        return Self.all.filter { contains($0.grant) }.map(\.name)
    }
}

/// Which tenant a key is of. One that is made anew under an old name is another one, and has none of its keys.
package struct Tenancy: Hashable, Sendable {
    package let tenant: String
    /// When the tenant was made, in milliseconds since 1970.
    package let tenantCreatedMillis: UInt64

    package init(tenant: String, tenantCreatedMillis: UInt64) {
        self.tenant = tenant
        self.tenantCreatedMillis = tenantCreatedMillis
    }

    package init(_ tenant: Tenant) {
        self.init(tenant: tenant.name, tenantCreatedMillis: tenant.createdMillis)
    }
}

/// Who signs an S3 request: an id that is public, a secret that is not, and what both may do.
package struct AccessKey: Sendable {
    /// What S3 clients accept, and a little more: 3 to 128 characters from a small set.
    package static let idBytes = 3...128
    package static let secretBytes = 8...128
    /// Grants per key: bounds the register that every node holds to about 100 KiB.
    package static let grantsMax = 8192

    package let id: String
    package let secret: Secret
    /// Milliseconds since 1970.
    package let createdMillis: UInt64
    package var isDisabled = false
    /// Nil: it signs S3 requests and does not open the console.
    package var role: Role?
    /// Whether it may create buckets (it then owns them). Admins always may.
    package var mayCreateBuckets = false
    /// Whose key it is; nil: of no tenant.
    package let tenancy: Tenancy?
    /// Whether it may do everything with its tenant's buckets and keys.
    package var isTenantAdmin = false
    /// By bucket identity, not by name: a bucket that is made anew under an old name inherits nobody's rights.
    package var grants: [BucketID: Grant] = [:]

    package init(id: String, secret: Secret, createdMillis: UInt64, tenancy: Tenancy? = nil) {
        self.id = id
        self.secret = secret
        self.createdMillis = createdMillis
        self.tenancy = tenancy
    }

    package var tenant: String? { tenancy?.tenant }

    /// An admin may do everything with every bucket.
    package var isAdmin: Bool { role == .admin }

    /// An admin sees all buckets, a key of a tenant those of the tenant, any other those of no tenant.
    package func belongs(with bucket: Bucket) -> Bool { isAdmin || BucketName.tenant(of: bucket.name) == tenant }

    /// Whether this key may do `action` to `bucket`. A disabled key may do nothing.
    package func allows(_ action: Grant, on bucket: Bucket) -> Bool {
        guard !isDisabled, belongs(with: bucket) else { return false }
        return isAdmin || isTenantAdmin || (grants[bucket.id] ?? []).isSuperset(of: action)
    }

    /// Whether what it may do with a bucket is said by its grants.
    package var needsGrants: Bool { !isAdmin && !isTenantAdmin }

    package var allowsCreatingBuckets: Bool { !isDisabled && (isAdmin || isTenantAdmin || mayCreateBuckets) }

    /// Why such a key cannot be; nil: it can.
    package var fault: String? {
        if let fault = Self.fault(ofID: id) ?? Self.fault(ofSecret: secret) { return fault }
        if tenancy != nil, role != nil { return "a tenant's key has no role in the mesh" }
        if tenancy == nil, isTenantAdmin { return "only a tenant's key can be its admin" }
        return tenant.flatMap(Tenant.fault(ofName:))
    }

    /// Why `id` cannot be an access key id; nil if it can.
    package static func fault(ofID id: String) -> String? {
        let isPlain = id.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        }
        guard idBytes.contains(id.utf8.count), isPlain else {
            return "an access key id has 3 to 128 letters, digits, '_', '-' or '.'"
        }
        return nil
    }

    /// Why `secret` cannot be a secret key; nil if it can.
    package static func fault(ofSecret secret: Secret) -> String? {
        guard secretBytes.contains(secret.count), secret.revealedBytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "a secret key has 8 to 128 printable ASCII characters without spaces"
        }
        return nil
    }
}
