import Testing

@testable import Store

/// Pages of odd keys against the plainest rule: filter, roll up, sort, cut.
@Suite struct ListingTests {
    /// Keys that sort, nest and end oddly: slashes in a row, prefixes of each other, the last code points of each length.
    private static let odd: [String] = [
        "a", "a/", "a/b", "a/b/", "a/b/c", "a/b/c/d", "a//", "a//b", "a0", "a.", "/", "//", "//x", "b", "b\u{1}",
        "b\u{7f}", "c\u{80}", "c\u{7ff}", "c\u{800}", "c\u{ffff}", "c\u{10ffff}", "c\u{10ffff}/x",
        "c\u{10ffff}\u{10ffff}",
        "d→e", "d→→e", "d→e→f", "d\u{e2}", "ab--cd", "ab-", "ab---cd", "%2F", " ", "\u{10fffe}", "\u{10ffff}", "zz/zz",
    ]
    private static let prefixes = [
        "", "a", "a/", "a/b", "/", "//", "c", "c\u{10ffff}", "\u{10ffff}", "d", "d→", "ab-", "q",
    ]
    private static let delimiters = ["", "/", "//", "→", "--", "b", "\u{10ffff}"]

    private struct Filled {
        let scratch: Scratch
        let store: ObjectStore
        let bucket: BucketID
        /// Newest first.
        var versions: [Key: [Record]] = [:]

        var visible: [[UInt8]] {
            versions.filter { $0.value.first?.kind == .object }.keys.sorted().map(\.bytes)
        }
    }

    private func filled(_ random: inout Seeded) async throws -> Filled {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .on, id: 5)
        var filled = Filled(scratch: scratch, store: store, bucket: bucket)
        // Neighbours in key order of bucket ids must stay out.
        for id in [UInt64(4), 6] {
            let other = try await store.bucket("other\(id)", .off, id: id)
            try await store.put(other, Key("a/b"), [1])
        }
        for text in Self.odd where random.chance(0.8) {
            for _ in 0..<(random.chance(0.15) ? 12 : 1 + random.below(2)) {
                let outcome = try await store.put(bucket, Key(text), [UInt8(random.below(9))])
                filled.versions[Key(text), default: []].insert(try #require(outcome.record), at: 0)
            }
            if random.chance(0.2) {
                let outcome = try await store.commit(.delete(bucket, Key(text), .none))
                filled.versions[Key(text)]!.insert(try #require(outcome.record), at: 0)
            }
        }
        return filled
    }

    private static func entry(_ key: [UInt8], _ prefix: [UInt8], _ delimiter: [UInt8]) -> (
        bytes: [UInt8], isPrefix: Bool
    ) {
        guard !delimiter.isEmpty else { return (key, false) }
        for at in stride(from: prefix.count, through: key.count - delimiter.count, by: 1)
        where Array(key[at..<at + delimiter.count]) == delimiter {
            return (Array(key[..<(at + delimiter.count)]), true)
        }
        return (key, false)
    }

    @Test(
        "pages of objects neither skip nor repeat, whatever the prefix, delimiter, marker and size",
        arguments: Depth.seeds(4)
    )
    func objects(seed: UInt64) async throws {
        var random = Seeded(seed)
        let filled = try await filled(&random)
        for _ in 0..<120 {
            let prefix = Array(random.pick(Self.prefixes).utf8)
            let delimiter = Array(random.pick(Self.delimiters).utf8)
            let after = random.chance(0.4) ? Array((random.pick(Self.odd + Self.prefixes)).utf8) : nil
            let limit = random.pick([1, 1, 2, 3, 7, 1000])
            var wanted: [[UInt8]] = []
            for key in filled.visible where key.starts(with: prefix) {
                let entry = Self.entry(key, prefix, delimiter).bytes
                if let after, !after.lexicographicallyPrecedes(entry) { continue }
                if wanted.last != entry { wanted.append(entry) }
            }
            var query = ListQuery(bucket: filled.bucket, limit: limit)
            (query.prefix, query.delimiter, query.after) = (prefix, delimiter, after)
            var listed: [[UInt8]] = []
            while true {
                let page = try await filled.store.list(query)
                for entry in page.entries {
                    switch entry {
                    case .object(let record): listed.append(record.key.bytes)
                    case .commonPrefix(let bytes): listed.append(bytes)
                    }
                }
                guard page.isTruncated else { break }
                #expect(page.entries.count == limit)
                query.after = listed.last
            }
            #expect(
                listed == wanted,
                "seed \(seed), prefix \(prefix), delimiter \(delimiter), after \(after ?? []), limit \(limit)"
            )
        }
        await filled.store.close()
    }

