/// The rules for names of buckets.
package enum BucketName {
    /// 3 to 63 lower-case letters, digits, dots and hyphens; begins and ends with a letter or digit; no two dots
    /// together; not an IPv4 address. What fails this cannot exist.
    package static func isWellFormed(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard (3...63).contains(bytes.count), isAlphanumeric(bytes[0]), isAlphanumeric(bytes[bytes.count - 1]) else {
            return false
        }
        var previous: UInt8 = 0
        for byte in bytes {
            guard isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") else { return false }
            if byte == UInt8(ascii: ".") && previous == byte { return false }
            previous = byte
        }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return !(labels.count == 4 && labels.allSatisfy { (1...3).contains($0.count) && $0.allSatisfy(ASCII.isDigit) })
    }

    /// Whether a new bucket may have this name: well formed and none of those that S3 keeps for itself.
    package static func mayBeCreated(_ name: String) -> Bool {
        isWellFormed(name)
            && !["xn--", "sthree-", "amzn-s3-demo-"].contains { name.hasPrefix($0) }
            && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].contains { name.hasSuffix($0) }
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "a") < 26 || ASCII.isDigit(byte)
    }
}

/// A tenant's bucket is called `tenant:bucket` among all buckets, which no bucket without a tenant can be called.
extension BucketName {
    private static let separator: Character = ":"

    /// - Parameter tenant: nil: none.
    package static func full(_ name: String, of tenant: String?) -> String {
        tenant.map { "\($0)\(separator)\(name)" } ?? name
    }

    /// Nil for a bucket without a tenant.
    package static func tenant(of full: String) -> String? {
        full.firstIndex(of: separator).map { String(full[..<$0]) }
    }

    /// What the tenant itself calls it.
    package static func local(_ full: String) -> String {
        full.firstIndex(of: separator).map { String(full[full.index(after: $0)...]) } ?? full
    }

    /// Whether a bucket may be called so by somebody who sees those of all tenants.
    package static func isWellFormedFull(_ full: String) -> Bool {
        guard let tenant = tenant(of: full) else { return isWellFormed(full) }
        return Tenant.fault(ofName: tenant) == nil && isWellFormed(local(full))
    }
}
