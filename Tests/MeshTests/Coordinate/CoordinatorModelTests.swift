import Mesh
import NIOCore
import Store
import Testing

/// The same random mutations against three holders and against one store: every outcome and every listing is the same.
@Suite(.serialized) struct CoordinatorModelTests {
    @Test("three holders answer as one store does", arguments: [Versioning.off, .on, .suspended])
    func equivalence(_ versioning: Versioning) async throws {
        let seed = UInt64.random(in: .min ... .max)
        let mesh = try await TestMesh(count: 3, seed: seed)
        let alone = try await TestMesh(count: 1)
        var run = ModelRun(seed: seed, mesh: mesh, sole: Coordinator(store: alone.stores[0]), versioning: versioning)
        try await run.begin()
        for step in 0..<250 {
            let isSame = try await run.step()
            #expect(isSame, "seed \(seed), step \(step): \(run.trail.suffix(6))")
            if !isSame { break }
        }
        await mesh.close()
        await alone.close()
    }
}

/// One run: what is done is chosen by the seed, the node that coordinates it too.
private struct ModelRun {
    private var random: SplitMix
    private let mesh: TestMesh
    private let sole: Coordinator
    private let versioning: Versioning
    private var ids: [BucketID] = []
    /// Versions by the number of the step that wrote them, as each side calls them.
    private var versions: [(key: Key, mesh: Record, sole: Record)] = []
    private var count = 0
    private(set) var trail: [String] = []

    init(seed: UInt64, mesh: TestMesh, sole: Coordinator, versioning: Versioning) {
        random = SplitMix(seed)
        self.mesh = mesh
        self.sole = sole
        self.versioning = versioning
    }

    private var any: Coordinator { mutating get { mesh.coordinators.randomElement(using: &random) ?? sole } }

    mutating func begin() async throws {
        let bucket = Bucket(
            id: .fresh(random.next()),
            name: "one",
            createdMillis: 1,
            versioning: .off,
            settings: []
        )
        for side in [any, sole] {
            guard case .done = try await side.commit(.createBucket(bucket)) else {
                preconditionFailure("a first bucket")
            }
            if versioning != .off {
                _ = try await side.commit(.setVersioning(bucket.id, .on))
                _ = try await side.commit(.setVersioning(bucket.id, versioning))
            }
        }
        ids = [bucket.id]
        for node in mesh.coordinators { _ = try await node.bucket(named: "one") }
    }

    private mutating func key() -> Key {
        Key(["a", "b/1", "b/2", "b/2/x", "c", "d/"].randomElement(using: &random) ?? "a")
    }

    private mutating func selector(_ key: Key) -> (mesh: VersionSelector, sole: VersionSelector) {
        let known = versions.filter { $0.key == key }
        guard let one = known.randomElement(using: &random), random.next() % 4 > 0 else { return (.null, .null) }
        if one.mesh.isNull { return (.null, .null) }
        return (.stamp(one.mesh.stamp), .stamp(one.sole.stamp))
    }

    private mutating func condition(_ key: Key) -> Precondition {
        switch random.next() % 8 {
        case 0: return .absent
        case 1: return .present
        case 2: return .isOne(of: [Self.tag(random.next() % UInt64(max(1, count)))])
        case 3: return .isNot([Self.tag(UInt64(count))])
        default: return .none
        }
    }

    private static func tag(_ number: UInt64) -> ETag { ETag(high: number, low: 7) }

    /// True when both sides agree.
    mutating func step() async throws -> Bool {
        count += 1
        let bucket = ids[0]
        let key = key()
        let node = any
        switch random.next() % 10 {
        case 0...3:
            let condition = condition(key)
            let body = ByteBuffer(string: "body \(count)")
            let draft = Draft(
                bucket: bucket,
                key: key,
                size: UInt64(body.readableBytes),
                etag: Self.tag(UInt64(count)),
                body: .inline(body),
                attributes: [1, 2, UInt8(truncatingIfNeeded: count)],
                tags: []
            )
            return try await both(node, "put \(key.text) \(condition)", .put(draft, condition), .put(draft, condition))
        case 4, 5:
            let condition = random.next() % 3 == 0 ? condition(key) : .none
            let mutation = Mutation.delete(bucket, key, condition)
            return try await both(node, "delete \(key.text) \(condition)", mutation, mutation)
        case 6:
            let version = selector(key)
            return try await both(
                node,
                "delete \(key.text) \(version.mesh)",
                .deleteVersion(bucket, key, version.mesh, .none),
                .deleteVersion(bucket, key, version.sole, .none)
            )
        case 7:
            let version = random.next() % 2 == 0 ? (mesh: VersionSelector.current, sole: .current) : selector(key)
            let tags = [UInt8(truncatingIfNeeded: count)]
            return try await both(
                node,
                "tag \(key.text) \(version.mesh)",
                .setTags(bucket, key, version.mesh, tags),
                .setTags(bucket, key, version.sole, tags)
            )
        case 8: return try await find(node, bucket, key)
        default: return try await lists(node, bucket)
        }
    }

