/// Every S3 error code that this server answers with: one table from code to status and default words.
///
/// The raw value is the text of the `Code` element.
package enum S3ErrorCode: String, CaseIterable, Sendable {
    case accessDenied = "AccessDenied"
    case authorizationHeaderMalformed = "AuthorizationHeaderMalformed"
    case authorizationQueryParametersError = "AuthorizationQueryParametersError"
    case badDigest = "BadDigest"
    case badRequest = "BadRequest"
    case bucketAlreadyExists = "BucketAlreadyExists"
    case bucketAlreadyOwnedByYou = "BucketAlreadyOwnedByYou"
    case bucketNotEmpty = "BucketNotEmpty"
    case conditionalRequestConflict = "ConditionalRequestConflict"
    case entityTooLarge = "EntityTooLarge"
    case entityTooSmall = "EntityTooSmall"
    case illegalLocationConstraint = "IllegalLocationConstraintException"
    case illegalVersioningConfiguration = "IllegalVersioningConfigurationException"
    case incompleteBody = "IncompleteBody"
    case internalError = "InternalError"
    case invalidAccessKeyId = "InvalidAccessKeyId"
    case invalidArgument = "InvalidArgument"
    case invalidBucketName = "InvalidBucketName"
    case invalidChunkSize = "InvalidChunkSizeError"
    case invalidDigest = "InvalidDigest"
    case invalidEncryptionAlgorithm = "InvalidEncryptionAlgorithmError"
    case invalidObjectState = "InvalidObjectState"
    case invalidPart = "InvalidPart"
    case invalidPartNumber = "InvalidPartNumber"
    case invalidPartOrder = "InvalidPartOrder"
    case invalidRange = "InvalidRange"
    case invalidRequest = "InvalidRequest"
    case invalidStorageClass = "InvalidStorageClass"
    case invalidTag = "InvalidTag"
    case invalidToken = "InvalidToken"
    case invalidURI = "InvalidURI"
    case keyTooLong = "KeyTooLongError"
    case malformedTrailer = "MalformedTrailerError"
    case malformedXML = "MalformedXML"
    case maxMessageLengthExceeded = "MaxMessageLengthExceeded"
    case metadataTooLarge = "MetadataTooLarge"
    case methodNotAllowed = "MethodNotAllowed"
    case missingContentLength = "MissingContentLength"
    case missingRequestBody = "MissingRequestBodyError"
    case missingSecurityHeader = "MissingSecurityHeader"
    case noSuchBucket = "NoSuchBucket"
    case noSuchKey = "NoSuchKey"
    case noSuchUpload = "NoSuchUpload"
    case noSuchVersion = "NoSuchVersion"
    case notImplemented = "NotImplemented"
    case notModified = "NotModified"
    case operationAborted = "OperationAborted"
    /// Of this server: what a rule of another store sends was here before.
    case replicationLoop = "ReplicationLoop"
    /// Of this server: there is something newer than what a rule of another store sends.
    case replicationSuperseded = "ReplicationSuperseded"
    case preconditionFailed = "PreconditionFailed"
    case requestHeaderSectionTooLarge = "RequestHeaderSectionTooLarge"
    case requestTimeout = "RequestTimeout"
    case requestTimeTooSkewed = "RequestTimeTooSkewed"
    case serviceUnavailable = "ServiceUnavailable"
    case signatureDoesNotMatch = "SignatureDoesNotMatch"
    case slowDown = "SlowDown"
    case tooManyBuckets = "TooManyBuckets"
    case quotaExceeded = "QuotaExceeded"
    case contentSHA256Mismatch = "XAmzContentSHA256Mismatch"

    /// The HTTP status of the answer.
    package var status: Int { entry.0 }

    /// The words of the `Message` element when the error brings none of its own.
    package var message: String { entry.1 }

    private var entry: (Int, String) {
        switch self {
        case .accessDenied: (403, "Access Denied")
        case .authorizationHeaderMalformed: (400, "The authorization header is malformed.")
        case .authorizationQueryParametersError: (400, "The query parameters of the signature are malformed.")
        case .badDigest: (400, "The Content-MD5 or checksum you specified did not match what we received.")
        case .badRequest: (400, "Bad Request")
        case .bucketAlreadyExists: (409, "The requested bucket name is not available. Choose another name.")
        case .bucketAlreadyOwnedByYou: (409, "The bucket exists already and is yours.")
        case .bucketNotEmpty: (409, "The bucket you tried to delete is not empty")
        case .conditionalRequestConflict: (409, "A conflicting conditional operation is under way for this resource.")
        case .entityTooLarge: (400, "Your proposed upload exceeds the maximum allowed size")
        case .entityTooSmall: (400, "Your proposed upload is smaller than the minimum allowed size")
        case .illegalLocationConstraint: (400, "The location constraint does not fit the region of this endpoint.")
        case .illegalVersioningConfiguration: (400, "The versioning configuration in the request is not valid.")
        case .incompleteBody: (400, "The body has fewer bytes than the request announced")
        case .internalError: (500, "We encountered an internal error. Please try again.")
        case .invalidAccessKeyId: (403, "The access key id you provided does not exist in our records.")
        case .invalidArgument: (400, "Invalid Argument")
        case .invalidBucketName: (400, "The specified bucket is not valid.")
        case .invalidChunkSize: (403, "Only the last chunk is allowed to have a size less than 8192 bytes")
        case .invalidDigest: (400, "The Content-MD5 or checksum value that you specified is not valid.")
        case .invalidEncryptionAlgorithm: (400, "The encryption request you specified is not valid.")
        case .invalidObjectState: (403, "The operation is not valid for the current state of the object.")
        case .invalidPart:
            (400, "One or more of the specified parts could not be found, or its entity tag did not match.")
        case .invalidPartNumber: (416, "The requested part number is not satisfiable")
        case .invalidPartOrder: (400, "The list of parts was not in ascending order of part number.")
        case .invalidRange: (416, "The requested range is not satisfiable")
        case .invalidRequest: (400, "Invalid Request")
        case .invalidStorageClass: (400, "The storage class you specified is not valid")
        case .invalidTag: (400, "The tag provided was not a valid tag.")
        case .invalidToken: (400, "The provided token is malformed or otherwise invalid.")
        case .invalidURI: (400, "Couldn't parse the specified URI.")
        case .keyTooLong: (400, "Your key is too long")
        case .malformedTrailer: (400, "The request contained trailing data that was not well-formed.")
        case .malformedXML:
            (400, "The XML you provided was not well-formed or did not validate against our published schema")
        case .maxMessageLengthExceeded: (400, "Your request was too big.")
        case .metadataTooLarge: (400, "Your metadata headers exceed the maximum allowed metadata size")
        case .methodNotAllowed: (405, "The specified method is not allowed against this resource.")
        case .missingContentLength: (411, "You must provide the Content-Length HTTP header.")
        case .missingRequestBody: (400, "Request Body is empty")
        case .missingSecurityHeader: (400, "Your request was missing a required header")
        case .noSuchBucket: (404, "The specified bucket does not exist")
        case .noSuchKey: (404, "The specified key does not exist.")
        case .noSuchUpload:
            (404, "The specified multipart upload does not exist. It may have been aborted or completed.")
        case .noSuchVersion: (404, "The specified version does not exist.")
        case .notImplemented: (501, "A header or query you provided requested a function that is not implemented.")
        case .notModified: (304, "Not Modified")
        case .replicationLoop: (409, "The object was in this bucket before, and went on from here.")
        case .quotaExceeded: (403, "The quota of this bucket does not leave room for it.")
        case .replicationSuperseded: (409, "This bucket has something newer under this key.")
        case .operationAborted: (409, "A conflicting operation is in progress against this resource. Try again.")
        case .preconditionFailed: (412, "At least one of the pre-conditions you specified did not hold")
        case .requestHeaderSectionTooLarge: (400, "Your request header section exceeds the maximum allowed size.")
        case .requestTimeout: (400, "The connection was not read from or written to within the timeout period.")
        case .requestTimeTooSkewed: (403, "The difference between the request time and the current time is too large.")
        case .serviceUnavailable: (503, "The service is unavailable. Please retry.")
        case .signatureDoesNotMatch:
            (
                403,
                "The request signature we calculated does not match the signature you provided. "
                    + "Check your key and signing method."
            )
        case .slowDown: (503, "Please reduce your request rate.")
        case .tooManyBuckets: (400, "You have attempted to create more buckets than allowed")
        case .contentSHA256Mismatch:
            (400, "The provided 'x-amz-content-sha256' header does not match what was computed.")
        }
    }
}
