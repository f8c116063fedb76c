import ArgumentParser
import Glibc
import NIOHTTP1

/// `meshd key …`
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "List and change access keys and what they may do.",
        subcommands: [
            List.self, Create.self, Import.self, Show.self, SetRole.self, Disable.self, Enable.self, Delete.self,
            GrantRights.self, Revoke.self,
        ]
    )

    static func table(_ keys: [KeyAnswer]) -> String {
        Table.text(
            header: ["KEY", "CREATED", "STATE", "TENANT", "ROLE", "GRANTS"],
            rows: keys.map { key in
                let parts = [
                    key.admin ? "admin" : key.role == KeyAnswer.noRole ? nil : key.role,
                    key.tenantAdmin == true ? "tenant's admin" : nil,
                    key.createBuckets ? "creates buckets" : nil,
                ]
                let role = parts.compactMap(\.self).joined(separator: ", ")
                let grants = key.grants.map { "\($0.bucket):\($0.rights.joined(separator: "+"))" }
                return [
                    key.id, key.created, key.disabled ? "disabled" : "enabled", key.tenant ?? "-",
                    role.isEmpty ? "-" : role,
                    grants.isEmpty ? "-" : grants.joined(separator: " "),
                ]
            }
        )
    }

    static func path(_ id: String) -> String { "keys/" + ClientOptions.segment(id) }

    static func change(_ id: String, _ change: KeyChange, _ options: ClientOptions) async throws {
        let body = try JSON.bytes(change)
        let answer = try await options.client().call(.PATCH, path(id), body: body, as: KeyAnswer.self)
        try options.show(answer) { table([$0]) }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all access keys.")
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, "keys", as: KeysAnswer.self)
            try options.show(answer) { table($0.keys) }
        }
    }

    /// What a new key may do beside its grants.
    struct Powers: ParsableArguments {
        @Flag(name: .customLong("full-access"), help: "It may do everything: the role admin.") var admin = false
        @Option(
            help:
                "Its role: none, viewer (sees all), operator (runs the mesh) or admin (everything). Buckets need grants."
        )
        var role: RoleName?
        @Flag(help: "It may create buckets, which it then owns.") var createBuckets = false
        @Option(help: "Whose key it is to be: it reaches the buckets of this tenant and no others.")
        var tenant: String?
        @Flag(help: "It may do everything with the tenant's buckets and keys.") var tenantAdmin = false

        func validate() throws {
            guard !admin || role == nil else { throw ValidationError("give --full-access or --role, not both") }
            guard !tenantAdmin || tenant != nil else { throw ValidationError("--tenant-admin goes with --tenant") }
            guard tenant == nil || !admin && (role ?? RoleName.none) == RoleName.none else {
                throw ValidationError("a tenant's key has no role in the mesh")
            }
        }

        func key(id: String?, secret: String?) -> NewKey {
            // As builds without roles understand it, too.
            let isAdmin = admin || role == .admin
            return NewKey(
                id: id,
                secret: secret,
                admin: isAdmin ? true : nil,
                role: isAdmin ? nil : role?.rawValue,
                createBuckets: createBuckets,
                tenant: tenant,
                tenantAdmin: tenantAdmin ? true : nil
            )
        }
    }

    enum RoleName: String, ExpressibleByArgument, CaseIterable {
        case none, viewer, `operator`, admin
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a key; its secret is shown this once.")
        @OptionGroup var powers: Powers
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let body = try JSON.bytes(powers.key(id: nil, secret: nil))
            let answer = try await options.client().call(.POST, "keys", body: body, as: KeyAnswer.self)
            try options.show(answer) { "access key  \($0.id)\nsecret key  \($0.secret ?? "")" }
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Take over a key that exists elsewhere; its secret is read from MESHD_SECRET_KEY or standard input."
        )
        @Argument var id: String
        @OptionGroup var powers: Powers
        @OptionGroup var options: ClientOptions

        func run() async throws {
            // Never an argument: those are in every process list.
            if isatty(STDIN_FILENO) == 1 && processEnvironment()["MESHD_SECRET_KEY"] == nil {
                Terminal.complain("secret key:")
            }
            guard let secret = processEnvironment()["MESHD_SECRET_KEY"] ?? readLine(), !secret.isEmpty else {
                throw ValidationError("no secret key was given")
            }
            let body = try JSON.bytes(powers.key(id: id, secret: secret))
            let answer = try await options.client().call(.POST, "keys", body: body, as: KeyAnswer.self)
            try options.show(answer) { "imported \($0.id)" }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a key, without its secret.")
        @Argument var id: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, path(id), as: KeyAnswer.self)
            try options.show(answer) { table([$0]) }
        }
    }

    struct SetRole: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "role",
            abstract: "Set what a key may do with the mesh: none, viewer, operator or admin.",
            discussion:
                "A session that the key opened has the new role at once. What is in buckets is a matter of grants."
        )
        @Argument var id: String
        @Argument var role: RoleName
        @OptionGroup var options: ClientOptions

        func run() async throws { try await change(id, KeyChange(role: role.rawValue), options) }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a key do nothing until it is enabled again.")
        @Argument var id: String
        @OptionGroup var options: ClientOptions

        func run() async throws { try await change(id, KeyChange(disabled: true), options) }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Enable a disabled key.")
        @Argument var id: String
        @OptionGroup var options: ClientOptions

        func run() async throws { try await change(id, KeyChange(disabled: false), options) }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a key for good.")
        @Argument var id: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.DELETE, path(id), as: Nothing.self)
            try options.show(answer) { _ in "deleted \(id)" }
        }
    }

    struct Rights: ParsableArguments {
        @Argument var id: String
        @Argument var bucket: String
        @Flag(help: "Read and list objects.") var read = false
        @Flag(help: "Write and delete objects.") var write = false
        @Flag(help: "Everything, the bucket itself included.") var owner = false

        func validate() throws {
            guard read || write || owner else { throw ValidationError("give --read, --write or --owner") }
        }

        func send(_ verb: String, _ options: ClientOptions) async throws {
            let rights = [("read", read), ("write", write), ("owner", owner)].filter(\.1).map(\.0)
            let body = try JSON.bytes(GrantChange(bucket: bucket, rights: rights))
            let path = KeyCommand.path(id) + "/" + verb
            let answer = try await options.client().call(.POST, path, body: body, as: KeyAnswer.self)
            try options.show(answer) { table([$0]) }
        }
    }

    struct GrantRights: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "grant", abstract: "Let a key use a bucket.")
        @OptionGroup var rights: Rights
        @OptionGroup var options: ClientOptions

        func run() async throws { try await rights.send("grant", options) }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take rights on a bucket away; --owner takes all.")
        @OptionGroup var rights: Rights
        @OptionGroup var options: ClientOptions

        func run() async throws { try await rights.send("revoke", options) }
    }
}
