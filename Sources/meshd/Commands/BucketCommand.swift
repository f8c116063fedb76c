import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd bucket …`
struct BucketCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bucket",
        abstract: "List and change buckets.",
        subcommands: [List.self, Create.self, Delete.self, Show.self, Set.self, SetVersioning.self]
    )

    static func table(_ buckets: [BucketAnswer]) -> String {
        Table.text(
            header: ["BUCKET", "CREATED", "VERSIONING", "COPIES"],
            rows: buckets.map { [$0.name, $0.created, $0.versioning, copies($0)] }
        )
    }

    private static func copies(_ bucket: BucketAnswer) -> String {
        bucket.copiesHeld == bucket.copies ? "\(bucket.copies)" : "wants \(bucket.copies), has \(bucket.copiesHeld)"
    }

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
        @OptionGroup var options: ClientOptions

        func validate() throws { try check(copies: copies) }

        func run() async throws {
            let new = NewBucket(name: bucket, versioning: versioning ? "enabled" : "off", copies: copies)
            let body = try JSON.bytes(new)
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
}
