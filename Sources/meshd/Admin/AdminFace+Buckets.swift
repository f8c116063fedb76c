import Hummingbird
import Mesh
import Store

/// Buckets, as an admin sees them.
extension AdminFace {
    func addBuckets(to api: RouterGroup<AdminContext>) {
        api.get("buckets") { _, context in
            if node.layout.isRemoved { throw CoordinatorError.notMember }
            let seen = try node.coordinator.buckets().filter { try sees($0, context) }
            await node.lookAtUsage()
            let places = await bucketPlaces()
            return try Self.yes(BucketsAnswer(buckets: seen.map { answer($0, context, places) }))
        }
        api.post("buckets") { request, context in
            try await createBucket(Self.body(NewBucket.self, of: request), context)
        }
        api.get("buckets/:bucket") { _, context in
            let bucket = try await unjudgedBucket(of: context)
            guard try sees(bucket, context) else { throw noGrant("", bucket, context) }
            await node.lookAtUsage()
            return try await Self.yes(answer(bucket, context, bucketPlaces()))
        }
        api.put("buckets/:bucket/quota") { request, context in
            let quota = try await Self.quota(Self.body(QuotaAnswer.self, of: request))
            let bucket = try await unjudgedBucket(of: context)
            try await node.quotas.set(quota, of: bucket)
            await node.lookAtUsage()
            return try await Self.yes(answer(bucket, context, bucketPlaces()))
        }
        api.delete("buckets/:bucket") { _, context in
            try await deleteBucket(bucket(of: context, for: .owner), context)
        }
        api.put("buckets/:bucket/versioning") { request, context in
            let change = try await Self.body(VersioningChange.self, of: request)
            return try await setVersioning(change.versioning, of: bucket(of: context, for: .owner), context)
        }
        api.put("buckets/:bucket/copies") { request, context in
            let change = try await Self.body(CopiesChange.self, of: request)
            let bucket = try await unjudgedBucket(of: context)
            return try await setCopies(change.copies, of: bucket, context)
        }
        api.post("buckets/:bucket/move") { request, context in
            let move = try await Self.body(BucketMove.self, of: request)
            return try await self.move(unjudgedBucket(of: context), move, request, context)
        }
    }

    private func createBucket(_ new: NewBucket, _ context: AdminContext) async throws -> Response {
        guard BucketName.mayBeCreated(new.name) else {
            throw AdminError(.badRequest, "invalid_name", "\"\(new.name.prefix(80))\" cannot be a bucket's name")
        }
        let key = try caller(context)
        guard context.role >= .operator || key?.allowsCreatingBuckets == true else {
            throw AdminError(.forbidden, "not_operator", "your access key may not make buckets; an admin can allow it")
        }
        guard new.tenant == nil || new.tenant == key?.tenant || context.role >= .operator else {
            throw AdminError(.forbidden, "not_operator", "only an operator makes buckets for a tenant")
        }
        let tenant = try tenancy(of: new.tenant, key)?.tenant
        let name = BucketName.full(new.name, of: tenant)
        let (known, max) = (node.coordinator.buckets(), node.settings.bucketsMax)
        if let sentence = node.quotas.objection(toBucket: name, among: known, max: max) {
            throw AdminError(.conflict, "too_many_buckets", sentence)
        }
        let bucket = Bucket.fresh(
            named: name,
            versioning: try Self.versioning(new.versioning ?? "off"),
            copies: try new.copies.map(Self.copies)
        )
        switch try await node.coordinator.commit(.createBucket(bucket)) {
        case .done:
            if context.role < .operator, let key, key.needsGrants {
                try await node.accessKeys.grant(.owner, on: bucket, to: key.id)
            }
            return try await Self.yes(answer(bucket, context, bucketPlaces()), status: .created)
        case .bucketExists: throw AdminError(.conflict, "bucket_exists", "there is a bucket \(new.name) already")
        case let other: throw Self.unexpected(other)
        }
    }

    /// Whose something new is to be: the caller's tenant's, or that of the tenant that he names.
    func tenancy(of named: String?, _ caller: AccessKey?) throws -> Tenancy? {
        if let own = caller?.tenancy {
            guard named == nil || named == own.tenant else {
                throw AdminError(.badRequest, "invalid", "your access key is of the tenant \(own.tenant)")
            }
            return own
        }
        guard let named else { return nil }
        guard let tenant = node.tenants.lookup(named) else { throw AdminFace.noTenant(named) }
        guard !tenant.isDisabled else {
            throw AdminError(.conflict, "tenant_disabled", "the tenant \(named) is disabled: enable it first")
        }
        return Tenancy(tenant)
    }

