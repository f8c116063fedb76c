import Store
import Swim
import Testing

@testable import Mesh

@Suite struct QuotaTests {
    private static func bucket(_ id: UInt64, _ name: String) -> Bucket {
        Bucket(id: BucketID(rawValue: id), name: name, createdMillis: 1, versioning: .off, settings: [])
    }

    @Test("quotas and tenants survive their registers, and bytes of another form are none")
    func codec() {
        let quotas = [
            Quota(), Quota(bytes: 1), Quota(objects: .max, keys: 3), Quota(bytes: 1, objects: 2, buckets: 3, keys: 4),
        ]
        for quota in quotas {
            #expect(Quota(encoded: quota.encoded) == quota)
            let bucket = BucketQuota(bucket: BucketID(rawValue: 77), quota: quota)
            #expect(BucketQuota(encoded: bucket.encoded) == bucket && bucket.registerName == "000000000000004d")
            let tenant = Tenant(name: "a-1", createdMillis: 5, isDisabled: true, quota: quota)
            #expect(Tenant(encoded: tenant.encoded) == tenant)
            for bytes in [bucket.encoded, tenant.encoded] {
                for count in 0..<bytes.count {
                    #expect(BucketQuota(encoded: Array(bytes.prefix(count))) == nil)
                    #expect(Tenant(encoded: Array(bytes.prefix(count))) == nil)
                }
            }
            #expect(Tenant(encoded: bucket.encoded) == nil && BucketQuota(encoded: tenant.encoded) == nil)
        }
        // A limit of a newer build must not be passed over.
        #expect(Quota(encoded: [9] + UInt64(1).bigEndianBytes) == nil)
        #expect(Quota(encoded: Quota(bytes: 1).encoded + Quota(bytes: 2).encoded) == nil)
    }

    @Test("a tenant's name has no letter that means something elsewhere, and a bucket's full name says whose it is")
    func names() {
        for name in ["a", "7", "acme", "a-b", String(repeating: "x", count: 32)] {
            #expect(Tenant.fault(ofName: name) == nil)
        }
        for name in ["", "A", "-a", "a-", "a.b", "a:b", "a b", "ä", String(repeating: "x", count: 33)] {
            #expect(Tenant.fault(ofName: name) != nil, "\(name)")
        }
        #expect(
            BucketName.full("photos", of: "acme") == "acme:photos" && BucketName.full("photos", of: nil) == "photos"
        )
        #expect(BucketName.tenant(of: "acme:photos") == "acme" && BucketName.tenant(of: "photos") == nil)
        #expect(BucketName.local("acme:photos") == "photos" && BucketName.local("photos") == "photos")
        for name in ["photos", "acme:photos"] { #expect(BucketName.isWellFormedFull(name)) }
        for name in [":photos", "acme:", "acme:ab", "Acme:photos", "a:b:photos", "acme:a:b"] {
            #expect(!BucketName.isWellFormedFull(name), "\(name)")
        }
        // No bucket without a tenant can be called like one of a tenant.
        #expect(!BucketName.mayBeCreated("acme:photos"))
    }

    @Test("a quota objects to what would be too much, and not to the last that fits")
    func objection() {
        let used = MeshUsage(versions: 9, bytes: 90)
        let quota = Quota(bytes: 100, objects: 10)
        #expect(quota.objection(used, to: (1, 10), of: "it") == nil)
        #expect(quota.objection(used, to: (1, 11), of: "it")?.contains("100 bytes") == true)
        #expect(quota.objection(used, to: (2, 1), of: "it")?.contains("10 objects") == true)
        #expect(quota.objection(used, to: (1, .max), of: "it") != nil, "no overflow")
        #expect(Quota(bytes: 1, objects: 1).objection(used, to: (0, 0), of: "it") == nil, "it takes no room")
        #expect(Quota().objection(used, to: (1, .max), of: "it") == nil)
    }

