package import Store

/// What buckets and tenants may have, and whether something more fits.
///
/// Judged by each node with numbers that are some seconds old and what it took in itself since. When that may be too
/// much, should the others have taken in as much, it looks again first (`mayExceed`).
package final class Quotas: Sendable {
    package let buckets: RegisterTable<BucketQuota>
    private let tenants: RegisterTable<Tenant>
    private let usage: UsageLedger

    package init(buckets: RegisterTable<BucketQuota>, tenants: RegisterTable<Tenant>, usage: UsageLedger) {
        self.buckets = buckets
        self.tenants = tenants
        self.usage = usage
    }

    /// Whether anything has a quota that goes by what there is.
    package var isWatching: Bool {
        !buckets.isEmpty || tenants.all().contains { $0.quota.bytes != nil || $0.quota.objects != nil }
    }

    package func quota(of bucket: Bucket) -> Quota? { buckets.lookup(BucketQuota.name(bucket.id))?.quota }

    /// Sets a bucket's quota, or takes it away when it says nothing. Durable when this returns.
    package func set(_ quota: Quota, of bucket: Bucket) async throws {
        let name = BucketQuota.name(bucket.id)
        if quota.isEmpty {
            do { try await buckets.delete(name) } catch RegisterError.missing {}
        } else {
            try await buckets.put(BucketQuota(bucket: bucket.id, quota: quota))
        }
    }

    /// The bucket is gone. One that is made anew has another id, so a quota that stays behind because this fails binds
    /// nobody.
    package func forget(_ bucket: Bucket) async {
        if quota(of: bucket) != nil { try? await set(Quota(), of: bucket) }
    }

    /// Why a bucket has no room for an object of so many bytes; nil: it has.
    /// - Parameter replaced: the size of the object whose place it takes; nil: there is one more.
    package func objection(toBytes bytes: UInt64, in bucket: Bucket, replacing replaced: UInt64? = nil) -> String? {
        objection(toBytes: bytes, in: bucket, replacing: replaced, isAtMost: false)
    }

    /// Whether there may be no room for it if all nodes have taken in as much as this one since the last look.
    package func mayExceed(withBytes bytes: UInt64, in bucket: Bucket) -> Bool {
        objection(toBytes: bytes, in: bucket, replacing: nil, isAtMost: true) != nil
    }

    private func objection(
        toBytes bytes: UInt64,
        in bucket: Bucket,
        replacing replaced: UInt64?,
        isAtMost: Bool
    ) -> String? {
        let more = (objects: replaced == nil ? 1 : 0 as UInt64, bytes: bytes - min(bytes, replaced ?? 0))
        // Asked by every write, and most meshes have none.
        if !buckets.isEmpty {
            let name = BucketQuota.name(bucket.id)
            if buckets.isUnreadable(name) {
                return "This node cannot read the quota of this bucket: it is of a newer version."
            }
            if let quota = buckets.lookup(name)?.quota {
                let known = usage.usage(of: bucket.id, isAtMost: isAtMost)
                if let sentence = quota.objection(known, to: more, of: "this bucket") { return sentence }
            }
        }
        guard let name = BucketName.tenant(of: bucket.name), let quota = tenants.lookup(name)?.quota,
            quota.bytes != nil || quota.objects != nil
        else { return nil }
        return quota.objection(usage.usage(ofTenant: name, isAtMost: isAtMost), to: more, of: "the tenant \(name)")
    }

    /// Why no bucket of this full name may be added to these; nil: one may, or it is there already.
    /// - Parameter max: how many this node makes in all; nil: any number.
    package func objection(toBucket name: String, among known: [Bucket], max: Int?) -> String? {
        guard !known.contains(where: { $0.name == name }) else { return nil }
        if let max, known.count >= max { return "there are \(known.count) buckets, and max-buckets allows \(max)" }
        guard let tenant = BucketName.tenant(of: name) else { return nil }
        let most = tenants.lookup(tenant)?.quota.buckets ?? Tenant.bucketsDefault
        guard known.count(where: { BucketName.tenant(of: $0.name) == tenant }) >= most else { return nil }
        return "the tenant \(tenant) has as many buckets as it may have"
    }

    /// The same for keys.
    package func hasNoRoomForKey(_ tenant: String, among keys: [AccessKey]) -> Bool {
        let most = tenants.lookup(tenant)?.quota.keys ?? Tenant.keysDefault
        return keys.count { $0.tenant == tenant } >= most
    }
}

extension RegisterTable<Tenant> {
    /// Whether keys of a tenant open anything; those of none do. One that is not known here is gone, or not yet here.
    package func opens(_ tenancy: Tenancy?) -> Bool {
        guard let tenancy else { return true }
        guard let tenant = lookup(tenancy.tenant) else { return false }
        return !tenant.isDisabled && Tenancy(tenant) == tenancy
    }
}
