import NIOCore
import NIOHTTP1

/// Writes to a bucket with versioning and holds every version against what it was when it was acknowledged.
///
/// Each worker has keys of its own: what a bucket remembers, not who wins, is the question here.
actor VersionWorker {
    private struct Version {
        let key: String
        let id: String
        let pattern: Pattern
        var presence: Presence
    }

    private static let versionsPerKeyMax = 24

    private let client: MeshClient
    private let bucket: String
    private let course: Course
    private var versions: [Version] = []
    /// Writes to a key that may have made a version whose id nobody knows.
    private var unanswered: [String: Int] = [:]
    private var key = 0

    init(client: sending MeshClient, bucket: String, course: Course) {
        self.client = client
        self.bucket = bucket
        self.course = course
    }

    func work() async {
        await course.pace { await step() }
        await close()
    }

    func close() async { await client.close() }

    private func step() async {
        let present = "version/\(client.number)/\(key)"
        switch Int.random(in: 0..<100, using: &client.random) {
        case 0..<40:
            await put(present)
            if versions.count(where: { $0.key == present }) >= Self.versionsPerKeyMax { key += 1 }
        case 40..<50: await mark(present)
        case 50..<60: await delete()
        case 60..<75: await list(present)
        default:
            if let index = versions.indices.randomElement(using: &client.random) { await read(index, through: nil) }
        }
    }

    private func put(_ key: String) async {
        let pattern = Pattern(key: key, operation: course.number(), size: client.random.oneIn(8) ? 50_000 : 200)
        let begin = Clock.nanoseconds()
        let bucket = bucket
        let reply = await client.send("PUT \(key)") { session throws(HTTPFailure) in
            try await session.put(bucket, key, pattern, secondsMax: MeshClient.secondsMax)
        }
        note(reply, key, pattern, begin)
    }

    /// Deletes without a version: a delete marker, which hides and takes nothing.
    private func mark(_ key: String) async {
        let begin = Clock.nanoseconds()
        let target = S3Session.path(bucket, key)
        let reply = await client.send("DELETE \(key)") { session throws(HTTPFailure) in
            try await session.send(HTTPRequest(method: .DELETE, target: target, secondsMax: MeshClient.secondsMax))
        }
        note(reply, key, Pattern(key: key, operation: 0, size: 0), begin)
    }

    private func note(_ reply: Reply, _ key: String, _ pattern: Pattern, _ begin: UInt64) {
        if reply.isUnknown { unanswered[key, default: 0] += 1 }
        guard let response = reply.response, (200..<300).contains(response.status) else { return }
        guard let id = response.headers["x-amz-version-id"].first else {
            return client.verdict.fail(promise: .version, "\(key): a write through n\(reply.node) made no version")
        }
        var presence = Presence(makeBegin: begin)
        presence.makeEnd = reply.end
        client.verdict.check(
            promise: .version,
            !versions.contains { $0.key == key && $0.id == id },
            "\(key): two writes were given the version \(id)"
        )
        versions.append(Version(key: key, id: id, pattern: pattern, presence: presence))
    }

    private func delete() async {
        let there = versions.indices.filter { versions[$0].presence.deleteBegin == nil }
        guard let index = there.randomElement(using: &client.random) else { return }
        versions[index].presence.deleteBegin = Clock.nanoseconds()
        let target = target(versions[index])
        let reply = await client.send("DELETE \(target)") { session throws(HTTPFailure) in
            try await session.send(HTTPRequest(method: .DELETE, target: target, secondsMax: MeshClient.secondsMax))
        }
        switch reply.outcome {
        case .answered(let response) where response.status == 204: versions[index].presence.deleteEnd = reply.end
        case .answered, .withoutEffect: versions[index].presence.deleteBegin = nil
        case .unknown: break
        }
    }

    private func target(_ version: Version) -> String {
        S3Session.path(bucket, version.key) + "?versionId=\(version.id)"
    }

    private func read(_ index: Int, through node: ClusterNode?) async {
        let version = versions[index]
        // A delete marker is not to be read by its id.
        guard version.pattern.size > 0 else { return }
        let target = target(version)
        let reply = await client.send("GET \(target)", through: node) { session throws(HTTPFailure) in
            try await session.send(HTTPRequest(method: .GET, target: target, secondsMax: MeshClient.secondsMax))
        }
        guard let response = reply.response else { return }
        let right: Bool
        let seen = ObjectReading.see(response) { $0 == version.pattern.operation ? version.pattern : nil }
        switch seen {
        case .nothing: right = !version.presence.must(reply.begin, reply.end)
        case .write: right = version.presence.may(reply.begin, reply.end)
        case .wrong: right = false
        }
        client.verdict.check(
            promise: .version,
            right,
            "\(version.key), version \(version.id) of #\(version.pattern.operation) through n\(reply.node): \(seen)"
        )
    }

    /// The versions of one key, which must be those that are known, each once, newest first.
    private func list(_ key: String, through node: ClusterNode? = nil) async {
        let target = "/\(bucket)?versions&encoding-type=url&prefix=\(key)"
        let reply = await client.send("list versions of \(key)", through: node) { session throws(HTTPFailure) in
            try await session.send(HTTPRequest(method: .GET, target: target, secondsMax: MeshClient.secondsMax))
        }
        guard let response = reply.response, response.status == 200 else { return }
        let text = XMLText(response.text)
        let listed = (text.elements("Version") + text.elements("DeleteMarker"))
            .filter { $0.firstKey("Key") == key }
            .compactMap { $0.first("VersionId") }
        let known = versions.filter { $0.key == key }
        var objections = known.filter { $0.presence.must(reply.begin, reply.end) && !listed.contains($0.id) }
            .map { "\($0.id) of #\($0.pattern.operation) is missing" }
        objections += known.filter { !$0.presence.may(reply.begin, reply.end) && listed.contains($0.id) }
            .map { "\($0.id) of #\($0.pattern.operation) was deleted and is listed" }
        if Set(listed).count != listed.count { objections.append("a version is listed twice") }
        let strangers = Set(listed).subtracting(known.map(\.id))
        if strangers.count > unanswered[key, default: 0] { objections.append("nobody made \(strangers.sorted())") }
        client.verdict.count("listings")
        client.verdict.check(
            promise: .version,
            objections.isEmpty,
            "the versions of \(key) through n\(reply.node): \(objections.joined(separator: "; "))"
        )
    }

    /// At the end, through one node.
    func inspect(through node: ClusterNode) async {
        for index in versions.indices { await read(index, through: node) }
        for number in 0...key { await list("version/\(client.number)/\(number)", through: node) }
    }
}
