package import Store

/// What a request asks for, with the arguments of that one operation, already checked.
package enum S3Operation: Hashable, Sendable {
    case listBuckets(ListBucketsArguments)

    case createBucket
    case headBucket
    case deleteBucket
    case getBucketLocation
    case getBucketVersioning
    case putBucketVersioning
    /// `?acl` on a bucket or, with a key, on an object: the answer is always the owner's full control.
    case getACL
    case listObjects(ListArguments)
    case listObjectVersions(ListVersionsArguments)
    case listUploads(ListUploadsArguments)
    case deleteObjects

    case getObject(GetArguments)
    case headObject(GetArguments)
    case putObject
    case copyObject(CopySource)
    case deleteObject
    case getAttributes(AttributesArguments)
    case getTagging
    case putTagging
    case deleteTagging

    case createUpload
    case putPart(upload: String, number: UInt16)
    case copyPart(upload: String, number: UInt16, CopySource)
    case completeUpload(upload: String)
    case abortUpload(upload: String)
    case listParts(ListPartsArguments)

    /// S3's name of the operation, for counters and the table of what is supported.
    package var name: String {
        switch self {
        case .listBuckets: "ListBuckets"
        case .createBucket: "CreateBucket"
        case .headBucket: "HeadBucket"
        case .deleteBucket: "DeleteBucket"
        case .getBucketLocation: "GetBucketLocation"
        case .getBucketVersioning: "GetBucketVersioning"
        case .putBucketVersioning: "PutBucketVersioning"
        case .getACL: "GetACL"
        case .listObjects(let arguments): arguments.version == 2 ? "ListObjectsV2" : "ListObjects"
        case .listObjectVersions: "ListObjectVersions"
        case .listUploads: "ListMultipartUploads"
        case .deleteObjects: "DeleteObjects"
        case .getObject: "GetObject"
        case .headObject: "HeadObject"
        case .putObject: "PutObject"
        case .copyObject: "CopyObject"
        case .deleteObject: "DeleteObject"
        case .getAttributes: "GetObjectAttributes"
        case .getTagging: "GetObjectTagging"
        case .putTagging: "PutObjectTagging"
        case .deleteTagging: "DeleteObjectTagging"
        case .createUpload: "CreateMultipartUpload"
        case .putPart: "UploadPart"
        case .copyPart: "UploadPartCopy"
        case .completeUpload: "CompleteMultipartUpload"
        case .abortUpload: "AbortMultipartUpload"
        case .listParts: "ListParts"
        }
    }
}

package struct ListBucketsArguments: Hashable, Sendable {
    package var prefix = ""
    /// The name of the last bucket of the page before.
    package var after: String?
    package var limit = 10_000
}

/// ListObjects, both versions.
package struct ListArguments: Hashable, Sendable {
    /// 1 or 2.
    package var version = 1
    package var prefix: [UInt8] = []
    package var delimiter: [UInt8] = []
    /// Version 1's `marker` or version 2's `start-after`, as sent; nil if absent.
    package var marker: [UInt8]?
    /// Version 2: the token as sent, to be echoed, and the place it stands for.
    package var token: String?
    package var tokenPlace: [UInt8]?
    package var limit = 1000
    package var urlEncoded = false
    package var fetchOwner = false

    /// Where the page begins: behind this key or common prefix.
    package var after: [UInt8]? { tokenPlace ?? marker }

    package init() {}
}

package struct ListVersionsArguments: Hashable, Sendable {
    package var prefix: [UInt8] = []
    package var delimiter: [UInt8] = []
    package var keyMarker: [UInt8]?
    package var versionMarker: VersionSelector?
    package var limit = 1000
    package var urlEncoded = false

    package init() {}
}

package struct ListUploadsArguments: Hashable, Sendable {
    package var prefix: [UInt8] = []
    package var delimiter: [UInt8] = []
    package var keyMarker: [UInt8]?
    package var uploadMarker: String?
    package var limit = 1000
    package var urlEncoded = false

    package init() {}
}

package struct ListPartsArguments: Hashable, Sendable {
    package var upload: String
    package var after: UInt16 = 0
    package var limit = 1000
    package var urlEncoded = false
}

package struct GetArguments: Hashable, Sendable {
    package var partNumber: UInt16?
    package var checksumMode = false
    /// Header name (lower case) and value in place of the object's own: `response-content-type` and its kin.
    package var overrides: [Override] = []

    package init() {}

    package struct Override: Hashable, Sendable {
        package let name: String
        package let value: String
    }
}

package struct AttributesArguments: Hashable, Sendable {
    package var etag = false
    package var checksum = false
    package var parts = false
    package var storageClass = false
    package var size = false
    package var partsAfter: UInt16 = 0
    package var partsLimit = 1000

    package init() {}
}

/// How many holders have to agree, as `x-mesh-consistency` asks.
package enum RequestedConsistency: String, Sendable {
    case one
    case quorum
    case all
}
