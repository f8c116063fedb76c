import ArgumentParser
import Glibc
import Mesh
import NIOHTTP1
import Store

/// `meshd replication …`: rules by which the objects of a bucket are sent to another place.
struct ReplicationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replication",
        abstract: "Send the objects of a bucket to a bucket of another mesh, or of any S3 store.",
        subcommands: [
            List.self, Show.self, Add.self, Set.self, Pause.self, Resume.self, Retry.self, Resync.self, Remove.self,
        ]
    )

    private static func path(_ id: String) -> String { "replication/" + ClientOptions.segment(id) }

    private static func order(_ verb: String, _ id: String, _ options: ClientOptions) async throws {
        let answer = try await options.client().call(.POST, path(id) + "/" + verb, as: RuleAnswer.self)
        try options.show(answer, ReplicationText.line)
    }

    private static func change(_ id: String, _ change: RuleChange, _ options: ClientOptions) async throws {
        let body = try JSON.bytes(change)
        let answer = try await options.client().call(.PATCH, path(id), body: body, as: RuleAnswer.self)
        try options.show(answer, ReplicationText.line)
    }

    private static func check(every seconds: Int?) throws {
        guard let seconds, seconds != 0, !ReplicationRule.intervalSeconds.contains(seconds) else { return }
        let range = ReplicationRule.intervalSeconds
        throw ValidationError("--every is \(range.lowerBound) to \(range.upperBound) seconds; 0 is continuous")
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all rules, and how far each is.")
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, "replication", as: RulesAnswer.self)
            try options.show(answer) { ReplicationText.table($0.rules) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a rule: what it does, and how far each node is."
        )
        @Argument(help: "The id of the rule.") var rule: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, path(rule), as: RuleAnswer.self)
            try options.show(answer, ReplicationText.whole)
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a rule for a bucket.",
            discussion: "The secret key of the target is read from --secret-key-file, else from "
                + "\(TargetFiles.variable), else from a line of standard input."
        )
        @Argument(help: "The bucket whose objects are sent.") var bucket: String
        @Option(name: .customLong("to"), help: "The target's S3 address, such as https://s3.example.com:9000.")
        var endpoint: String
        @Option(help: "The id of an access key that may read and write there.") var accessKey: String
        @OptionGroup var files: TargetFiles
        @Option(help: "The bucket there; by default it is named like this one.") var targetBucket: String?
        @Option(help: "Only keys that begin with it.") var prefix: String?
        @Option(help: "Goes before each key there.") var targetPrefix: String?
        @Option(help: "The target's region.") var region = ReplicationRule.Target.regionDefault
        @Option(help: "Seconds between two passes; without it, or with 0, what changes is sent at once.")
        var every: Int?
        @Flag(inversion: .prefixedNo, help: "What is deleted here is deleted there.") var deletes = true
        @Flag(inversion: .prefixedNo, help: "User metadata, tags and headers go along.") var metadata = true
        @Flag(help: "Leave out what is in the bucket already.") var onlyNew = false
        @Flag(help: "Take the rule without a look at the target.") var unchecked = false
        @OptionGroup var options: ClientOptions

        func validate() throws { try check(every: every) }

        func run() async throws {
            let new = NewRule(
                bucket: bucket,
                prefix: prefix,
                endpoint: endpoint,
                region: region,
                targetBucket: targetBucket,
                targetPrefix: targetPrefix,
                accessKey: accessKey,
                secretKey: try files.secretKey(),
                certificate: try files.trusted(),
                intervalSeconds: every,
                deletes: deletes,
                metadata: metadata,
                existing: !onlyNew,
                unchecked: unchecked ? true : nil
            )
            let body = try JSON.bytes(new)
            let answer = try await options.client().call(.POST, "replication", body: body, as: RuleAnswer.self)
            try options.show(answer) { "added \(Table.plain($0.id))\n\(ReplicationText.line($0))" }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a rule; what is not named stays.",
            discussion: "With --access-key the secret key is read as with `add`. Another target is another rule."
        )
        @Argument(help: "The id of the rule.") var rule: String
        @Option(help: "Seconds between two passes; 0: what changes is sent at once.") var every: Int?
        @Flag(inversion: .prefixedNo, help: "What is deleted here is deleted there.") var deletes: Bool?
        @Flag(inversion: .prefixedNo, help: "User metadata, tags and headers go along.") var metadata: Bool?
        @Option(help: "The id of an access key there, the same or another; its secret key is read, too.")
        var accessKey: String?
        @Flag(help: "Trust the system's authorities again.") var noCertificate = false
        @OptionGroup var files: TargetFiles
        @OptionGroup var options: ClientOptions

        func validate() throws {
            try check(every: every)
            guard accessKey != nil || files.secretKeyFile == nil else {
                throw ValidationError("a secret key goes with --access-key")
            }
            guard !noCertificate || files.certificate == nil else {
                throw ValidationError("give --certificate or --no-certificate, not both")
            }
            let hasChange = every != nil || deletes != nil || metadata != nil || accessKey != nil
            guard hasChange || noCertificate || files.certificate != nil else {
                throw ValidationError("say what is to change")
            }
        }

        func run() async throws {
            let new = RuleChange(
                intervalSeconds: every,
                deletes: deletes,
                metadata: metadata,
                accessKey: accessKey,
                secretKey: try accessKey.map { _ in try files.secretKey() },
                // An empty one takes away what was there.
                certificate: try noCertificate ? "" : files.trusted()
            )
            try await change(rule, new, options)
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Send nothing until the rule is resumed.")
        @Argument(help: "The id of the rule.") var rule: String
        @OptionGroup var options: ClientOptions

        func run() async throws { try await change(rule, RuleChange(paused: true), options) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Send what has changed, and go on.")
        @Argument(help: "The id of the rule.") var rule: String
        @OptionGroup var options: ClientOptions

        func run() async throws { try await change(rule, RuleChange(paused: false), options) }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Try now what failed and waits for another try.")
        @Argument(help: "The id of the rule.") var rule: String
        @OptionGroup var options: ClientOptions

        func run() async throws { try await order("retry", rule, options) }
    }

    struct Resync: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look at every object once more, and send what differs.",
            discussion: "It finds what the target lacks, not what it has too much."
        )
        @Argument(help: "The id of the rule.") var rule: String
        @OptionGroup var options: ClientOptions

        func run() async throws { try await order("resync", rule, options) }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a rule away; what was sent stays at the target."
        )
        @Argument(help: "The id of the rule.") var rule: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.DELETE, path(rule), as: Nothing.self)
            try options.show(answer) { _ in "removed \(rule)" }
        }
    }

    /// What a command reads of the target that is too secret, or too long, for an argument.
    struct TargetFiles: ParsableArguments {
        static let variable = "MESHD_TARGET_SECRET_KEY"

        @Option(help: ArgumentHelp("A file with the target's secret key.", valueName: "file"))
        var secretKeyFile: String?
        @Option(help: ArgumentHelp("PEM: whom to trust there instead of the system's authorities.", valueName: "file"))
        var certificate: String?

        /// Never an argument: those are in every process list.
        func secretKey() throws -> String {
            let found: String?
            if let secretKeyFile {
                found = try Self.text(of: secretKeyFile).split(whereSeparator: \.isNewline).first.map(String.init)
            } else if let known = processEnvironment()[Self.variable], !known.isEmpty {
                found = known
            } else {
                if isatty(STDIN_FILENO) == 1 { Terminal.complain("secret key of the target:") }
                found = readLine()
            }
            guard let found, !found.isEmpty else { throw ValidationError("no secret key of the target was given") }
            return found
        }

        func trusted() throws -> String? { try certificate.map(Self.text(of:)) }

        private static func text(of path: String) throws -> String {
            guard let bytes = try SmallFile.read(path) else { throw CommandFailure("there is no file \(path)") }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw CommandFailure("\(path) is not UTF-8")
            }
            return text
        }
    }
}
