import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd bucket …`
struct BucketCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bucket",
        abstract: "List and change buckets.",
        subcommands: [
            List.self, Create.self, Delete.self, Show.self, Set.self, SetVersioning.self, SetQuota.self, Move.self,
        ]
    )

    static func table(_ buckets: [BucketAnswer]) -> String {
        Table.text(
            header: ["BUCKET", "OBJECTS", "SIZE", "VERSIONING", "COPIES", "WHERE", "CREATED"],
            rows: buckets.map { bucket in
                let usage = bucket.usage
                let objects = usage.map {
                    QuotaText.count($0.objects, of: bucket.quota?.objects, isComplete: $0.complete)
                }
                let size = usage.map { QuotaText.bytes($0.bytes, of: bucket.quota?.bytes, isComplete: $0.complete) }
                return [
                    bucket.name, objects ?? "-", size ?? "-", bucket.versioning, copies(bucket), place(bucket),
                    bucket.created,
                ]
            }
        )
    }

    private static func copies(_ bucket: BucketAnswer) -> String {
        bucket.copiesHeld == bucket.copies ? "\(bucket.copies)" : "wants \(bucket.copies), has \(bucket.copiesHeld)"
    }

    private static func place(_ bucket: BucketAnswer) -> String {
        let place = bucket.place.map { $0.zones.map(zones) ?? names($0.nodes) }
        let words = place ?? "all nodes"
        if bucket.moving == true { return "moving to " + words }
        guard let old = bucket.usage?.oldCopies else { return words }
        return "\(words) (\(old) old copies left)"
    }

    private static func zones(_ names: [String]) -> String {
        (names.count == 1 ? "zone " : "zones ") + names.joined(separator: ", ")
    }

    private static func names(_ nodes: [String]?) -> String { (nodes ?? []).joined(separator: ", ") }

    private static func check(copies: Int?) throws {
        guard copies.map(BucketSettings.copiesChoices.contains) ?? true else {
            throw ValidationError("--copies is one of 1, 2, 3, 5")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all buckets.")
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, "buckets", as: BucketsAnswer.self)
            try options.show(answer) { table($0.buckets) }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Create a bucket.")
        @Argument var bucket: String
        @Flag(help: "Keep the versions that writes replace.") var versioning = false
        @Option(help: "Copies of each object, as far as there are nodes: 1, 2, 3 or 5. By default 3.")
        var copies: Int?
        @Option(help: "Whose it is to be.") var tenant: String?
        @OptionGroup var options: ClientOptions

        func validate() throws { try check(copies: copies) }

        func run() async throws {
            let state = versioning ? "enabled" : "off"
            let body = try JSON.bytes(NewBucket(name: bucket, versioning: state, copies: copies, tenant: tenant))
            let answer = try await options.client().call(.POST, "buckets", body: body, as: BucketAnswer.self)
            try options.show(answer) { "created \($0.name)" }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete an empty bucket.")
        @Argument var bucket: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let path = "buckets/" + ClientOptions.segment(bucket)
            let answer = try await options.client().call(.DELETE, path, as: Nothing.self)
            try options.show(answer) { _ in "deleted \(bucket)" }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a bucket.")
        @Argument var bucket: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let path = "buckets/" + ClientOptions.segment(bucket)
            let answer = try await options.client().call(.GET, path, as: BucketAnswer.self)
            try options.show(answer) { table([$0]) }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change how many copies there are of each object.",
            discussion: "Copies are made, or freed, by themselves; `meshd layout` shows how far it is. Nothing is "
                + "unreachable meanwhile."
        )
        @Argument var bucket: String
        @Option(help: "1, 2, 3 or 5.") var copies: Int
        @OptionGroup var options: ClientOptions

        func validate() throws { try check(copies: copies) }

        func run() async throws {
            let path = "buckets/\(ClientOptions.segment(bucket))/copies"
            let body = try JSON.bytes(CopiesChange(copies: copies))
            let answer = try await options.client().call(.PUT, path, body: body, as: OrderAnswer.self)
            try options.show(answer) { Table.plain($0.message) }
        }
    }

    struct SetVersioning: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "versioning",
            abstract: "Switch versioning on, or suspend it."
        )
        @Argument var bucket: String
        @Argument(help: "enabled or suspended.") var state: String
        @OptionGroup var options: ClientOptions

        func validate() throws {
            guard ["enabled", "suspended"].contains(state) else {
                throw ValidationError("the state is one of enabled, suspended")
            }
        }

        func run() async throws {
            let path = "buckets/\(ClientOptions.segment(bucket))/versioning"
            let body = try JSON.bytes(VersioningChange(versioning: state))
            let answer = try await options.client().call(.PUT, path, body: body, as: BucketAnswer.self)
            try options.show(answer) { table([$0]) }
        }
    }

    struct SetQuota: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "quota",
            abstract: "Set how much a bucket may have, in place of what was set before.",
            discussion: "Writes beyond it are refused with QuotaExceeded; reads and deletions go on."
        )
        @Argument var bucket: String
        @Option(help: "Bytes of all versions, one copy counted, such as 10GiB.") var bytes: ByteCount?
        @Option(help: "Versions of objects.") var objects: UInt64?
        @Flag(name: .customLong("none"), help: "No limit.") var isNone = false
        @OptionGroup var options: ClientOptions

        func validate() throws {
            guard isNone == (bytes == nil && objects == nil) else {
                throw ValidationError("name --bytes or --objects, or --none")
            }
            guard objects != 0 else { throw ValidationError("a limit is a number above zero; --none sets none") }
        }

        func run() async throws {
            let path = "buckets/\(ClientOptions.segment(bucket))/quota"
            let body = try JSON.bytes(QuotaAnswer(bytes: bytes?.value, objects: objects))
            let answer = try await options.client().call(.PUT, path, body: body, as: BucketAnswer.self)
            try options.show(answer) { table([$0]) }
        }
    }
}
