import Hummingbird
import Mesh
import Store

/// Tenants: namespaces for buckets and keys.
extension AdminFace {
    func addTenants(to api: RouterGroup<AdminContext>) {
        api.get("tenants") { _, _ in
            await node.lookAtUsage()
            let all = node.tenants.all().sorted { $0.name < $1.name }
            return try Self.yes(TenantsAnswer(tenants: all.map(answer)))
        }
        api.post("tenants") { request, _ in try await createTenant(Self.body(NewTenant.self, of: request)) }
        api.get("tenants/:tenant") { _, context in
            await node.lookAtUsage()
            return try Self.yes(answer(tenant(context.parameters.require("tenant"))))
        }
        api.patch("tenants/:tenant") { request, context in
            let change = try await Self.body(TenantChange.self, of: request)
            let quota = try change.quota?.checked()
            let name = try tenant(context.parameters.require("tenant")).name
            let changed = try await node.tenants.update(name) { tenant in
                tenant.isDisabled = change.disabled ?? tenant.isDisabled
                tenant.quota = quota ?? tenant.quota
            }
            await node.lookAtUsage()
            return try Self.yes(answer(changed))
        }
        api.delete("tenants/:tenant") { _, context in
            try await deleteTenant(context.parameters.require("tenant"))
        }
    }

    static func noTenant(_ name: String) -> AdminError {
        AdminError(.notFound, "no_such_tenant", "there is no tenant \(name.prefix(80))")
    }

    private func tenant(_ name: String) throws -> Tenant {
        guard let tenant = node.tenants.lookup(name) else { throw Self.noTenant(name) }
        return tenant
    }

    private func createTenant(_ new: NewTenant) async throws -> Response {
        if let fault = Tenant.fault(ofName: new.name) { throw AdminError(.badRequest, "invalid", fault) }
        let quota = try new.quota?.checked() ?? Quota()
        let known = node.tenants.count
        if let max = node.settings.tenantsMax, known >= max, node.tenants.lookup(new.name) == nil {
            let sentence = "there are \(known) tenants, and max-tenants allows \(max)"
            throw AdminError(.conflict, "too_many_tenants", sentence)
        }
        // What a former tenant of the name has left behind is for nobody who comes now.
        let left = held(by: new.name)
        guard node.tenants.lookup(new.name) != nil || (left.buckets == 0 && left.keys == 0) else {
            let sentence = "there are buckets or keys of a former tenant \(new.name): delete those first"
            throw AdminError(.conflict, "tenant_not_empty", sentence)
        }
        let tenant = Tenant(name: new.name, createdMillis: JSON.nowMillis(), quota: quota)
        do { try await node.tenants.add(tenant) } catch RegisterError.exists {
            throw AdminError(.conflict, "tenant_exists", "there is a tenant \(new.name) already")
        }
        return try Self.yes(answer(tenant), status: .created)
    }

    /// Looked at once more when it is disabled: nothing comes to it from then on. If it stays, it is as before.
    private func deleteTenant(_ name: String) async throws -> Response {
        // One that this build cannot read is nobody's any more.
        guard !node.tenants.isUnreadable(name) else {
            try demandEmpty(name)
            try await node.tenants.delete(name)
            return try Self.yes(Nothing())
        }
        let tenant = try tenant(name)
        try demandEmpty(name)
        if !tenant.isDisabled { try await node.tenants.update(name) { $0.isDisabled = true } }
        do {
            try demandEmpty(name)
            try await node.tenants.delete(name) { known in
                guard known?.createdMillis == tenant.createdMillis else { throw RegisterError.busy(name) }
            }
        } catch {
            if !tenant.isDisabled { try await node.tenants.update(name) { $0.isDisabled = false } }
            throw error
        }
        return try Self.yes(Nothing())
    }

    private func demandEmpty(_ tenant: String) throws {
        let held = held(by: tenant)
        guard held.buckets > 0 || held.keys > 0 else { return }
        let what = "\(held.buckets) buckets and \(held.keys) access keys"
        throw AdminError(.conflict, "tenant_not_empty", "the tenant \(tenant) has \(what): delete those first")
    }

    private func held(by tenant: String) -> (buckets: Int, keys: Int) {
        let buckets = node.coordinator.buckets().count { BucketName.tenant(of: $0.name) == tenant }
        return (buckets, node.accessKeys.all().count { $0.tenant == tenant })
    }

    private func answer(_ tenant: Tenant) -> TenantAnswer {
        let (held, usage) = (held(by: tenant.name), node.usage.usage(ofTenant: tenant.name))
        return TenantAnswer(
            name: tenant.name,
            created: JSON.date(millis: tenant.createdMillis),
            disabled: tenant.isDisabled,
            quota: TenantQuota(tenant.quota),
            usage: .init(
                buckets: held.buckets,
                keys: held.keys,
                objects: usage.versions,
                bytes: usage.bytes,
                complete: usage.isComplete
            )
        )
    }
}