    @Test("what nodes count gives what there is once, also while one is away")
    func estimate() throws {
        func id(_ number: UInt64) -> NodeID { NodeID(high: 0, low: number) }
        func member(_ number: UInt64) -> LayoutMember {
            LayoutMember(node: id(number), storeID: number, memberSince: 0, zone: "z\(number)", weight: 100)
        }
        let first = Layout.first(node: id(1), storeID: 1, zone: "z1", weight: 100, lineage: 1)
        let big = BucketID(rawValue: 1)
        let alone = UsageEstimate.totals([id(1): [big: Usage(versions: 7, bytes: 70)]], first, of: [big]) { _ in 3 }
        #expect(alone == [big: MeshUsage(versions: 7, bytes: 70)])

        let joint = try #require(first.adding((2...5).map(member)))
        let layout = try #require(joint.settledSuccessor)
        let kept = layout.keptPartitions(of: 3)
        #expect(kept.count == 5 && kept.values.reduce(0, +) == 3 * Partition.count)
        // A thousand versions of ten bytes in each partition, wherever its holders are.
        let counts = kept.mapValues { [big: Usage(versions: Int64($0) * 1_000, bytes: Int64($0) * 10_000)] }
        let all = MeshUsage(versions: 1_024_000, bytes: 10_240_000)
        #expect(UsageEstimate.totals(counts, layout, of: [big]) { _ in 3 } == [big: all])
        for away in counts.keys {
            let totals = UsageEstimate.totals(counts.filter { $0.key != away }, layout, of: [big]) { _ in 3 }
            #expect(totals == [big: MeshUsage(versions: all.versions, bytes: all.bytes, isComplete: false)])
        }
        #expect(
            UsageEstimate.totals([id(9): [big: Usage(versions: 1, bytes: 1)]], layout, of: [big]) { _ in 3 }.isEmpty
        )
        // Old copies are on nodes that are to have none; while copies move there are no old ones.
        let moving = try #require(layout.moving(big, base: 3, to: .nodes([id(1), id(2), id(3)])))
        let there = try #require(moving.settledSuccessor)
        let spread = try #require(there.spread(of: big)).now
        let late = [
            id(1): [big: Usage(versions: 1_024, bytes: 0)], id(2): [big: Usage(versions: 1_024, bytes: 0)],
            id(3): [big: Usage(versions: 1_024, bytes: 0)], id(4): [big: Usage(versions: 30, bytes: 0)], id(5): [:],
        ]
        let moved = UsageEstimate.totals(late, there, of: [big]) { _ in spread }
        #expect(moved == [big: MeshUsage(versions: 1_024, bytes: 0, surplusCopies: 30)])
        #expect(UsageEstimate.totals(late, moving, of: [big]) { _ in spread }[big]?.surplusCopies == 0)
        // A bucket that was emptied is empty for all who answer.
        #expect(UsageEstimate.totals([id(2): [:]], layout, of: [big]) { _ in 3 } == [big: MeshUsage(isComplete: false)])
    }

    @Test("the ledger adds what was taken in since its look, and forgets what the next look has seen")
    func ledger() {
        let ledger = UsageLedger()
        let bucket = Self.bucket(1, "acme:b")
        #expect(!ledger.usage(of: bucket.id).isComplete)
        ledger.took(MeshUsage(versions: 1, bytes: 5), into: bucket)
        ledger.begin()
        ledger.took(MeshUsage(versions: 1, bytes: 7), into: bucket)
        #expect(ledger.usage(of: bucket.id) == MeshUsage(versions: 2, bytes: 12, isComplete: false))
        ledger.end([bucket.id: MeshUsage(versions: 10, bytes: 100)], [bucket], nodes: 3, isComplete: true, nowMillis: 1)
        // What came while it looked may be in it already: it counts twice until the next look, never not at all.
        #expect(ledger.usage(of: bucket.id) == MeshUsage(versions: 11, bytes: 107))
        #expect(ledger.usage(ofTenant: "acme") == MeshUsage(versions: 11, bytes: 107))
        ledger.begin()
        ledger.end([bucket.id: MeshUsage(versions: 11, bytes: 107)], [bucket], nodes: 3, isComplete: true, nowMillis: 2)
        #expect(ledger.usage(ofTenant: "acme") == MeshUsage(versions: 11, bytes: 107))
        #expect(ledger.usage(ofTenant: "other") == MeshUsage())
        // As if all three had taken as much; and of a look that nobody answered, what was known before stays.
        ledger.took(MeshUsage(versions: 1, bytes: 10), into: bucket)
        #expect(ledger.usage(of: bucket.id, isAtMost: true) == MeshUsage(versions: 14, bytes: 137))
        ledger.begin()
        ledger.end([:], [bucket], nodes: 3, isComplete: false, nowMillis: 3)
        #expect(ledger.usage(of: bucket.id) == MeshUsage(versions: 11, bytes: 107, isComplete: false))
        ledger.begin()
        ledger.end([:], [bucket], nodes: 3, isComplete: true, nowMillis: 4)
        #expect(ledger.usage(of: bucket.id) == MeshUsage())
    }

    @Test("a node tells page by page")
    func pages() {
        let usage = Dictionary(
            uniqueKeysWithValues: (1...25).map {
                (BucketID(rawValue: UInt64($0)), Usage(versions: Int64($0), bytes: 1))
            }
        )
        var seen: [BucketID: Usage] = [:]
        var after: UInt64?
        var pages = 0
        repeat {
            let page = UsagePage(usage, after: after, limit: 10)
            seen.merge(page.usage) { $1 }
            after = page.next
            pages += 1
        } while after != nil
        #expect(seen == usage && pages == 3)
    }
}
