import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd tenant …`: namespaces for buckets and keys.
struct TenantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant",
        abstract: "Give somebody a part of the mesh: buckets and keys of his own, up to a quota.",
        subcommands: [
            List.self, Show.self, Create.self, SetQuota.self, Disable.self, Enable.self, Delete.self,
        ]
    )

    private static func path(_ name: String) -> String { "tenants/" + ClientOptions.segment(name) }

    private static func table(_ tenants: [TenantAnswer]) -> String {
        Table.text(
            header: ["TENANT", "STATE", "BUCKETS", "KEYS", "OBJECTS", "SIZE", "CREATED"],
            rows: tenants.map { tenant in
                let (usage, quota) = (tenant.usage, tenant.quota)
                return [
                    tenant.name, tenant.disabled ? "disabled" : "enabled",
                    QuotaText.count(UInt64(usage.buckets), of: quota.buckets),
                    QuotaText.count(UInt64(usage.keys), of: quota.keys),
                    QuotaText.count(usage.objects, of: quota.objects, isComplete: usage.complete),
                    QuotaText.bytes(usage.bytes, of: quota.bytes, isComplete: usage.complete), tenant.created,
                ]
            }
        )
    }

    private static func change(_ name: String, _ change: TenantChange, _ options: ClientOptions) async throws {
        let body = try JSON.bytes(change)
        let answer = try await options.client().call(.PATCH, path(name), body: body, as: TenantAnswer.self)
        try options.show(answer) { table([$0]) }
    }

    /// What a tenant may have.
    struct Limits: ParsableArguments {
        @Option(help: "Bytes in all its buckets, such as 500GiB.") var bytes: ByteCount?
        @Option(help: "Versions of objects in all its buckets.") var objects: UInt64?
        @Option(help: "Buckets.") var buckets: UInt64?
        @Option(help: "Access keys.") var keys: UInt64?

        func validate() throws {
            guard [objects, buckets, keys].allSatisfy({ $0 != 0 }) else {
                throw ValidationError("a limit is a number above zero; leave it out for none")
            }
        }

        var quota: TenantQuota {
            TenantQuota(buckets: buckets, keys: keys, objects: objects, bytes: bytes?.value)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all tenants, and what each has.")
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, "tenants", as: TenantsAnswer.self)
            try options.show(answer) { table($0.tenants) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a tenant.")
        @Argument var tenant: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, path(tenant), as: TenantAnswer.self)
            try options.show(answer) { table([$0]) }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a tenant.",
            discussion: "Then give it an admin: `meshd key create --tenant NAME --tenant-admin`."
        )
        @Argument(help: "1 to 32 small letters, digits and hyphens.") var tenant: String
        @OptionGroup var limits: Limits
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let body = try JSON.bytes(NewTenant(name: tenant, quota: limits.quota))
            let answer = try await options.client().call(.POST, "tenants", body: body, as: TenantAnswer.self)
            try options.show(answer) { "created \($0.name)" }
        }
    }

    struct SetQuota: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "quota",
            abstract: "Set how much a tenant may have, in place of what was set before."
        )
        @Argument var tenant: String
        @OptionGroup var limits: Limits
        @Flag(name: .customLong("none"), help: "No limit.") var isNone = false
        @OptionGroup var options: ClientOptions

        func validate() throws {
            guard isNone == (limits.quota == TenantQuota()) else {
                throw ValidationError("name --bytes, --objects, --buckets or --keys, or --none")
            }
        }

        func run() async throws { try await change(tenant, TenantChange(quota: limits.quota), options) }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Refuse all requests and sessions of a tenant's keys. Nothing is deleted."
        )
        @Argument var tenant: String
        @OptionGroup var options: ClientOptions

        func run() async throws { try await change(tenant, TenantChange(disabled: true), options) }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a tenant's keys work again.")
        @Argument var tenant: String
        @OptionGroup var options: ClientOptions

        func run() async throws { try await change(tenant, TenantChange(disabled: false), options) }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a tenant that has no buckets and no keys any more."
        )
        @Argument var tenant: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.DELETE, path(tenant), as: Nothing.self)
            try options.show(answer) { _ in "deleted \(tenant)" }
        }
    }
}
