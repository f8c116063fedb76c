/// What S3 has and this server has not: refused with 501 and its name, never ignored.
package enum Unsupported {
    /// Query parameters that name a subresource.
    package static let subresources: [StaticString] = [
        "policy", "policyStatus", "cors", "lifecycle", "object-lock", "legal-hold", "retention", "notification",
        "encryption", "website", "replication", "logging", "accelerate", "requestPayment", "select", "select-type",
        "restore", "torrent", "inventory", "analytics", "metrics", "intelligent-tiering", "ownershipControls",
        "publicAccessBlock", "session", "metadataTable", "metadataConfiguration", "metadataInventoryTable",
        "metadataJournalTable", "abac", "renameObject", "append", "annotation",
    ]

    /// Beginnings of header names.
    package static let headers: [StaticString] = [
        "x-amz-server-side-encryption", "x-amz-copy-source-server-side-encryption", "x-amz-object-lock-",
        "x-amz-grant-", "x-amz-write-offset-bytes", "x-amz-rename-source", "x-amz-mfa",
        "x-amz-bypass-governance-retention", "x-amz-optional-object-attributes",
    ]

    static func refuse(_ head: S3Head) throws(S3Error) {
        if !head.target.items.isEmpty { try refuseQuery(head) }
        let headers = head.headers
        for entry in headers.entries where ASCII.hasPrefix(headers.bytes, entry.name, "x-amz-") {
            for prefix in Self.headers where ASCII.hasPrefix(headers.bytes, entry.name, prefix) {
                throw S3Error.unsupported(.header, String(decoding: headers.bytes[entry.name], as: UTF8.self))
            }
            try refuseValue(headers.bytes[entry.name], headers.bytes[entry.value])
        }
    }

    private static func refuseQuery(_ head: S3Head) throws(S3Error) {
        for name in subresources where head.target.has(name) {
            throw S3Error.unsupported(.query, "\(name)")
        }
        if head.method != .get && head.target.has("acl") { throw S3Error.unsupported(.query, "acl") }
    }

    /// Headers of which some values are fine.
    private static func refuseValue(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws(S3Error) {
        let text = { String(decoding: value, as: UTF8.self) }
        if ASCII.equal(name, "x-amz-acl") {
            switch text() {
            case "private", "bucket-owner-full-control": return
            case "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
                "log-delivery-write":
                throw S3Error.unsupported(.header, "x-amz-acl: \(text())")
            default: throw S3Error.argument("x-amz-acl", text(), "Invalid canned ACL")
            }
        }
        if ASCII.equal(name, "x-amz-storage-class") {
            if text() == "STANDARD" { return }
            throw S3Error(
                .invalidStorageClass,
                "The storage class you specified is not valid: only STANDARD is there.",
                [.init("StorageClassRequested", String(text().prefix(64)))]
            )
        }
        if ASCII.equal(name, "x-amz-bucket-object-lock-enabled"), !ASCII.equalFolded(value, "false") {
            throw S3Error.unsupported(.header, "x-amz-bucket-object-lock-enabled")
        }
        if ASCII.equal(name, "x-amz-object-ownership"), !ASCII.equal(value, "BucketOwnerEnforced") {
            throw S3Error.unsupported(.header, "x-amz-object-ownership: \(text().prefix(64))")
        }
        if ASCII.equal(name, "x-amz-security-token") { throw S3Error(.invalidToken) }
    }
}
