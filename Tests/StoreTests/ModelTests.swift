import NIOCore
import Testing

@testable import Store

/// The rules of versions, conditions and listings, against a model that keeps everything in a dictionary.
@Suite struct ModelTests {
    struct Version: Equatable {
        var stamp: Stamp
        var isNull: Bool
        var isMarker: Bool
        var bytes: [UInt8]
    }

    static let keys = ["a", "a/", "a/b", "a/b/c", "a//", "b", "b\u{0}", "zürich/x", "a/b/d", "ÿ"].map { Key($0) }

    @Test("any run of changes leaves what the rules of S3 say", arguments: [UInt64(1), 2, 3, 4, 5, 6])
    func rules(seed: UInt64) async throws {
        var random = Seeded(seed)
        let scratch = Scratch()
        var store = try scratch.open()
        let bucket = try await store.bucket("b", .off)
        var versioning = Versioning.off
        var model: [Key: [Version]] = [:]

        for step in 0..<700 {
            let key = Self.keys.randomElement(using: &random)!
            let now = model[key] ?? []
            let condition = Self.condition(now, &random)
            let holds = Self.holds(condition, now.first)
            switch UInt64.random(in: 0..<20, using: &random) {
            case 0..<9:
                let bytes = random.bytes([0, 5, 900].randomElement(using: &random)!)
                let outcome = try await store.put(bucket, key, bytes, condition)
                #expect(outcome.name == (holds ? "done" : "preconditionFailed"), "seed \(seed) step \(step)")
                if let record = outcome.record {
                    if let head = now.first { #expect(record.stamp > head.stamp, "seed \(seed) step \(step)") }
                    let version = Version(stamp: record.stamp, isNull: versioning != .on, isMarker: false, bytes: bytes)
                    model[key] = [version] + (versioning == .on ? now : now.filter { !$0.isNull })
                }
            case 9..<14:
                let outcome = try await store.commit(.delete(bucket, key, condition))
                #expect(outcome.name == (holds ? "done" : "preconditionFailed"), "seed \(seed) step \(step)")
                guard holds else { break }
                if versioning == .off {
                    model[key] = []
                } else {
                    let stamp = try #require(outcome.record).stamp
                    let marker = Version(stamp: stamp, isNull: versioning == .suspended, isMarker: true, bytes: [])
                    model[key] = [marker] + (versioning == .on ? now : now.filter { !$0.isNull })
                }
            case 14..<18:
                let selector: VersionSelector =
                    Bool.random(using: &random)
                    ? .null : now.randomElement(using: &random).map { .stamp($0.stamp) } ?? .current
                let outcome = try await store.commit(.deleteVersion(bucket, key, selector, .none))
                let gone = now.firstIndex {
                    switch selector {
                    case .null: $0.isNull
                    case .stamp(let stamp): $0.stamp == stamp
                    case .current: true
                    }
                }
                #expect(outcome.name == (gone == nil ? "noSuchVersion" : "done"), "seed \(seed) step \(step)")
                if let gone { model[key]?.remove(at: gone) }
            case 18:
                versioning = [.on, .suspended].randomElement(using: &random)!
                if step > 200 {
                    _ = try await store.commit(.setVersioning(bucket, versioning))
                } else {
                    versioning = .off
                }
            default:
                if step % 5 == 0 {
                    await store.close()
                    store = try scratch.open()
                }
            }
            let current = model[key]?.first
            let served = try await store.get(bucket, key)
            #expect(served == (current?.isMarker == false ? current?.bytes : nil), "seed \(seed) step \(step)")
        }
        try await compare(store, bucket, model, seed, &random)
        let versions = model.values.reduce(0) { $0 + $1.count }
        #expect(store.statistics().versions == UInt64(versions), "seed \(seed)")
        await store.close()
    }

    private static func condition(_ versions: [Version], _ random: inout Seeded) -> Precondition {
        let tag = versions.first.map { ETag(high: Checksum.of($0.bytes), low: UInt64($0.bytes.count)) }
        let other = ETag(high: 1, low: 2)
        return switch UInt64.random(in: 0..<12, using: &random) {
        case 0: .absent
        case 1: .present
        case 2: .isOne(of: [other, tag ?? other])
        case 3: .isNot([tag ?? other])
        case 4: .isOne(of: [other])
        case 5: .matches(etag: tag, anyETag: false, lastModifiedSeconds: nil, size: nil)
        default: .none
        }
    }

    private static func holds(_ condition: Precondition, _ head: Version?) -> Bool {
        let object = head.flatMap { $0.isMarker ? nil : $0 }
        let tag = object.map { ETag(high: Checksum.of($0.bytes), low: UInt64($0.bytes.count)) }
        switch condition {
        case .none: return true
        case .absent: return object == nil
        case .present: return object != nil
        case .isOne(let tags): return tag.map { tags.contains($0) } ?? false
        case .isNot(let tags): return tag.map { !tags.contains($0) } ?? true
        case .matches(let etag, _, _, _): return object != nil && (etag == nil || etag == tag)
        }
    }

    /// Every version by its stamp, and every listing, page by page.
    private func compare(
        _ store: ObjectStore,
        _ bucket: BucketID,
        _ model: [Key: [Version]],
        _ seed: UInt64,
        _ random: inout Seeded
    ) async throws {
        for (key, versions) in model {
            for version in versions where !version.isMarker {
                let bytes = try await store.get(bucket, key, .stamp(version.stamp))
                #expect(bytes == version.bytes, "seed \(seed) key \(key.text)")
            }
        }
        for _ in 0..<40 {
            let prefix = ["", "a", "a/", "a/b", "z", "q"].randomElement(using: &random)!
            let delimiter = ["", "/", "b"].randomElement(using: &random)!
            let limit = Int.random(in: 1...4, using: &random)
            let listed = try await allKeys(store, bucket, Array(prefix.utf8), Array(delimiter.utf8), limit)
            let visible = model.filter { $0.value.first?.isMarker == false }.keys.sorted()
            #expect(
                listed == Self.rolled(visible, Array(prefix.utf8), Array(delimiter.utf8)),
                "seed \(seed) prefix \(prefix) delimiter \(delimiter) limit \(limit)"
            )
            let versions = try await allVersions(store, bucket, Array(prefix.utf8), limit)
            let expected = model.keys.sorted().filter { $0.bytes.starts(with: Array(prefix.utf8)) }.flatMap { key in
                model[key]!.enumerated().map { Listed(key: key, stamp: $1.stamp, isLatest: $0 == 0) }
            }
            #expect(versions == expected, "seed \(seed) prefix \(prefix) limit \(limit)")
        }
    }

