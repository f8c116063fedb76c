import NIOCore
import Testing

@testable import Store

/// One random life of a store beside its model: each step changes both and compares what they say.
final class ModelRun {
    var dice: Seeded
    let scratch: Scratch
    var store: ObjectStore
    var model = Model()
    /// The largest stamp that a key was ever given, and all of them.
    var newest: [BucketID: [Key: Stamp]] = [:]
    var steps = 0
    private let keys = ["a", "a/b", "a/b/c", "b//", "b//x", "ä/ö", "zz"].map { Key($0) }
    private let names = ["one", "two", "three"]

    init(seed: UInt64) throws {
        dice = Seeded(seed)
        scratch = Scratch()
        store = try scratch.open(.tight)
    }

    func reopen() async throws {
        await store.close()
        store = try scratch.open(.tight)
    }

    func step() async throws {
        steps += 1
        switch dice.below(100) {
        case 0..<42: try await put()
        case 42..<52: try await delete()
        case 52..<62: try await deleteVersion()
        case 62..<66: try await setTags()
        case 66..<70: try await createUpload()
        case 70..<79: try await putPart()
        case 79..<84: try await complete()
        case 84..<85: try await abort()
        case 85..<89: try await setVersioning()
        case 89..<94: try await createBucket()
        case 94..<95: try await deleteBucket()
        default: try await setRegister()
        }
    }

    // MARK: Choices

    /// Mostly a bucket that is there.
    private func someBucket() -> BucketID {
        let known = model.buckets.keys.sorted { $0.rawValue < $1.rawValue }
        return known.isEmpty || dice.chance(0.02) ? .fresh(dice.next()) : dice.pick(known)
    }

    private func someVersion(_ bucket: BucketID, _ key: Key) -> VersionSelector {
        let versions = model.buckets[bucket]?.keys[key] ?? []
        switch dice.below(10) {
        case 0: return .current
        case 1..<4: return .null
        case 4: return .stamp(Stamp(t: dice.next(), w: dice.next(), q: 0))
        default: return versions.isEmpty ? .null : .stamp(dice.pick(versions).line.stamp)
        }
    }

    private func someCondition(_ version: Model.Version?) -> Precondition {
        let mine = version?.line.etag ?? dice.etag()
        switch dice.below(14) {
        case 0: return .absent
        case 1: return .present
        case 2: return .isOne(of: [dice.etag(), mine])
        case 3: return .isOne(of: [dice.etag()])
        case 4: return .isNot([mine])
        case 5: return .isNot([dice.etag()])
        case 6:
            let etag = dice.chance(0.8) ? mine : dice.etag()
            return .matches(etag: etag, anyETag: dice.chance(0.2), lastModifiedSeconds: nil, size: version?.line.size)
        case 7: return .matches(etag: nil, anyETag: true, lastModifiedSeconds: 5, size: nil)
        default: return .none
        }
    }

    private func holds(_ condition: Precondition, _ version: Model.Version?) -> Bool {
        Model.holds(condition, version)
    }

    // MARK: Objects

    private func put() async throws {
        let (bucket, key) = (someBucket(), dice.pick(keys))
        let head = model.buckets[bucket]?.keys[key]?.first
        let condition = someCondition(head)
        var bytes: [UInt8] = []
        let body: NewBody
        switch dice.below(10) {
        case 0..<2: body = .empty
        case 2..<7:
            bytes = dice.body(1 + dice.below(dice.chance(0.1) ? 30_000 : 600))
            body = .inline(ByteBuffer(bytes: bytes))
        default:
            bytes = dice.body(1 + dice.below(dice.chance(0.2) ? 700_000 : 3000))
            body = .blob(try await store.blob(bytes))
        }
        let draft = Draft(
            bucket: bucket,
            key: key,
            size: UInt64(bytes.count),
            etag: dice.etag(),
            body: body,
            attributes: dice.body(dice.below(40)),
            tags: dice.body(dice.below(10))
        )
        let outcome = try await store.commit(.put(draft, condition))
        guard let content = model.buckets[bucket] else { return expect(outcome, "noSuchBucket") }
        guard holds(condition, head) else { return expectFailed(outcome, head) }
        let line = Model.Line(
            key: key,
            stamp: .zero,
            kind: .object,
            isNull: content.bucket.versioning != .on,
            size: draft.size,
            etag: draft.etag,
            attributes: draft.attributes,
            tags: draft.tags
        )
        try written(bucket, outcome, line, bytes)
    }

