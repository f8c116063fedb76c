import ArgumentParser
import NIOHTTP1

/// `meshd bucket …`
struct BucketCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bucket",
        abstract: "List and change buckets.",
        subcommands: [List.self, Create.self, Delete.self, Show.self, SetVersioning.self]
    )

    static func table(_ buckets: [BucketAnswer]) -> String {
        Table.text(
            header: ["BUCKET", "CREATED", "VERSIONING"],
            rows: buckets.map { [$0.name, $0.created, $0.versioning] }
        )
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
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let new = NewBucket(name: bucket, versioning: versioning ? "enabled" : "off")
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
