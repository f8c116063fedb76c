import Mesh
import NIOCore
import NIOHTTP1
import Store

/// One S3 request and its answer: authentication, dispatch, the answer's common headers, errors as documents.
///
/// The operations are extensions of this class, one file for each family. Lives for one request, in one task.
final class S3Exchange {
    enum Ending {
        case keepAlive
        case close
        /// The client may still be sending a body that nobody wants.
        case closeAfterDiscarding
    }

    let face: S3Face
    let connection: HTTPConnection
    let body: RequestBody
    let requestID: String

    private let http: HTTPRequestHead
    private let start = NIODeadline.now()
    private var isAnswered = false
    private var status = 0
    private var bytesSent: UInt64 = 0
    private var isBroken = false

    /// Set by `run` before an operation begins.
    private(set) var request: S3Request!
    private(set) var accessKey: AccessKey!
    /// How many holders the client wants to hear of it; nil: as the bucket says.
    private(set) var asked: Consistency?

    init(face: S3Face, connection: HTTPConnection, head: HTTPRequestHead, number: UInt64) {
        self.face = face
        self.connection = connection
        self.http = head
        self.requestID = Self.requestID(number)
        self.body = RequestBody(connection: connection, head: head)
    }

    var coordinator: Coordinator { face.coordinator }
    var headers: HeaderTable { request.head.headers }
    var isHead: Bool { http.method == .HEAD }

    /// Serves the request to its end. Errors become answers; a client that went away is not an error.
    func run() async -> Ending {
        face.metrics.requestBegan()
        do {
            do {
                let head = try S3Head(
                    method: http.method.rawValue,
                    target: http.uri,
                    headers: HeaderTable(http.headers.lazy.map { ($0.name, $0.value) })
                )
                // Before keys are looked at: those that it knows may be gone, those that it does not know may be there.
                if let objection = face.objection() { throw objection }
                let signature = try authenticate(head)
                request = try S3Request(head, domains: face.settings.domains)
                asked = try Consistency(asked: head.headers)
                try body.prepare(signature, head.headers)
                try await performWhileKeysMove()
            } catch let error as S3Error {
                try await answer(error)
            } catch let error as StoreError {
                try await answer(translated(error))
            } catch let error as CoordinatorError {
                try await answer(S3Error(error))
            } catch let error as HTTPParserError {
                // The head was fine, the body is not.
                try await answer(
                    error == .invalidEOFState
                        ? S3Error(.incompleteBody) : S3Error(.badRequest, "The body is not well-formed HTTP/1.1.")
                )
            }
        } catch HTTPConnection.Failure.idle {
            if !isAnswered { try? await answer(S3Error(.requestTimeout)) }
            isBroken = true
        } catch {
            // The connection ended under way: nobody is left to answer.
            isBroken = true
        }
        let operation = request?.operation.name ?? "Unknown"
        face.metrics.requestEnded()
        face.metrics.record(
            operation: operation,
            status: status,
            micros: UInt64(max(0, (NIODeadline.now() - start).nanoseconds / 1000)),
            received: body.bytesReceived,
            sent: bytesSent
        )
        if isBroken { return .close }
        if wantsClose { return body.isConsumed ? .close : .closeAfterDiscarding }
        return .keepAlive
    }

    /// Who sends this. Strangers, wrong signatures and disabled keys end here, before anything is looked at or read.
    private func authenticate(_ head: S3Head) throws(S3Error) -> VerifiedSignature {
        let now = HTTPClock.seconds
        if let old = try PresignedV2(head) {
            let key = try enabledKey(old.accessKey)
            return try old.verify(head, secret: key.secret.revealed, domains: face.settings.domains, now: now)
        }
        let claim = try face.verifier.claim(head, now: now)
        let key = try enabledKey(claim.accessKey)
        return try face.verifier.verify(claim, head, secret: key.secret.revealed)
    }

    private func enabledKey(_ id: String) throws(S3Error) -> AccessKey {
        guard let key = face.accessKeys.lookup(id), !key.isDisabled else {
            guard face.knowsKeys() else { throw Self.notYetHere }
            throw S3Error(.invalidAccessKeyId, nil, [.init("AWSAccessKeyId", String(id.prefix(128)))])
        }
        guard face.tenants.opens(key.tenancy) else {
            guard face.knowsKeys() || face.tenants.lookup(key.tenant ?? "") != nil else { throw Self.notYetHere }
            throw S3Error(.accessDenied, "The tenant of this key is disabled or gone.")
        }
        accessKey = key
        return key
    }

    private static var notYetHere: S3Error {
        var error = S3Error(.serviceUnavailable, "This node has just come into its mesh. Please retry.")
        error.headers = [.init("Retry-After", "1")]
        return error
    }