    private func delete() async throws {
        let (bucket, key) = (someBucket(), dice.pick(keys))
        let head = model.buckets[bucket]?.keys[key]?.first
        let condition = someCondition(head)
        let outcome = try await store.commit(.delete(bucket, key, condition))
        guard let content = model.buckets[bucket] else { return expect(outcome, "noSuchBucket") }
        guard holds(condition, head) else { return expectFailed(outcome, head) }
        guard content.bucket.versioning != .off else { return removed(bucket, outcome, head?.line) }
        let line = Model.Line(
            key: key,
            stamp: .zero,
            kind: .deleteMarker,
            isNull: content.bucket.versioning == .suspended,
            size: 0,
            etag: ETag(high: 0, low: 0),
            attributes: [],
            tags: []
        )
        try written(bucket, outcome, line, [])
    }

    private func deleteVersion() async throws {
        let (bucket, key) = (someBucket(), dice.pick(keys))
        let version = someVersion(bucket, key)
        let found = model.find(bucket, key, version)?.version
        let condition = someCondition(found)
        let outcome = try await store.commit(.deleteVersion(bucket, key, version, condition))
        guard model.buckets[bucket] != nil else { return expect(outcome, "noSuchBucket") }
        guard let found else { return expect(outcome, "noSuchVersion") }
        guard holds(condition, found) else { return expectFailed(outcome, found) }
        removed(bucket, outcome, found.line)
    }

    private func setTags() async throws {
        let (bucket, key) = (someBucket(), dice.pick(keys))
        let version = someVersion(bucket, key)
        let tags = dice.body(dice.below(50))
        let outcome = try await store.commit(.setTags(bucket, key, version, tags))
        guard model.buckets[bucket] != nil else { return expect(outcome, "noSuchBucket") }
        guard let found = model.find(bucket, key, version)?.version, found.line.kind == .object else {
            return expect(outcome, version == .current ? "noSuchKey" : "noSuchVersion")
        }
        expect(outcome, "done")
        let place = model.buckets[bucket]!.keys[key]!.firstIndex { $0.line.stamp == found.line.stamp }!
        model.buckets[bucket]!.keys[key]![place].line.tags = tags
    }

    // MARK: Uploads

    private func someUpload() -> UploadID {
        let known = model.uploads.keys.sorted { $0.high < $1.high }
        return known.isEmpty || dice.chance(0.03) ? UploadID(high: dice.next(), low: 0) : dice.pick(known)
    }

    private func createUpload() async throws {
        let upload = Upload(
            id: UploadID(high: dice.next(), low: dice.next()),
            bucket: someBucket(),
            key: dice.pick(keys),
            initiatedMillis: UInt64(steps),
            attributes: dice.body(9),
            tags: dice.body(3)
        )
        let outcome = try await store.commit(.createUpload(upload))
        guard model.buckets[upload.bucket] != nil else { return expect(outcome, "noSuchBucket") }
        expect(outcome, "done")
        model.uploads[upload.id] = Model.Pending(upload: upload)
    }

    private func putPart() async throws {
        let id = someUpload()
        let bytes = dice.body(1 + dice.below(dice.chance(0.2) ? 400_000 : 500))
        let part = Part(
            number: UInt16(1 + dice.below(5)),
            blob: try await store.blob(bytes),
            size: UInt64(bytes.count),
            etag: dice.etag(),
            modifiedMillis: 3,
            attributes: dice.body(4)
        )
        let outcome = try await store.commit(.putPart(id, part))
        guard model.uploads[id] != nil else { return expect(outcome, "noSuchUpload") }
        expect(outcome, "done")
        model.uploads[id]!.parts[part.number] = (part, bytes)
    }

    private func complete() async throws {
        let id = someUpload()
        let pending = model.uploads[id]
        let chosen = (pending?.parts.values.map { $0 } ?? []).sorted { $0.part.number < $1.part.number }
            .filter { _ in dice.chance(0.8) }
        var refs = chosen.map {
            PartRef(number: $0.part.number, blob: $0.part.blob, size: $0.part.size, attributes: $0.part.attributes)
        }
        let isStale = !refs.isEmpty && dice.chance(0.15)
        if isStale {
            refs[0] = PartRef(number: refs[0].number, blob: BlobID(rawValue: 1 << 40), size: 1, attributes: [])
        }
        let bytes = chosen.reduce(into: [UInt8]()) { $0 += $1.bytes }
        let size = refs.reduce(UInt64(0)) { $0 + $1.size }
        let head = pending.flatMap { model.buckets[$0.upload.bucket]?.keys[$0.upload.key]?.first }
        let condition = someCondition(head)
        let (etag, attributes) = (dice.etag(), dice.body(20))
        let outcome = try await store.commit(
            .completeUpload(id, parts: refs, size: size, etag: etag, attributes: attributes, condition)
        )
        guard let pending else { return expect(outcome, "noSuchUpload") }
        guard holds(condition, head) else { return expectFailed(outcome, head) }
        if isStale { return expect(outcome, "partsChanged") }
        model.uploads[id] = nil
        let line = Model.Line(
            key: pending.upload.key,
            stamp: .zero,
            kind: .object,
            isNull: model.buckets[pending.upload.bucket]!.bucket.versioning != .on,
            size: size,
            etag: etag,
            attributes: attributes,
            tags: pending.upload.tags
        )
        try written(pending.upload.bucket, outcome, line, bytes)
        if case .done(let record?, _) = outcome {
            let manifest = try await store.manifest(of: record)
            #expect(manifest.map(\.blob) == refs.map(\.blob) && manifest.map(\.size) == refs.map(\.size))
            #expect(!manifest.contains { $0.op == .none })
        }
    }

