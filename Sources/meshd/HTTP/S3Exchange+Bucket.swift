import Mesh
import NIOCore
import Store

/// Buckets: made, shown, removed, and their versioning.
extension S3Exchange {
    func listBuckets(_ arguments: ListBucketsArguments) async throws {
        let key: AccessKey = accessKey
        // Those of tenants have names that clients without one could not use.
        let visible = coordinator.buckets().filter { bucket in
            let name = BucketName.local(bucket.name)
            return BucketName.tenant(of: bucket.name) == key.tenant && key.allows(.read, on: bucket)
                && name.hasPrefix(arguments.prefix) && arguments.after.map { name > $0 } ?? true
        }
        var xml = ByteBuffer()
        let page = Array(visible.prefix(arguments.limit))
        S3Answers.buckets(
            page,
            owner: Owner.document,
            region: face.settings.region,
            prefix: arguments.prefix,
            next: visible.count > page.count
                ? page.last.map { ContinuationToken.encode(Array(BucketName.local($0.name).utf8)) } : nil,
            into: &xml
        )
        try await answer(head(200), xml: xml)
    }

    func createBucket() async throws {
        let name = request.bucket
        guard BucketName.mayBeCreated(name) else { throw S3Error(.invalidBucketName, nil, [.init("BucketName", name)]) }
        let document = try await body.document()
        try checkDocument(document)
        let region = try S3Document.createBucket(Array(document.readableBytesView))
        guard region == nil || region == face.settings.region else { throw S3Error(.illegalLocationConstraint) }
        guard accessKey.allowsCreatingBuckets else { throw S3Error(.accessDenied) }
        let fullName = try fullName(name)
        let known = coordinator.buckets()
        guard face.quotas.objection(toBucket: fullName, among: known, max: face.settings.bucketsMax) == nil else {
            throw S3Error(.tooManyBuckets)
        }
        let bucket = Bucket(
            id: .fresh(.random(in: 1 ... .max)),
            name: fullName,
            createdMillis: HTTPClock.millis,
            versioning: .off,
            settings: []
        )
        switch try await coordinator.commit(.createBucket(bucket)) {
        case .done:
            if accessKey.needsGrants { try await face.accessKeys.grant(.owner, on: bucket, to: accessKey.id) }
        case .bucketExists(let existing):
            // Making one's own bucket again is fine, as it always was in us-east-1; tools rely on it.
            guard accessKey.allows(.owner, on: existing) else { throw S3Error(.bucketAlreadyExists) }
        case let other: throw refusal(other)
        }
        var head = head(200)
        head.add("Location", "/\(name)")
        try await answer(head)
    }

    func headBucket() async throws {
        let bucket = try await bucket(for: .read)
        var head = head(200)
        head.add("x-amz-bucket-region", face.settings.region)
        if let place = await face.place(bucket.name) {
            head.add(name: "\(ReplicationOrigin.placeHeader)", value: place)
        }
        try await answer(head)
    }

    func deleteBucket() async throws {
        let bucket = try await bucket(for: .owner)
        let outcome = try await coordinator.commit(.deleteBucket(bucket.id))
        guard case .done = outcome else { throw refusal(outcome) }
        await face.quotas.forget(bucket)
        try await answer(head(204))
    }

    func getBucketLocation() async throws {
        _ = try await bucket(for: .read)
        var xml = ByteBuffer()
        S3Answers.location(face.settings.region, into: &xml)
        try await answer(head(200), xml: xml)
    }

    func getBucketVersioning() async throws {
        let bucket = try await bucket(for: .read)
        var xml = ByteBuffer()
        S3Answers.versioning(bucket.versioning, into: &xml)
        try await answer(head(200), xml: xml)
    }

    func putBucketVersioning() async throws {
        let bucket = try await bucket(for: .owner)
        let document = try await body.document()
        try checkDocument(document)
        guard let versioning = try S3Document.versioning(Array(document.readableBytesView)) else {
            throw S3Error(.illegalVersioningConfiguration)
        }
        let outcome = try await coordinator.commit(.setVersioning(bucket.id, versioning))
        guard case .done = outcome else { throw refusal(outcome) }
        try await answer(head(200))
    }

    /// Access is a matter of keys and grants; the list says what follows for everybody else: nothing.
    func getACL() async throws {
        let bucket = try await bucket(for: .read)
        if request.key != nil { _ = try await existing(in: bucket, request.version, body: false) }
        var xml = ByteBuffer()
        S3Answers.acl(Owner.document, into: &xml)
        try await answer(head(200), xml: xml)
    }
}