    /// A read that lost its version to an overwrite, between finding it and opening its bytes, looks again.
    private func performWhileKeysMove() async throws {
        let deadline = NIODeadline.now() + Self.lookAgainTime
        for turn in 0..<Self.lookAgainMax {
            do {
                return try await perform()
            } catch StoreError.gone where !isAnswered {
                if .now() > deadline { break }
                // Or its bytes are with a holder that is away for a moment.
                if turn >= Self.lookAtOnceMax { try? await Task.sleep(for: .milliseconds(Self.lookAgainMillis)) }
            }
        }
        throw S3Error(.slowDown)
    }

    private static let lookAgainMax = 16
    private static let lookAtOnceMax = 4
    private static let lookAgainMillis = 50
    private static let lookAgainTime = TimeAmount.seconds(5)

    private func perform() async throws {
        switch request.operation {
        case .listBuckets(let arguments): try await listBuckets(arguments)
        case .createBucket: try await createBucket()
        case .headBucket: try await headBucket()
        case .deleteBucket: try await deleteBucket()
        case .getBucketLocation: try await getBucketLocation()
        case .getBucketVersioning: try await getBucketVersioning()
        case .putBucketVersioning: try await putBucketVersioning()
        case .getACL: try await getACL()
        case .listObjects(let arguments): try await listObjects(arguments)
        case .listObjectVersions(let arguments): try await listObjectVersions(arguments)
        case .listUploads(let arguments): try await listUploads(arguments)
        case .deleteObjects: try await deleteObjects()
        case .getObject(let arguments), .headObject(let arguments): try await getObject(arguments)
        case .putObject: try await putObject()
        case .copyObject(let source): try await copyObject(source)
        case .deleteObject: try await deleteObject()
        case .getAttributes(let arguments): try await getAttributes(arguments)
        case .getTagging: try await getTagging()
        case .putTagging: try await putTagging()
        case .deleteTagging: try await deleteTagging()
        case .createUpload: try await createUpload()
        case .putPart(let upload, let number): try await putPart(upload, number)
        case .copyPart(let upload, let number, let source): try await copyPart(upload, number, source)
        case .completeUpload(let upload): try await completeUpload(upload)
        case .abortUpload(let upload): try await abortUpload(upload)
        case .listParts(let arguments): try await listParts(arguments)
        }
    }

    // MARK: What most operations need

    /// The bucket of the request, if it exists and the key may do `action` to it.
    func bucket(for action: Grant) async throws -> Bucket {
        try await bucket(named: request.bucket, for: action, expectedOwner: request.expectedBucketOwner)
    }

    func bucket(named name: String, for action: Grant, expectedOwner: String?) async throws -> Bucket {
        guard let bucket = try await coordinator.bucket(named: fullName(name)) else {
            // Who may not make buckets learns nothing of which exist: a missing one looks like one of somebody else's.
            guard accessKey.isAdmin || accessKey.allowsCreatingBuckets else { throw S3Error(.accessDenied) }
            throw S3Error(.noSuchBucket, nil, [.init("BucketName", name)])
        }
        guard accessKey.allows(action, on: bucket) else { throw S3Error(.accessDenied) }
        if let expectedOwner, expectedOwner != Owner.account { throw S3Error(.accessDenied) }
        return bucket
    }

    /// What the bucket is called among all that is called so by the key of the request.
    func fullName(_ name: String) throws(S3Error) -> String {
        if accessKey.isAdmin { return name }
        // Or it would speak of others.
        guard BucketName.isWellFormed(name) else {
            throw S3Error(.invalidBucketName, nil, [.init("BucketName", name)])
        }
        return BucketName.full(name, of: accessKey.tenant)
    }

    /// Throws when an object of so many bytes is beyond the quota of the bucket, or of its tenant (`QuotaGate`).
    func admit(
        _ bytes: UInt64,
        into bucket: Bucket,
        isPart: Bool = false,
        orDiscard body: NewBody? = nil
    ) async throws {
        let sentence = try await face.quotaGate.objection(
            toBytes: bytes,
            as: objectKey,
            in: bucket,
            isPart: isPart,
            orDiscard: body
        )
        if let sentence { throw S3Error(.quotaExceeded, sentence) }
    }

    /// The key of the request; operations on objects have one.
    var objectKey: Key {
        guard let key = request.key else { preconditionFailure("an object operation without a key") }
        return key
    }

    func versionHeader(_ record: Record, in bucket: Bucket, _ head: inout ResponseHead) {
        if bucket.versioning != .off { head.add("x-amz-version-id", VersionID.text(of: record)) }
    }

    // MARK: Answers

    func head(_ status: Int) -> ResponseHead {
        var head = ResponseHead(status: status)
        head.add("Date", HTTPClock.date())
        head.add("Server", constant: "meshd")
        head.add("x-amz-request-id", requestID)
        return head
    }

