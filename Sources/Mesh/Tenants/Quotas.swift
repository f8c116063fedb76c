package import Store

/// What buckets and tenants may have, and whether something more fits.
///
/// Judged by each node with numbers that are some seconds old and what it took in itself since: several nodes together
/// may go beyond a quota by what they take in in that time.
package final class Quotas: Sendable {
    package let buckets: RegisterTable<BucketQuota>
    package let tenants: RegisterTable<Tenant>
    package let ledger = UsageLedger()

    package init(store: ObjectStore, coordinator: Coordinator) {
        buckets = RegisterTable(store: store, coordinator: coordinator)
        tenants = RegisterTable(store: store, coordinator: coordinator)
    }

    package func heed(_ changed: [Key]) {
        buckets.heed(changed)
        tenants.heed(changed)
    }

    /// Whether anything has a quota that goes by what there is.
    package var isWatching: Bool {
        buckets.count > 0 || tenants.all().contains { $0.quota.bytes != nil || $0.quota.objects != nil }
    }

    package func quota(of bucket: Bucket) -> Quota? { buckets.lookup(BucketQuota.name(bucket.id))?.quota }

    /// Sets a bucket's quota, or takes it away when it says nothing. Durable when this returns.
    package func set(_ quota: Quota, of bucket: Bucket) async throws {
        try await buckets.replace(BucketQuota.name(bucket.id)) { _ in
            quota.isEmpty ? nil : BucketQuota(bucket: bucket.id, quota: quota)
        }
    }

    /// The bucket is gone. One that is made anew has another id, so a quota that stays behind binds nobody.
    package func forget(_ bucket: Bucket) async {
        if quota(of: bucket) != nil { try? await set(Quota(), of: bucket) }
    }

    /// Why one object more of so many bytes does not fit into a bucket; nil: it does.
    package func objection(to bytes: UInt64, in bucket: Bucket) -> String? {
        if let quota = quota(of: bucket),
            let sentence = quota.objection(ledger.usage(of: bucket.id), objects: 1, bytes: bytes, "this bucket")
        {
            return sentence
        }
        guard let name = BucketName.tenant(of: bucket.name), let tenant = tenants.lookup(name) else { return nil }
        guard tenant.quota.bytes != nil || tenant.quota.objects != nil else { return nil }
        return tenant.quota.objection(ledger.usage(ofTenant: name), objects: 1, bytes: bytes, "the tenant \(name)")
    }

    /// Whether a tenant has as many of these buckets as it may have.
    package func isOneBucketTooMany(for tenant: String?, among buckets: [Bucket]) -> Bool {
        guard let tenant, let most = tenants.lookup(tenant)?.quota.buckets else { return false }
        return buckets.count { BucketName.tenant(of: $0.name) == tenant } >= most
    }

    /// The same for keys.
    package func isOneKeyTooMany(for tenant: String, among keys: [AccessKey]) -> Bool {
        guard let most = tenants.lookup(tenant)?.quota.keys else { return false }
        return keys.count { $0.tenant == tenant } >= most
    }

    /// Whether keys of a tenant open anything. One that is not known here was deleted.
    package func opens(_ tenant: String?) -> Bool {
        tenant.map { tenants.lookup($0)?.isDisabled == false } ?? true
    }
}
