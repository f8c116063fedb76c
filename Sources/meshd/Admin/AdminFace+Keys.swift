import Hummingbird
import Mesh
import Store

/// Access keys and what they may do.
extension AdminFace {
    func addKeys(to api: RouterGroup<AdminContext>) {
        api.get("keys") { _, _ in
            let names = bucketNames()
            return try Self.yes(KeysAnswer(keys: node.accessKeys.all().map { Self.answer($0, names) }))
        }
        api.post("keys") { request, _ in try await createKey(Self.body(NewKey.self, of: request)) }
        api.get("keys/:id") { _, context in
            let id = try context.parameters.require("id")
            guard let key = node.accessKeys.lookup(id) else { throw AccessError.noSuchKey(id) }
            return try Self.yes(Self.answer(key, bucketNames()))
        }
        api.patch("keys/:id") { request, context in
            let change = try await Self.body(KeyChange.self, of: request)
            let role = try Self.role(change.role, isAdmin: change.admin)
            let key = try await node.accessKeys.update(context.parameters.require("id")) { key in
                key.isDisabled = change.disabled ?? key.isDisabled
                if let role { key.role = role.value }
                key.mayCreateBuckets = change.createBuckets ?? key.mayCreateBuckets
            }
            return try Self.yes(Self.answer(key, bucketNames()))
        }
        api.delete("keys/:id") { _, context in
            try await node.accessKeys.delete(context.parameters.require("id"))
            return try Self.yes(Nothing())
        }
        api.post("keys/:id/grant") { request, context in
            let change = try await Self.body(GrantChange.self, of: request)
            let (grant, bucket) = try await (Self.grant(change.rights), bucket(change.bucket))
            let id = try context.parameters.require("id")
            let key = try await node.accessKeys.grant(grant, on: bucket.id, to: id)
            return try Self.yes(Self.answer(key, bucketNames()))
        }
        api.post("keys/:id/revoke") { request, context in
            let change = try await Self.body(GrantChange.self, of: request)
            let (grant, bucket) = try await (Self.grant(change.rights), bucket(change.bucket))
            let id = try context.parameters.require("id")
            let key = try await node.accessKeys.revoke(grant, on: bucket.id, from: id)
            return try Self.yes(Self.answer(key, bucketNames()))
        }
    }

    private func createKey(_ new: NewKey) async throws -> Response {
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
        try await node.accessKeys.add(key)
        var answer = Self.answer(key, bucketNames())
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

    private func bucketNames() -> [BucketID: String] {
        Dictionary(node.coordinator.buckets().map { ($0.id, $0.name) }) { first, _ in first }
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
    private static func answer(_ key: AccessKey, _ names: [BucketID: String]) -> KeyAnswer {
        KeyAnswer(
            id: key.id,
            created: JSON.date(millis: key.createdMillis),
            disabled: key.isDisabled,
            admin: key.isAdmin,
            role: key.role?.name ?? KeyAnswer.noRole,
            createBuckets: key.mayCreateBuckets,
            grants: key.grants.compactMap { bucket, grant in
                names[bucket].map { .init(bucket: $0, rights: grant.names) }
            }.sorted { $0.bucket < $1.bucket },
            secret: nil
        )
    }
}
