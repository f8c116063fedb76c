import Foundation
import Mesh
import NIOCore
import NIOHTTP1
import Synchronization

/// Two meshes and a replication rule between them, under load and kills.
final class ReplicationTrial: Sendable {
    private static let bucket = "copied"
    private static let clients = 4
    private static let keysEach = 40
    /// How long a rule may take to bring the rest over once all nodes run: those that stand in for a dead one wait, and a
    /// target that was away is tried more and more rarely.
    private static let secondsToCatchUp: UInt64 = 300

    private let nodes: (source: Int, target: Int)
    private let seconds: Int
    private let isBothWays: Bool
    private let isVersioned: Bool
    private let kills: Bool
    private let run: Run
    private let source: Cluster
    private let target: Cluster
    private let course: Course
    /// What was acknowledged.
    private let writes = Mutex<Set<Write>>([])

    private struct Write: Hashable {
        let side: Int
        let key: String
        let tag: String
    }

    var clusters: [Cluster] { [source, target] }

    init(nodes: (Int, Int), seconds: Int, isBothWays: Bool, isVersioned: Bool, kills: Bool, _ run: Run) {
        self.nodes = nodes
        self.seconds = seconds
        self.isBothWays = isBothWays
        self.isVersioned = isVersioned
        self.kills = kills
        self.run = run
        func cluster(_ name: String, _ network: Network) -> Cluster {
            Cluster(
                binary: run.binary,
                folder: "\(run.folder)/\(name)",
                network: network,
                outfit: Outfit(),
                on: run.group
            )
        }
        source = cluster("source", .loopback)
        target = cluster("target", .otherLoopback)
        course = Course(on: run.group.next())
    }

    func judge() async throws {
        for (cluster, count) in [(source, nodes.source), (target, nodes.target)] {
            try FileManager.default.createDirectory(atPath: cluster.folder, withIntermediateDirectories: true)
            try await cluster.start(nodes: count)
            let session = S3Session(cluster.nodes[0].target, on: run.group)
            var made = try await session.createBucket(Self.bucket)
            if made.status == 200, isVersioned { made = try await session.enableVersioning(Self.bucket) }
            await session.close()
            guard made.status == 200 else { throw HTTPFailure.malformed("create a bucket: \(made.text)") }
        }
        // A quarter of the load before the rule: what is there goes too.
        try await load(millis: seconds * 250, turn: 0)
        try await rule(from: source, to: target)
        if isBothWays { try await rule(from: target, to: source) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            if kills {
                for cluster in clusters { tasks.addTask { try await self.kill(in: cluster) } }
            }
            try await load(millis: seconds * 1_000, turn: 1)
            course.end()
            try await tasks.waitForAll()
        }
        try await catchUp(source)
        if isBothWays { try await catchUp(target) }
        // What came by one rule may have gone on by the other.
        if isBothWays { try await catchUp(source) }
        try await compare()
        if isVersioned { try await findWrites() }
        for cluster in clusters { try await Ending(cluster: cluster, verdict: run.verdict).judge() }
    }

    private func rule(from source: Cluster, to target: Cluster) async throws {
        let node = source.nodes[0]
        let there = target.nodes[0].target
        _ = try await Tool.must(
            [
                run.binary, "replication", "add", Self.bucket, "--to", "http://\(there.authority)",
                "--access-key", there.accessKey, "--data-dir", node.settings.dataDirectory,
            ],
            environment: [
                "MESHD_ADMIN_TOKEN": Cluster.adminToken, "MESHD_TARGET_SECRET_KEY": there.secret,
            ],
            output: "\(source.folder)/rule",
            on: run.group
        )
    }

    // MARK: Load

    private func load(millis: Int, turn: Int) async throws {
        let end = Clock.nanoseconds() + UInt64(millis) * 1_000_000
        await withTaskGroup(of: Void.self) { tasks in
            for (side, cluster) in clusters.enumerated() where side == 0 || isBothWays {
                for number in 0..<Self.clients {
                    // No two of all clients write the same bytes.
                    let client = (turn * 2 + side) * Self.clients + number
                    tasks.addTask { await self.work(client, side, cluster, until: end) }
                }
            }
        }
    }

