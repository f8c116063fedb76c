package import Store

/// A request as a value: which operation, on which bucket, key and version.
///
/// The road: `S3Head` from the wire, its signature verified, then `S3Request(head)`; so a stranger learns nothing from
/// the errors that are found here.
package struct S3Request: Sendable {
    package var operation: S3Operation
    /// Empty for ListBuckets only.
    package var bucket: String
    package var key: Key?
    package var version: VersionSelector
    package var consistency: RequestedConsistency?
    /// `x-amz-expected-bucket-owner`: to be compared with the bucket's owner, 403 if it is another.
    package var expectedBucketOwner: String?
    /// The same for the source of a copy.
    package var expectedSourceBucketOwner: String?
    /// The request's own head, with headers that a presigned URL carries in its query.
    package var head: S3Head

    /// `domains` are the names below which the first label is a bucket (virtual-host style), in lower case.
    package init(_ head: S3Head, domains: [String]) throws(S3Error) {
        var head = head
        if head.target.has("X-Amz-Signature") { head.hoistQueryHeaders() }
        guard !head.headers.isOverfull else { throw S3Error(.requestHeaderSectionTooLarge) }
        let place = try RequestPlace(head, domains: domains)
        try Unsupported.refuse(head)

        self.head = head
        bucket = place.bucket
        key = place.key
        version = .current
        operation = .headBucket
        expectedBucketOwner = head.headers.string("x-amz-expected-bucket-owner")
        expectedSourceBucketOwner = head.headers.string("x-amz-source-expected-bucket-owner")
        if let asked = head.headers.string("x-mesh-consistency") {
            guard let known = RequestedConsistency(rawValue: asked) else {
                throw S3Error.argument("x-mesh-consistency", asked, "x-mesh-consistency is one, quorum or all.")
            }
            consistency = known
        }
        if let id = try head.target.text("versionId") {
            guard let selector = VersionID.parse(id) else {
                throw S3Error.argument("versionId", id, "Invalid version id specified")
            }
            version = selector
        }
        operation =
            if place.bucket.isEmpty {
                try Self.serviceOperation(head)
            } else if place.key == nil {
                try Self.bucketOperation(head)
            } else {
                try Self.objectOperation(head)
            }
    }
}

/// Which bucket and key a request names, path-style or virtual-host-style.
struct RequestPlace {
    var bucket = ""
    var key: Key?

    init(_ head: S3Head, domains: [String]) throws(S3Error) {
        let target = head.target
        var path = target.bytes[target.path].dropFirst()
        if let name = Self.bucketInHost(head.headers, domains) {
            bucket = name
        } else {
            let end = path.firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
            guard let name = PercentCoding.decode(path[..<end], plusIsBlank: false) else { throw S3Error(.invalidURI) }
            bucket = String(decoding: name, as: UTF8.self)
            path = end < path.endIndex ? path[(end + 1)...] : []
            if bucket.isEmpty && !path.isEmpty { throw Self.badName(bucket) }
        }
        if !bucket.isEmpty && !BucketName.isWellFormedFull(bucket) { throw Self.badName(bucket) }
        guard !path.isEmpty else { return }
        guard let bytes = PercentCoding.decode(path, plusIsBlank: false) else { throw S3Error(.invalidURI) }
        key = try ObjectKeyRule.check(bytes)
    }

    private static func badName(_ name: String) -> S3Error {
        S3Error(.invalidBucketName, nil, [.init("BucketName", String(name.prefix(256)))])
    }

    static func bucketInHost(_ headers: HeaderTable, _ domains: [String]) -> String? {
        guard !domains.isEmpty, let host = headers.bytes("host") else { return nil }
        let name = host.prefix { $0 != UInt8(ascii: ":") }
        for domain in domains {
            let tail = domain.utf8
            guard name.count > tail.count + 1 else { continue }
            let split = name.endIndex - tail.count
            guard name[split - 1] == UInt8(ascii: "."),
                zip(name[split...], tail).allSatisfy({ ($0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0) == $1 })
            else { continue }
            return String(decoding: name[..<(split - 1)], as: UTF8.self).lowercased()
        }
        return nil
    }
}

/// The rules for the bytes of a key.
package enum ObjectKeyRule {
    package static func check(_ bytes: [UInt8]) throws(S3Error) -> Key {
        guard bytes.count <= Key.bytesMax else {
            throw S3Error(
                .keyTooLong,
                nil,
                [.init("Size", String(bytes.count)), .init("MaxSizeAllowed", String(Key.bytesMax))]
            )
        }
        guard !bytes.isEmpty else { throw S3Error(.invalidArgument, "A key has at least one byte.") }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw S3Error(.invalidURI, "The key is not valid UTF-8.")
        }
        return Key(bytes)
    }
}