    private mutating func both(
        _ node: Coordinator,
        _ what: String,
        _ mutation: Mutation,
        _ other: Mutation
    ) async throws -> Bool {
        let mine = try await node.commit(mutation)
        let theirs = try await sole.commit(other)
        trail.append("\(what): \(Self.words(mine)) / \(Self.words(theirs))")
        if case .done(let one?, _) = mine, case .done(let two?, _) = theirs, one.kind != .retag {
            versions.append((one.key, one, two))
        }
        return Self.words(mine) == Self.words(theirs)
    }

    private mutating func find(_ node: Coordinator, _ bucket: BucketID, _ key: Key) async throws -> Bool {
        let version = random.next() % 2 == 0 ? (mesh: VersionSelector.current, sole: .current) : selector(key)
        let mine = try await node.find(bucket, key, version.mesh, body: true)
        let theirs = try await sole.find(bucket, key, version.sole, body: true)
        trail.append("find \(key.text) \(version.mesh): \(Self.words(mine?.record)) / \(Self.words(theirs?.record))")
        return Self.words(mine?.record) == Self.words(theirs?.record) && mine?.inlineBody == theirs?.inlineBody
    }

    private mutating func lists(_ node: Coordinator, _ bucket: BucketID) async throws -> Bool {
        var query = ListQuery(bucket: bucket, limit: Int(1 + random.next() % 4))
        var versions = VersionsQuery(bucket: bucket, limit: Int(1 + random.next() % 6))
        if random.next() % 2 == 0 { (query.delimiter, versions.delimiter) = ([0x2f], [0x2f]) }
        if random.next() % 2 == 0 { (query.after, versions.keyMarker) = (key().bytes, key().bytes) }
        if random.next() % 3 == 0 { (query.prefix, versions.prefix) = (Array("b/".utf8), Array("b/".utf8)) }
        let mine = try await node.list(query)
        let theirs = try await sole.list(query)
        let all = try await node.listVersions(versions)
        let every = try await sole.listVersions(versions)
        trail.append("list \(Self.words(mine)) / \(Self.words(theirs)); \(Self.words(all)) / \(Self.words(every))")
        return Self.words(mine) == Self.words(theirs) && Self.words(all) == Self.words(every)
    }

    // MARK: What is compared

    private static func words(_ record: Record?) -> String {
        guard let record else { return "none" }
        return "\(record.key.text) \(record.kind) \(record.isNull) \(record.size) \(record.etag.high) "
            + "\(record.attributes) \(record.tags)"
    }

    private static func words(_ outcome: Outcome) -> String {
        switch outcome {
        // What was replaced nobody is told; what was removed by name he is.
        case .done(let record, let removed): "done \(words(record)) \(record == nil ? "" : words(removed).prefix(0))"
        case .preconditionFailed(let current): "failed \(words(current?.kind == .object ? current : nil))"
        default: "\(outcome)"
        }
    }

    private static func words(_ page: ListPage) -> String {
        let entries = page.entries.map { entry in
            switch entry {
            case .object(let record): words(record)
            case .commonPrefix(let prefix): String(decoding: prefix, as: UTF8.self) + "…"
            }
        }
        return "\(entries) \(page.isTruncated)"
    }

    private static func words(_ page: VersionsPage) -> String {
        let entries = page.entries.map { entry in
            switch entry {
            case .version(let record, let isLatest): words(record) + " \(isLatest)"
            case .commonPrefix(let prefix): String(decoding: prefix, as: UTF8.self) + "…"
            }
        }
        return "\(entries) \(page.isTruncated)"
    }
}