    /// One client on one side. Keys of its own it also deletes; those that both sides write are only written, because a
    /// deletion leaves nothing by which a later look could tell that it was newer.
    private func work(_ client: Int, _ side: Int, _ cluster: Cluster, until end: UInt64) async {
        var random = SeededRandom(seed: run.seed &+ UInt64(client))
        var session: S3Session?
        var operation = UInt64(client) << 40
        let number = client % Self.clients
        while Clock.nanoseconds() < end {
            operation += 1
            guard let node = cluster.nodes.filter(\.isServing).randomElement(using: &random) else {
                try? await Task.sleep(for: .milliseconds(20))
                continue
            }
            let isShared = isBothWays && random.oneIn(4)
            let name = Int.random(in: 0..<Self.keysEach, using: &random)
            let key = isShared ? "shared/\(name)" : "side\(side)/client\(number)/\(name)"
            if session?.target.authority != node.target.authority || random.oneIn(50) {
                await session?.close()
                session = S3Session(node.target, on: run.group)
            }
            guard let session else { continue }
            run.verdict.count("requests")
            let answer: HTTPResponse?
            if !isShared, random.oneIn(4) {
                answer = try? await session.delete(Self.bucket, key)
            } else {
                let size = random.oneIn(20) ? 300_000 : Int.random(in: 1..<20_000, using: &random)
                answer = try? await session.put(
                    Self.bucket,
                    key,
                    Pattern(key: key, operation: operation, size: size)
                )
            }
            // What a killed node answers does not matter here: what counts is that both sides agree in the end.
            if let answer, answer.status < 300 {
                run.verdict.count("acknowledged")
                // The answer to a deletion has no tag.
                if isVersioned, let tag = answer.headers.first(name: "etag") {
                    writes.withLock { _ = $0.insert(Write(side: side, key: key, tag: tag)) }
                }
            }
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0..<20, using: &random)))
        }
        await session?.close()
    }

    private func kill(in cluster: Cluster) async throws {
        var random = SeededRandom(seed: run.seed &+ UInt64(cluster.nodes.count))
        while course.goesOn {
            try await Task.sleep(for: .milliseconds(Int.random(in: 1_000..<4_000, using: &random)))
            guard let node = cluster.nodes.randomElement(using: &random) else { return }
            try await node.kill()
            run.verdict.count("kills")
            try await Task.sleep(for: .milliseconds(Int.random(in: 200..<3_000, using: &random)))
            try await node.start()
        }
    }

    // MARK: Judgement

    private struct Rules: Decodable {
        struct Rule: Decodable {
            let state: String
            let sentence: String
            let queued: Int
            let objectsSent: Int
            let skipped: Int
        }

        let rules: [Rule]
    }

    private func catchUp(_ cluster: Cluster) async throws {
        let deadline = Clock.nanoseconds() + Self.secondsToCatchUp * 1_000_000_000
        let began = Clock.nanoseconds()
        var last = "nothing"
        repeat {
            let text = try await cluster.ask(["replication", "list", "--json"], of: cluster.nodes[0])
            guard let rule = try JSONDecoder().decode(Rules.self, from: Data(text.utf8)).rules.first else {
                throw Late(what: "there is no rule")
            }
            last = "\(rule.state): \(rule.sentence)"
            if rule.state == "caught-up" {
                run.verdict.peak("seconds to catch up", Int((Clock.nanoseconds() - began) / 1_000_000_000))
                run.verdict.peak("objects sent by one rule, since the last starts", rule.objectsSent)
                run.verdict.peak("of its changes needed nothing", rule.skipped)
                return
            }
            try await Task.sleep(for: .milliseconds(500))
        } while Clock.nanoseconds() < deadline
        throw Late(what: last)
    }

    private struct Late: Error, CustomStringConvertible {
        let what: String

        var description: String { "a rule did not catch up in \(ReplicationTrial.secondsToCatchUp) s: \(what)" }
    }

    private func compare() async throws {
        let (here, there) = try await (listing(of: source), listing(of: target))
        run.verdict.check(!here.isEmpty, "the bucket is empty: nothing was tried")
        for key in Set(here.keys).union(there.keys).sorted() {
            run.verdict.check(
                here[key] == there[key],
                "\(key) is \(here[key] ?? "absent") in the source and \(there[key] ?? "absent") in the target"
            )
        }
        run.verdict.count("keys compared", here.count)
        let sessions = clusters.map { S3Session($0.nodes[$0.nodes.count - 1].target, on: run.group) }
        for key in here.keys.sorted() where there[key] != nil {
            let one = try await sessions[0].get(Self.bucket, key)
            let other = try await sessions[1].get(Self.bucket, key)
            run.verdict.check(
                one.status == 200 && other.status == 200 && one.body == other.body && one.body.readableBytes > 0,
                "\(key): \(Self.described(one)) here and \(Self.described(other)) there"
            )
        }
        for session in sessions { await session.close() }
    }

    /// Of two that both sides wrote the newer one wins. The other one is no less acknowledged: it has to be a version where
    /// it was written.
    private func findWrites() async throws {
        let known = writes.withLock { $0 }
        run.verdict.check(!known.isEmpty, "no write was acknowledged: nothing was tried")
        for (side, cluster) in clusters.enumerated() {
            let found = try await versions(of: cluster)
            for write in known where write.side == side {
                run.verdict.check(
                    found[write.key]?.contains(write.tag) == true,
                    "\(write.key) was acknowledged as \(write.tag) on side \(side), where it is no version any more"
                )
            }
            run.verdict.count("versions", found.values.reduce(0) { $0 + $1.count })
        }
        run.verdict.count("writes found", known.count)
    }

    /// Key by key the tags of all versions, by way of the last node.
    private func versions(of cluster: Cluster) async throws -> [String: Set<String>] {
        let session = S3Session(cluster.nodes[cluster.nodes.count - 1].target, on: run.group)
        var found: [String: Set<String>] = [:]
        var marker: String? = ""
        while let after = marker {
            let answer = try await session.send(HTTPRequest(method: .GET, target: "/\(Self.bucket)?versions\(after)"))
            guard answer.status == 200 else { throw HTTPFailure.malformed("list versions: \(answer.text)") }
            let page = XMLText(answer.text)
            for entry in page.elements("Version") {
                if let key = entry.first("Key"), let tag = entry.first("ETag") { found[key, default: []].insert(tag) }
            }
            marker = page.first("NextKeyMarker").map { key in
                let version = page.first("NextVersionIdMarker").map { "&version-id-marker=\($0)" } ?? ""
                return "&key-marker=\(PercentCoding.encode(key, keepSlash: false))\(version)"
            }
        }
        await session.close()
        return found
    }

    private static func described(_ answer: HTTPResponse) -> String {
        let origin = answer.headers.first(name: "x-mesh-replica") ?? "written here"
        let changed = answer.headers.first(name: "last-modified") ?? "no date"
        return "\(answer.status), \(answer.body.readableBytes) bytes of \(changed) (\(origin))"
    }

    /// Key by key the tag of what is there, all pages, by way of the last node.
    private func listing(of cluster: Cluster) async throws -> [String: String] {
        let session = S3Session(cluster.nodes[cluster.nodes.count - 1].target, on: run.group)
        var found: [String: String] = [:]
        var token: String?
        repeat {
            let answer = try await session.list(Self.bucket, after: token)
            guard answer.status == 200 else { throw HTTPFailure.malformed("list: \(answer.text)") }
            let page = XMLText(answer.text)
            for entry in page.elements("Contents") {
                if let key = entry.first("Key"), let tag = entry.first("ETag") { found[key] = tag }
            }
            token = page.first("NextContinuationToken")
        } while token != nil
        await session.close()
        return found
    }
}
