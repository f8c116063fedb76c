import Store

/// Method and query parameters to operation: the table of the S3 interface.
extension S3Request {
    static func serviceOperation(_ head: S3Head) throws(S3Error) -> S3Operation {
        guard head.method == .get else { throw refused(head.method, "SERVICE") }
        let target = head.target
        var arguments = ListBucketsArguments()
        arguments.prefix = try target.text("prefix") ?? ""
        if let token = try target.text("continuation-token") {
            guard let place = ContinuationToken.decode(token) else { throw badToken(token) }
            arguments.after = String(decoding: place, as: UTF8.self)
        }
        if let limit = try number(target, "max-buckets", 1...10_000) { arguments.limit = limit }
        return .listBuckets(arguments)
    }

    /// Subresources that this server has, and the methods that each knows. With any other method the request would be
    /// taken for one without the subresource: `DELETE /bucket?versioning` must not delete the bucket.
    private static let bucketSubresources: [(name: StaticString, methods: [S3Method])] = [
        ("location", [.get]), ("versioning", [.get, .put]), ("versions", [.get]), ("uploads", [.get]),
        ("delete", [.post]), ("acl", [.get]), ("attributes", []), ("uploadId", []), ("partNumber", []),
    ]
    private static let objectSubresources: [(name: StaticString, methods: [S3Method])] = [
        ("uploads", [.post]), ("attributes", [.get]), ("acl", [.get]), ("tagging", [.get, .put, .delete]),
        ("uploadId", [.get, .put, .post, .delete]), ("partNumber", [.get, .head, .put]), ("versioning", []),
        ("versions", []), ("location", []), ("delete", []),
    ]

    private static func checkSubresources(
        _ head: S3Head,
        _ known: [(name: StaticString, methods: [S3Method])],
        _ kind: String
    ) throws(S3Error) {
        guard !head.target.items.isEmpty else { return }
        for (name, methods) in known where head.target.has(name) && !methods.contains(head.method) {
            throw refused(head.method, "\(kind)?\(name)")
        }
    }

    static func bucketOperation(_ head: S3Head) throws(S3Error) -> S3Operation {
        try checkSubresources(head, bucketSubresources, "BUCKET")
        let target = head.target
        switch head.method {
        case .get:
            if target.has("location") { return .getBucketLocation }
            if target.has("versioning") { return .getBucketVersioning }
            if target.has("acl") { return .getACL }
            if target.has("tagging") { throw S3Error.unsupported(.query, "tagging") }
            if target.has("versions") { return .listObjectVersions(try versionsArguments(target)) }
            if target.has("uploads") { return .listUploads(try uploadsArguments(target)) }
            return .listObjects(try listArguments(target))
        case .head:
            return .headBucket
        case .put:
            if target.has("versioning") { return .putBucketVersioning }
            if target.has("tagging") { throw S3Error.unsupported(.query, "tagging") }
            return .createBucket
        case .delete:
            if target.has("tagging") { throw S3Error.unsupported(.query, "tagging") }
            return .deleteBucket
        case .post:
            if target.has("delete") { return .deleteObjects }
            throw S3Error(.notImplemented, "Uploads by browser forms (POST Object) are not implemented.")
        case .options: throw S3Error(.notImplemented, "CORS is not implemented.")
        case .other: throw refused(head.method, "BUCKET")
        }
    }

    static func objectOperation(_ head: S3Head) throws(S3Error) -> S3Operation {
        try checkSubresources(head, objectSubresources, "OBJECT")
        let target = head.target
        switch head.method {
        case .get:
            if target.has("acl") { return .getACL }
            if target.has("tagging") { return .getTagging }
            if target.has("attributes") { return .getAttributes(try attributesArguments(head)) }
            if let upload = try target.text("uploadId") { return .listParts(try partsArguments(target, upload)) }
            return .getObject(try getArguments(head))
        case .head:
            return .headObject(try getArguments(head))
        case .put:
            if target.has("tagging") { return .putTagging }
            return try writeOperation(head)
        case .post:
            if target.has("uploads") { return .createUpload }
            if let upload = try target.text("uploadId") { return .completeUpload(upload: upload) }
            throw refused(head.method, "OBJECT")
        case .delete:
            if target.has("tagging") { return .deleteTagging }
            if let upload = try target.text("uploadId") { return .abortUpload(upload: upload) }
            return .deleteObject
        case .options: throw S3Error(.notImplemented, "CORS is not implemented.")
        case .other: throw refused(head.method, "OBJECT")
        }
    }

    private static func writeOperation(_ head: S3Head) throws(S3Error) -> S3Operation {
        let target = head.target
        if let id = try target.text("versionId") {
            throw S3Error.argument("versionId", id, "This operation does not accept a version-id.")
        }
        let source: CopySource? =
            if let raw = head.headers.bytes("x-amz-copy-source") { try CopySource(raw, head.headers) } else { nil }
        let upload = try target.text("uploadId")
        guard upload != nil || target.has("partNumber") else {
            if let source { return .copyObject(source) }
            return .putObject
        }
        guard let upload else { throw S3Error.argument("uploadId", "", "This operation needs an upload id.") }
        guard let text = try target.text("partNumber"), let number = UInt16(text), (1...10_000).contains(number) else {
            throw S3Error.argument(
                "partNumber",
                try target.text("partNumber") ?? "",
                "Part number must be an integer between 1 and 10000, inclusive"
            )
        }
        if let source { return .copyPart(upload: upload, number: number, source) }
        return .putPart(upload: upload, number: number)
    }

    static func refused(_ method: S3Method, _ kind: String) -> S3Error {
        S3Error(.methodNotAllowed, nil, [.init("Method", method.text), .init("ResourceType", kind)])
    }

    static func badToken(_ token: String) -> S3Error {
        S3Error.argument("continuation-token", token, "The continuation token provided is incorrect")
    }
}
