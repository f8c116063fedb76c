import Hummingbird
import Mesh
import Store

/// Access keys and what they may do. A tenant's admin sees and changes those of the tenant.
extension AdminFace {
    func addKeys(to api: RouterGroup<AdminContext>) {
        api.get("keys") { _, context in
            let reach = try reach(context, .viewer)
            let keys = node.accessKeys.all().filter(reach.contains)
            return try Self.yes(KeysAnswer(keys: keys.map { answer($0, context) }))
        }
        api.post("keys") { request, context in
            let reach = try reach(context, .admin)
            return try await createKey(Self.body(NewKey.self, of: request), reach, context)
        }
        api.get("keys/:id") { _, context in
            try Self.yes(answer(key(of: context, .viewer), context))
        }
        api.patch("keys/:id") { request, context in
            let change = try await Self.body(KeyChange.self, of: request)
            let role = try Self.role(change.role, isAdmin: change.admin)
            let key = try await node.accessKeys.update(key(of: context, .admin).id) { key in
                key.isDisabled = change.disabled ?? key.isDisabled
                if let role { key.role = role.value }
                key.mayCreateBuckets = change.createBuckets ?? key.mayCreateBuckets
                key.isTenantAdmin = change.tenantAdmin ?? key.isTenantAdmin
            }
            return try Self.yes(answer(key, context))
        }
        api.delete("keys/:id") { _, context in
            try await node.accessKeys.delete(key(of: context, .admin).id)
            return try Self.yes(Nothing())
        }
        api.post("keys/:id/grant") { request, context in
            let change = try await Self.body(GrantChange.self, of: request)
            let id = try key(of: context, .admin).id
            let (grant, bucket) = try await (Self.grant(change.rights), bucket(change.bucket, of: context))
            return try Self.yes(answer(try await node.accessKeys.grant(grant, on: bucket, to: id), context))
        }
        api.post("keys/:id/revoke") { request, context in
            let change = try await Self.body(GrantChange.self, of: request)
            let id = try key(of: context, .admin).id
            let (grant, bucket) = try await (Self.grant(change.rights), bucket(change.bucket, of: context))
            return try Self.yes(answer(try await node.accessKeys.revoke(grant, on: bucket.id, from: id), context))
        }
    }

    /// Whose keys a caller may see, or change.
    private struct KeyReach {
        /// Nil: everybody's.
        let tenant: String?

        func contains(_ key: AccessKey) -> Bool { tenant == nil || key.tenant == tenant }
    }

    /// Throws when the caller has neither the role nor a tenant whose admin he is.
    private func reach(_ context: AdminContext, _ least: Role) throws -> KeyReach {
        if context.role >= least { return KeyReach(tenant: nil) }
        if let key = caller(context), key.isTenantAdmin, let tenant = key.tenant { return KeyReach(tenant: tenant) }
        throw RoleGate.refusal(context.role, least)
    }

    /// The key that a call names, if the caller's reach has it.
    private func key(of context: AdminContext, _ least: Role) throws -> AccessKey {
        let reach = try reach(context, least)
        let id = try context.parameters.require("id")
        guard let key = node.accessKeys.lookup(id), reach.contains(key) else { throw AccessError.noSuchKey(id) }
        return key
    }

    private func createKey(_ new: NewKey, _ reach: KeyReach, _ context: AdminContext) async throws -> Response {
        guard (new.id == nil) == (new.secret == nil) else {
            throw AdminError(.badRequest, "invalid", "an imported key needs both its id and its secret")
        }
        var key = AccessKey(
            id: new.id ?? SecureRandom.accessKeyID(),
            secret: new.secret.map { Secret($0) } ?? SecureRandom.secretKey(),
            createdMillis: JSON.nowMillis()
        )
        key.role = try Self.role(new.role, isAdmin: new.admin)?.value
        key.mayCreateBuckets = new.createBuckets ?? false
        key.tenant = try tenant(of: new.tenant, caller(context))
        key.isTenantAdmin = new.tenantAdmin ?? false
        if let tenant = key.tenant, node.quotas.isOneKeyTooMany(for: tenant, among: node.accessKeys.all()) {
            let sentence = "the tenant \(tenant) has as many access keys as its quota allows"
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
        let isTenants = caller(context)?.tenant != nil
        return KeyAnswer(
            id: key.id,
            created: JSON.date(millis: key.createdMillis),
            disabled: key.isDisabled,
            admin: key.isAdmin,
            role: key.role?.name ?? KeyAnswer.noRole,
            createBuckets: key.mayCreateBuckets,
            tenant: key.tenant,
            tenantAdmin: key.isTenantAdmin,
            grants: key.grants.compactMap { id, grant in
                guard let name = node.store.bucket(id)?.name else { return nil }
                return .init(bucket: isTenants ? BucketName.local(name) : name, rights: grant.names)
            }.sorted { $0.bucket < $1.bucket },
            secret: nil
        )
    }
}
