import HTTPTypes
import Mesh

/// The values of `/api/v1/tenants`.

struct TenantAnswer: Codable, Sendable {
    struct Usage: Codable, Sendable {
        var buckets: Int
        var keys: Int
        var objects: UInt64
        var bytes: UInt64
        var complete: Bool
    }

    var name: String
    var created: String
    var disabled: Bool
    var quota: TenantQuota
    var usage: Usage
}

struct TenantsAnswer: Codable, Sendable {
    var tenants: [TenantAnswer]
}

/// Nil: no limit.
struct TenantQuota: Codable, Sendable, Equatable {
    var buckets: UInt64?
    var keys: UInt64?
    var objects: UInt64?
    var bytes: UInt64?

    init(buckets: UInt64? = nil, keys: UInt64? = nil, objects: UInt64? = nil, bytes: UInt64? = nil) {
        (self.buckets, self.keys, self.objects, self.bytes) = (buckets, keys, objects, bytes)
    }

    init(_ quota: Quota) {
        self.init(buckets: quota.buckets, keys: quota.keys, objects: quota.objects, bytes: quota.bytes)
    }

    /// Throws `invalid` for limits that are no limits.
    func checked() throws -> Quota {
        guard [buckets, keys, objects, bytes].allSatisfy({ $0 != 0 }) else {
            throw AdminError(.badRequest, "invalid", "a limit is a number above zero; leave it out for none")
        }
        return Quota(bytes: bytes, objects: objects, buckets: buckets, keys: keys)
    }
}

struct NewTenant: Codable, Sendable {
    var name: String
    var quota: TenantQuota?
}

struct TenantChange: Codable, Sendable {
    var disabled: Bool?
    /// In place of the whole quota.
    var quota: TenantQuota?
}