    private func deleteBucket(_ bucket: Bucket, _ context: AdminContext) async throws -> Response {
        let name = name(of: bucket, for: context)
        switch try await node.coordinator.commit(.deleteBucket(bucket.id)) {
        case .done:
            await node.quotas.forget(bucket)
            return try Self.yes(Nothing())
        case .bucketNotEmpty: throw AdminError(.conflict, "bucket_not_empty", "the bucket \(name) is not empty")
        case .noSuchBucket: throw AdminError(.notFound, "no_such_bucket", "there is no bucket \(name)")
        case let other: throw Self.unexpected(other)
        }
    }

    private func setVersioning(_ text: String, of bucket: Bucket, _ context: AdminContext) async throws -> Response {
        let versioning = try Self.versioning(text)
        var bucket = bucket
        guard versioning != .off || bucket.versioning == .off else {
            throw AdminError(.conflict, "versioning_was_on", "versioning that was on can only be suspended")
        }
        switch try await node.coordinator.commit(.setVersioning(bucket.id, versioning)) {
        case .done:
            bucket.versioning = versioning
            return try await Self.yes(answer(bucket, context, bucketPlaces()))
        case .noSuchBucket:
            let name = name(of: bucket, for: context)
            throw AdminError(.notFound, "no_such_bucket", "there is no bucket \(name)")
        case let other: throw Self.unexpected(other)
        }
    }

    /// A change of the layout: it goes on by itself when it is decided.
    private func setCopies(_ count: Int, of bucket: Bucket, _ context: AdminContext) async throws -> Response {
        let wanted = try Self.copies(count)
        let id = bucket.id
        // More copies are a matter of the mesh, fewer of what the objects are worth.
        if context.role < .operator || wanted < node.coordinator.span(of: id).next.copies {
            try demand(.owner, on: bucket, of: context)
        }
        let wish = LayoutWish.copies(id, base: node.coordinator.copies(of: id), wanted: wanted)
        let facts = await ClusterBoard(node: node).look(asksOthers: false).facts
        let answer = try await node.wish(wish, isForced: false)
        let message = try OrderText(facts: facts).answer(wish, answer)
        return try Self.yes(OrderAnswer(message: message, epoch: node.currentLayout?.epoch ?? 0))
    }

    private static func copies(_ count: Int) throws -> Int {
        guard BucketSettings.copiesChoices.contains(count) else {
            throw AdminError(.badRequest, "invalid", "copies is one of 1, 2, 3, 5")
        }
        return count
    }

    private static func unexpected(_ outcome: Outcome) -> AdminError {
        AdminError(.internalServerError, "internal", "the store answered \(outcome)")
    }

    private static func versioning(_ text: String) throws -> Versioning {
        switch text {
        case "off": return .off
        case "enabled": return .on
        case "suspended": return .suspended
        default: throw AdminError(.badRequest, "invalid", "versioning is one of off, enabled, suspended")
        }
    }

    private static func text(of versioning: Versioning) -> String {
        switch versioning {
        case .off: "off"
        case .on: "enabled"
        case .suspended: "suspended"
        }
    }

    static func quota(_ asked: QuotaAnswer) throws -> Quota {
        guard asked.bytes != 0, asked.objects != 0 else {
            throw AdminError(.badRequest, "invalid", "a limit is a number above zero; leave it out for none")
        }
        return Quota(bytes: asked.bytes, objects: asked.objects)
    }

    private func answer(
        _ bucket: Bucket,
        _ context: AdminContext,
        _ places: BucketPlaces
    ) -> BucketAnswer {
        BucketAnswer(
            name: name(of: bucket, for: context),
            created: JSON.date(millis: bucket.createdMillis),
            versioning: Self.text(of: bucket.versioning),
            copies: node.copiesWanted(of: bucket),
            copiesHeld: node.copiesHeld(of: bucket),
            usage: UsageAnswer(node.usage.usage(of: bucket.id)),
            quota: node.quotas.quota(of: bucket).map { QuotaAnswer(bytes: $0.bytes, objects: $0.objects) },
            tenant: BucketName.tenant(of: bucket.name),
            // Nodes are told to who has a part in the mesh.
            place: context.role >= .viewer ? places.place(of: bucket.id) : nil,
            moving: places.isMoving(bucket.id)
        )
    }
}

extension Bucket {
    /// A bucket that is to be made now. `copies`: nil, as many as the mesh gives.
    static func fresh(named name: String, versioning: Versioning, copies: Int?) -> Bucket {
        Bucket(
            id: .fresh(SecureRandom.word()),
            name: name,
            createdMillis: JSON.nowMillis(),
            versioning: versioning,
            settings: BucketSettings(copies: copies).encoded
        )
    }
}
