import Hummingbird
import Mesh
import Store

/// Access keys and what they may do. A tenant's admin sees and changes those of the tenant.
extension AdminFace {
    func addKeys(to api: RouterGroup<AdminContext>) {
        api.get("keys") { _, context in
            let visible = try visibleKeys(context, .viewer)
            let keys = node.accessKeys.all().filter(visible.contains)
            return try Self.yes(KeysAnswer(keys: keys.map { answer($0, context) }))
        }
        api.post("keys") { request, context in
            try await createKey(Self.body(NewKey.self, of: request), context)
        }
        api.get("keys/:id") { _, context in
            let id = try context.parameters.require("id")
            let visible = try visibleKeys(context, .viewer)
            guard let key = node.accessKeys.lookup(id), visible.contains(key) else { throw AccessError.noSuchKey(id) }
            return try Self.yes(answer(key, context))
        }
        api.patch("keys/:id") { request, context in
            let change = try await Self.body(KeyChange.self, of: request)
            let role = try Self.role(change.role, isAdmin: change.admin)
            let (id, check) = try ownKey(context)
            let key = try await node.accessKeys.update(id) { key in
                try check(key)
                key.isDisabled = change.disabled ?? key.isDisabled
                if let role { key.role = role.value }
                key.mayCreateBuckets = change.createBuckets ?? key.mayCreateBuckets
                key.isTenantAdmin = change.tenantAdmin ?? key.isTenantAdmin
            }
            return try Self.yes(answer(key, context))
        }
        api.delete("keys/:id") { _, context in
            let (id, check) = try ownKey(context)
            try await node.accessKeys.delete(id, check)
            return try Self.yes(Nothing())
        }
        api.post("keys/:id/grant") { request, context in
            let change = try await Self.body(GrantChange.self, of: request)
            let (grant, bucket) = try await (Self.grant(change.rights), unjudgedBucket(change.bucket, of: context))
            let (id, check) = try ownKey(context)
            return try Self.yes(answer(await node.accessKeys.grant(grant, on: bucket, to: id, check), context))
        }
        api.post("keys/:id/revoke") { request, context in
            let change = try await Self.body(GrantChange.self, of: request)
            let (grant, bucket) = try await (Self.grant(change.rights), unjudgedBucket(change.bucket, of: context))
            let (id, check) = try ownKey(context)
            return try Self.yes(answer(await node.accessKeys.revoke(grant, on: bucket.id, from: id, check), context))
        }
    }

    /// The keys that a caller may see, or change.
    private struct VisibleKeys {
        /// Nil: everybody's.
        let tenancy: Tenancy?

        /// - Parameter key: nil: nobody can read it.
        func contains(_ key: AccessKey?) -> Bool { tenancy == nil || key?.tenancy == tenancy }
    }

    /// Throws when the caller has neither the role nor a tenant whose admin he is.
    private func visibleKeys(_ context: AdminContext, _ least: Role) throws -> VisibleKeys {
        if context.role >= least { return VisibleKeys(tenancy: nil) }
        if let key = try caller(context), key.isTenantAdmin, let tenancy = key.tenancy {
            return VisibleKeys(tenancy: tenancy)
        }
        throw RoleGate.refusal(context.role, least)
    }

    /// The id of the key that a call names, and what throws unless it is the caller's to change: judged with the change,
    /// because an id may be given to another key meanwhile.
    private func ownKey(_ context: AdminContext) throws -> (id: String, check: (AccessKey?) throws -> Void) {
        let visible = try visibleKeys(context, .admin)
        let id = try context.parameters.require("id")
        return (id, { key in guard visible.contains(key) else { throw AccessError.noSuchKey(id) } })
    }

    private func createKey(_ new: NewKey, _ context: AdminContext) async throws -> Response {
        let visible = try visibleKeys(context, .admin)
        guard (new.id == nil) == (new.secret == nil) else {
            throw AdminError(.badRequest, "invalid", "an imported key needs both its id and its secret")
        }
        var key = AccessKey(
            id: new.id ?? SecureRandom.accessKeyID(),
            secret: new.secret.map { Secret($0) } ?? SecureRandom.secretKey(),
            createdMillis: JSON.nowMillis(),
            tenancy: try tenancy(of: new.tenant, caller(context))
        )
        guard visible.contains(key) else { throw RoleGate.refusal(context.role, .admin) }
        key.role = try Self.role(new.role, isAdmin: new.admin)?.value
        key.mayCreateBuckets = new.createBuckets ?? false
        key.isTenantAdmin = new.tenantAdmin ?? false
        if let tenant = key.tenant, node.quotas.hasNoRoomForKey(tenant, among: node.accessKeys.all()) {
            let sentence = "the tenant \(tenant) has as many access keys as it may have"
            throw AdminError(.conflict, "too_many_keys", sentence)
        }
        try await node.accessKeys.add(key)
        var answer = answer(key, context)
        // Who imports a key knows its secret; who makes one sees it here and nowhere else.
        if new.secret == nil { answer.secret = key.secret.revealed }
        return try Self.yes(answer, status: .created)
    }

    /// A role that was named, which may be none; nil when none was named.
    private struct NamedRole {
        let value: Role?
    }

    private static func role(_ name: String?, isAdmin: Bool?) throws -> NamedRole? {
        guard let name else { return isAdmin.map { NamedRole(value: $0 ? .admin : nil) } }
        guard isAdmin == nil else { throw AdminError(.badRequest, "invalid", "name role or admin, not both") }
        guard name != KeyAnswer.noRole else { return NamedRole(value: nil) }
        guard let role = Role(name: name) else {
            throw AdminError(
                .badRequest,
                "invalid",
                "role is one of \(([KeyAnswer.noRole] + Role.allCases.map(\.name)).joined(separator: ", "))"
            )
        }
        return NamedRole(value: role)
    }

    private static func grant(_ rights: [String]) throws -> Grant {
        var grant: Grant = []
        for right in rights {
            guard let known = Grant.all.first(where: { $0.name == right }) else {
                throw AdminError(.badRequest, "invalid", "rights are of read, write, owner")
            }
            grant.formUnion(known.grant)
        }
        guard !grant.isEmpty else { throw AdminError(.badRequest, "invalid", "name at least one right") }
        return grant
    }

    /// Grants to buckets that are gone mean nothing and are not shown.
    private func answer(_ key: AccessKey, _ context: AdminContext) -> KeyAnswer {
        KeyAnswer(
            id: key.id,
            created: JSON.date(millis: key.createdMillis),
            disabled: key.isDisabled,
            admin: key.isAdmin,
            role: key.role?.name ?? KeyAnswer.noRole,
            createBuckets: key.mayCreateBuckets,
            tenant: key.tenant,
            tenantAdmin: key.isTenantAdmin,
            grants: key.grants.compactMap { id, grant in
                guard let bucket = node.store.bucket(id) else { return nil }
                return .init(bucket: name(of: bucket, for: context), rights: grant.names)
            }.sorted { $0.bucket < $1.bucket },
            secret: nil
        )
    }
}