    private func abort() async throws {
        let id = someUpload()
        let outcome = try await store.commit(.abortUpload(id))
        expect(outcome, model.uploads.removeValue(forKey: id) == nil ? "noSuchUpload" : "done")
    }

    // MARK: Buckets and registers

    private func setVersioning() async throws {
        let bucket = someBucket()
        let wanted: Versioning = dice.pick([.off, .on, .on, .suspended])
        let outcome = try await store.commit(.setVersioning(bucket, wanted))
        guard let content = model.buckets[bucket] else { return expect(outcome, "noSuchBucket") }
        expect(outcome, "done")
        let isBack = wanted == .off && content.bucket.versioning != .off
        model.buckets[bucket]!.bucket.versioning = isBack ? .suspended : wanted
        let settings = dice.body(8)
        expect(try await store.commit(.setBucketSettings(bucket, settings)), "done")
        model.buckets[bucket]!.bucket.settings = settings
    }

    private func createBucket() async throws {
        let bucket = Bucket(
            id: .fresh(dice.next()),
            name: dice.pick(names),
            createdMillis: UInt64(steps),
            versioning: dice.pick([.off, .off, .on]),
            settings: dice.body(5)
        )
        let outcome = try await store.commit(.createBucket(bucket))
        if let other = model.buckets.values.first(where: { $0.bucket.name == bucket.name })?.bucket {
            guard case .bucketExists(other) = outcome else { return expect(outcome, "bucketExists") }
            return
        }
        expect(outcome, "done")
        model.buckets[bucket.id] = Model.Content(bucket: bucket)
    }

    private func deleteBucket() async throws {
        let bucket = someBucket()
        if dice.chance(0.5) {
            for line in model.lines(bucket).map(\.line) {
                let outcome = try await store.commit(.deleteVersion(bucket, line.key, .stamp(line.stamp), .none))
                removed(bucket, outcome, line)
            }
        }
        let outcome = try await store.commit(.deleteBucket(bucket))
        guard let content = model.buckets[bucket] else { return expect(outcome, "noSuchBucket") }
        guard content.keys.isEmpty else { return expect(outcome, "bucketNotEmpty") }
        expect(outcome, "done")
        model.buckets[bucket] = nil
        model.uploads = model.uploads.filter { $0.value.upload.bucket != bucket }
    }

    private func setRegister() async throws {
        let name = dice.pick(["k/1", "k/2", "grant"])
        let current = model.registers[name]
        let value = dice.chance(0.25) ? nil : dice.body(dice.below(30))
        let expected = dice.chance(0.6) ? current : dice.body(2)
        let always = dice.chance(0.2)
        let outcome = try await store.commit(
            .setRegister(name: name, value: value, expected: expected, always: always)
        )
        guard always || expected == current else {
            guard case .registerChanged(current) = outcome else { return expect(outcome, "registerChanged") }
            return
        }
        expect(outcome, "done")
        model.registers[name] = value
    }

    // MARK: Judgement

    private func expect(_ outcome: Outcome, _ wanted: String) { #expect(outcome.name == wanted, "step \(steps)") }

    private func expectFailed(_ outcome: Outcome, _ current: Model.Version?) {
        guard case .preconditionFailed(let record) = outcome else { return expect(outcome, "preconditionFailed") }
        #expect(record.map { Model.Line($0) } == current?.line, "step \(steps)")
    }

    private func removed(_ bucket: BucketID, _ outcome: Outcome, _ line: Model.Line?) {
        guard case .done(nil, let record) = outcome else { return expect(outcome, "done without a record") }
        #expect(record.map { Model.Line($0) } == line, "step \(steps)")
        if let line { model.remove(bucket, line) }
    }

    private func written(_ bucket: BucketID, _ outcome: Outcome, _ line: Model.Line, _ bytes: [UInt8]) throws {
        guard case .done(let record?, let replaced) = outcome else { return expect(outcome, "done") }
        var line = line
        line.stamp = record.stamp
        let removed = model.write(bucket, Model.Version(line: line, bytes: bytes))
        #expect(Model.Line(record) == line, "step \(steps)")
        #expect(replaced.map { Model.Line($0) } == removed, "step \(steps)")
        if let before = newest[bucket]?[line.key] {
            #expect(before < record.stamp, "step \(steps): a stamp that is not above all before it")
        }
        newest[bucket, default: [:]][line.key] = record.stamp
    }
}