    private enum Line: Equatable {
        case version(Key, Stamp, Bool)
        case prefix([UInt8])
    }

    @Test("pages of versions neither skip nor repeat, also in the middle of a key", arguments: Depth.seeds(4))
    func versions(seed: UInt64) async throws {
        var random = Seeded(seed &+ 1000)
        let filled = try await filled(&random)
        for _ in 0..<80 {
            let prefix = Array(random.pick(Self.prefixes).utf8)
            let delimiter = Array(random.pick(Self.delimiters).utf8)
            var wanted: [Line] = []
            for key in filled.versions.keys.sorted() where key.bytes.starts(with: prefix) {
                let entry = Self.entry(key.bytes, prefix, delimiter)
                if entry.isPrefix {
                    if wanted.last != .prefix(entry.bytes) { wanted.append(.prefix(entry.bytes)) }
                } else {
                    let versions = filled.versions[key]!
                    wanted += versions.indices.map { .version(key, versions[$0].stamp, $0 == 0) }
                }
            }
            var query = VersionsQuery(bucket: filled.bucket, limit: random.pick([1, 2, 3, 7, 1000]))
            (query.prefix, query.delimiter) = (prefix, delimiter)
            var listed: [Line] = []
            while true {
                let page = try await filled.store.listVersions(query)
                for entry in page.entries {
                    switch entry {
                    case .version(let record, let isLatest):
                        listed.append(.version(record.key, record.stamp, isLatest))
                        (query.keyMarker, query.versionMarker) = (record.key.bytes, .stamp(record.stamp))
                    case .commonPrefix(let bytes):
                        listed.append(.prefix(bytes))
                        (query.keyMarker, query.versionMarker) = (bytes, nil)
                    }
                }
                guard page.isTruncated else { break }
            }
            #expect(listed == wanted, "seed \(seed), prefix \(prefix), delimiter \(delimiter), limit \(query.limit)")
        }
        await filled.store.close()
    }

    @Test("pages of uploads neither skip nor repeat, and begin at the prefix when the marker lies before it")
    func uploads() async throws {
        var random = Seeded(9)
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off, id: 5)
        var all: [Upload] = []
        for text in Self.odd {
            for number in 0..<(1 + random.below(3)) {
                let upload = Upload(
                    id: UploadID(high: random.next(), low: 1),
                    bucket: bucket,
                    key: Key(text),
                    initiatedMillis: UInt64(number / 2),
                    attributes: [],
                    tags: []
                )
                all.append(upload)
                _ = try await store.commit(.createUpload(upload))
            }
        }
        all.sort { a, b in
            if a.key != b.key { return a.key < b.key }
            return a.initiatedMillis == b.initiatedMillis
                ? a.id.high < b.id.high : a.initiatedMillis < b.initiatedMillis
        }
        for prefix in Self.prefixes.map({ Array($0.utf8) }) {
            var query = UploadsQuery(bucket: bucket, limit: 1 + random.below(3))
            query.prefix = prefix
            // A marker before all keys of the prefix, with an upload beside it.
            (query.keyMarker, query.uploadMarker) = ([0x1f], UploadID(high: 0, low: 0))
            var listed: [UploadID] = []
            while true {
                let page = try await store.listUploads(query)
                for case .upload(let upload) in page.entries {
                    listed.append(upload.id)
                    (query.keyMarker, query.uploadMarker) = (upload.key.bytes, upload.id)
                }
                guard page.isTruncated else { break }
            }
            #expect(listed == all.filter { $0.key.bytes.starts(with: prefix) }.map(\.id), "prefix \(prefix)")
        }
        await store.close()
    }
}