    /// Sends a whole answer. With HEAD, 204 and 304 the body is left out, its length stays.
    func answer(_ head: consuming ResponseHead, body bytes: ByteBuffer? = nil, length: UInt64? = nil) async throws {
        var buffer = begun(head, length: length ?? UInt64(bytes?.readableBytes ?? 0))
        if let bytes, !isHead {
            bytesSent += UInt64(bytes.readableBytes)
            // One small write is cheaper than two; a large body is not worth a copy.
            if bytes.readableBytes <= 16 * 1024 {
                buffer.writeImmutableBuffer(bytes)
            } else {
                try await connection.write(buffer)
                buffer = bytes
            }
        }
        try await connection.write(buffer)
    }

    func answer(_ head: consuming ResponseHead, xml: ByteBuffer) async throws {
        head.add("Content-Type", constant: "application/xml")
        try await answer(head, body: xml)
    }

    /// Sends the head of an answer whose body follows by `stream`.
    func begin(_ head: consuming ResponseHead, length: UInt64) async throws {
        try await connection.write(begun(head, length: length))
    }

    func stream(_ bytes: ByteBuffer) async throws {
        bytesSent += UInt64(bytes.readableBytes)
        try await connection.write(bytes)
    }

    /// A body that was begun cannot be ended well: the client must see a cut, never a whole answer.
    func abandonAnswer(_ error: any Error) {
        isBroken = true
        switch error {
        case let cut as HTTPConnection.Failure:
            let reason = connection.failure.map { "\($0)" } ?? "\(cut)"
            face.reportCut(requestID: requestID, operation: request.operation.name, reason, bytesSent: bytesSent)
        default: face.report(error, requestID: requestID, operation: request.operation.name)
        }
    }

    private func begun(_ head: consuming ResponseHead, length: UInt64) -> ByteBuffer {
        precondition(!isAnswered, "a second answer to one request")
        isAnswered = true
        status = head.status
        if status != 204 && status != 304 { head.add("Content-Length", length) }
        if wantsClose { head.add("Connection", constant: "close") }
        var bytes = head.finished()
        if body.owesContinue, wantsClose == false {
            // The client waits for leave to send an empty body: give it, or it waits into its next request.
            var both = ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")
            both.writeBuffer(&bytes)
            return both
        }
        return bytes
    }

    /// Whether the connection ends with this answer: the client asks for it, the server drains, or a body is unread.
    private var wantsClose: Bool { !http.isKeepAlive || connection.isEnding || !body.isConsumed }

    private func answer(_ error: S3Error) async throws {
        guard !isAnswered else {
            abandonAnswer(error)
            return
        }
        body.dropIfHere()
        var head = head(error.status)
        for field in error.headers { head.add(name: field.name, value: field.value) }
        guard error.status != 304, !isHead else {
            try await answer(head)
            return
        }
        var xml = ByteBuffer()
        error.write(into: &xml, resource: S3Exchange.resource(http.uri), requestID: requestID)
        try await answer(head, xml: xml)
    }

    private func translated(_ error: StoreError) -> S3Error {
        switch error {
        case .diskFull:
            return S3Error(
                .serviceUnavailable,
                "The disk of this node is full: it serves reads only until space returns."
            )
        case .closed:
            return S3Error(.serviceUnavailable, "This node is shutting down. Please retry at another one.")
        case .overloaded, .gone, .notSole:
            return S3Error(.slowDown)
        case .corrupt, .io, .unusable:
            face.report(error, requestID: requestID, operation: request?.operation.name ?? "Unknown")
            return S3Error(.internalError)
        }
    }

    // MARK: Small things

    /// A request that is not HTTP: the answer has no more than S3's shape.
    static func refuseMalformed(on connection: HTTPConnection, number: UInt64) async {
        var xml = ByteBuffer()
        let id = requestID(number)
        S3Error(.badRequest, "The request is not well-formed HTTP/1.1.").write(into: &xml, resource: "", requestID: id)
        var head = ResponseHead(status: 400)
        head.add("x-amz-request-id", id)
        head.add("Content-Type", constant: "application/xml")
        head.add("Content-Length", xml.readableBytes)
        head.add("Connection", constant: "close")
        var bytes = head.finished()
        bytes.writeBuffer(&xml)
        try? await connection.write(bytes)
    }

    private static func resource(_ uri: String) -> Substring { uri.prefix { $0 != "?" } }

    private static func requestID(_ number: UInt64) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

/// The one owner of all buckets and objects: access is a matter of keys and grants, not of accounts.
enum Owner {
    /// What `x-amz-expected-bucket-owner` has to name.
    static let account = "000000000000"
    /// What documents name as owner and initiator: a canonical id in S3's form, 64 hexadecimal digits.
    static let document = S3Owner(id: String(repeating: "0", count: 64), displayName: "meshd")
}
