import Mesh
import Store
import Testing

@Suite struct AccessKeyTests {
    private static var sample: AccessKey {
        var key = AccessKey(id: "MKSAMPLE", secret: Secret("s3cret-s3cret"), createdMillis: 1_700_000_000_123)
        key.mayCreateBuckets = true
        key.grants = [BucketID(rawValue: 7): .read, BucketID(rawValue: .max): .owner]
        return key
    }

    @Test("a key reads back as it was written")
    func roundTrip() throws {
        let key = try #require(AccessKey(encoded: Self.sample.encoded))
        #expect(key.id == "MKSAMPLE")
        #expect(key.secret.revealed == "s3cret-s3cret")
        #expect(key.createdMillis == 1_700_000_000_123)
        #expect(key.mayCreateBuckets && !key.isAdmin && !key.isDisabled)
        #expect(key.grants == Self.sample.grants)
        #expect(key.encoded == Self.sample.encoded)
    }

    @Test("a key cut short anywhere is not a weaker key but none, unless the cut removes whole grants")
    func truncation() {
        let bytes = Self.sample.encoded
        let grantBytes = 3 + 9
        for count in 0..<bytes.count {
            let key = AccessKey(encoded: Array(bytes.prefix(count)))
            let isWholeGrantsCut = bytes.count - count == grantBytes || bytes.count - count == 2 * grantBytes
            #expect((key != nil) == isWholeGrantsCut, "cut to \(count) of \(bytes.count)")
        }
    }

    @Test("garbage is refused and never traps")
    func garbage() {
        let seed = UInt64.random(in: .min ... .max)
        var state = seed
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        for _ in 0..<20_000 {
            var bytes = Self.sample.encoded
            for _ in 0...(next() % 4) { bytes[Int(next()) % bytes.count] = next() }
            if let key = AccessKey(encoded: bytes) {
                #expect(AccessKey(encoded: key.encoded) != nil, "seed \(seed)")
            }
        }
    }

    @Test("an unknown restriction disables the key, an unknown ornament does not")
    func unknownFields() {
        #expect(AccessKey(encoded: Self.sample.encoded + [6, 0, 1, 0]) == nil)
        #expect(AccessKey(encoded: Self.sample.encoded + [200, 0, 1, 0]) != nil)
    }

    @Test("a role goes along, and one that a newer build made up gives nothing")
    func roles() throws {
        for role in [Role.viewer, .operator, .admin, nil] {
            var key = Self.sample
            key.role = role
            let read = try #require(AccessKey(encoded: key.encoded))
            #expect(read.role == role && read.isAdmin == (role == .admin))
            #expect(role == nil || Role(name: role?.name ?? "") == role)
        }
        var plain = Self.sample
        plain.role = nil
        for made: UInt8 in [0, 3, 77] {
            // Not even that of admins: a flag that builds without roles know says so.
            #expect(AccessKey(encoded: plain.encoded + [128, 0, 1, made])?.role == nil)
        }
        #expect(AccessKey(encoded: plain.encoded + [128, 0, 1, 77, 128, 0, 1, 2]) == nil, "one role at most")
        #expect(AccessKey(encoded: plain.encoded + [128, 0, 2, 1, 1]) == nil)
        var admin = plain
        admin.role = .admin
        #expect(AccessKey(encoded: admin.encoded + [128, 0, 1, 1])?.role == .admin)
        #expect(Role(name: "root") == nil && Role.viewer < .operator && Role.operator < .admin)
    }

    @Test("grants hold for their bucket only, and a disabled admin may do nothing")
    func permissions() {
        var key = Self.sample
        #expect(key.allows(.read, on: Self.bucket(7)))
        #expect(!key.allows(.write, on: Self.bucket(7)))
        #expect(!key.allows(.read, on: Self.bucket(8)))
        #expect(key.allows(.owner, on: Self.bucket(.max)))
        #expect(key.allows(.write, on: Self.bucket(.max)))
        #expect(!key.allows(.read, on: Self.bucket(7, "acme:b")), "of a tenant")
        key.role = .admin
        #expect(key.allows(.owner, on: Self.bucket(8)) && key.allows(.owner, on: Self.bucket(8, "acme:b")))
        key.isDisabled = true
        #expect(!key.allows(.read, on: Self.bucket(7)) && !key.allowsCreatingBuckets)
    }

    private static func bucket(_ id: UInt64, _ name: String = "b") -> Bucket {
        Bucket(id: BucketID(rawValue: id), name: name, createdMillis: 1, versioning: .off, settings: [])
    }

    @Test("a tenant's key reaches the tenant's buckets alone, its admin may do everything there")
    func tenants() throws {
        let tenancy = Tenancy(tenant: "acme", tenantCreatedMillis: 7)
        var key = AccessKey(id: "KEY", secret: Secret("secret-of-key"), createdMillis: 1, tenancy: tenancy)
        key.grants = Self.sample.grants
        #expect(key.allows(.read, on: Self.bucket(7, "acme:b")) && !key.allows(.write, on: Self.bucket(7, "acme:b")))
        for other in ["b", "other:b", "acme-:b", "acm:b"] { #expect(!key.allows(.read, on: Self.bucket(7, other))) }
        key.isTenantAdmin = true
        #expect(key.allows(.owner, on: Self.bucket(9, "acme:b")) && !key.allows(.read, on: Self.bucket(9)))
        #expect(key.allowsCreatingBuckets && !key.isAdmin)
        let read = try #require(AccessKey(encoded: key.encoded))
        #expect(read.tenancy == tenancy && read.isTenantAdmin && read.grants == key.grants)
        let made: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 7]
        for wrong in [[], [2] + made + [97], [0] + made, [0] + made + [65], [1] + made + [45], [0, 97]] as [[UInt8]] {
            var plain = Self.sample
            plain.role = nil
            #expect(AccessKey(encoded: plain.encoded + [6, 0, UInt8(wrong.count)] + wrong) == nil, "\(wrong)")
        }
        key.role = .viewer
        #expect(key.fault != nil && AccessKey(encoded: key.encoded) == nil)
    }

    @Test("a secret prints as dots, however it is printed")
    func secretsStaySecret() {
        var dumped = ""
        dump(Self.sample, to: &dumped)
        #expect(!"\(Self.sample) \(String(reflecting: Self.sample)) \(dumped)".contains("s3cret"))
    }
}