    struct Listed: Equatable {
        var key: Key
        var stamp: Stamp
        var isLatest: Bool
    }

    /// The rule of roll-up in its plainest form.
    private static func rolled(_ keys: [Key], _ prefix: [UInt8], _ delimiter: [UInt8]) -> [[UInt8]] {
        var entries: [[UInt8]] = []
        for key in keys where key.bytes.starts(with: prefix) {
            var entry = key.bytes
            if !delimiter.isEmpty {
                let rest = Array(key.bytes.dropFirst(prefix.count))
                for at in rest.indices where rest[at...].starts(with: delimiter) {
                    entry = prefix + rest[..<at] + delimiter
                    break
                }
            }
            if entries.last != entry { entries.append(entry) }
        }
        return entries
    }

    private func allKeys(
        _ store: ObjectStore,
        _ bucket: BucketID,
        _ prefix: [UInt8],
        _ delimiter: [UInt8],
        _ limit: Int
    ) async throws -> [[UInt8]] {
        var query = ListQuery(bucket: bucket, limit: limit)
        query.prefix = prefix
        query.delimiter = delimiter
        var all: [[UInt8]] = []
        while true {
            let page = try await store.list(query)
            #expect(page.entries.count <= limit)
            for entry in page.entries {
                switch entry {
                case .object(let record): all.append(record.key.bytes)
                case .commonPrefix(let prefix): all.append(prefix)
                }
            }
            guard page.isTruncated, let last = all.last else { return all }
            query.after = last
        }
    }

    private func allVersions(
        _ store: ObjectStore,
        _ bucket: BucketID,
        _ prefix: [UInt8],
        _ limit: Int
    ) async throws -> [Listed] {
        var query = VersionsQuery(bucket: bucket, limit: limit)
        query.prefix = prefix
        var all: [Listed] = []
        while true {
            let page = try await store.listVersions(query)
            for case .version(let record, let isLatest) in page.entries {
                all.append(Listed(key: record.key, stamp: record.stamp, isLatest: isLatest))
                query.keyMarker = record.key.bytes
                query.versionMarker = record.isNull ? .null : .stamp(record.stamp)
            }
            guard page.isTruncated else { return all }
        }
    }

    @Test("any number of racers for an absent key has exactly one winner")
    func racers() async throws {
        let scratch = Scratch()
        let store = try scratch.open()
        let bucket = try await store.bucket("b", .off)
        for round in 0..<20 {
            let winners = try await withThrowingTaskGroup(of: Int.self) { group in
                for racer in 0..<24 {
                    group.addTask {
                        try await store.put(bucket, Key("k\(round)"), [UInt8(racer)], .absent).record == nil ? 0 : 1
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(winners == 1)
        }
        await store.close()
    }
}
