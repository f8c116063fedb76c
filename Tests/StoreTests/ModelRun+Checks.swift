import NIOCore
import Testing

@testable import Store

extension ModelRun {
    /// Compares all that can be asked of the store with the model.
    func compareAll() async throws {
        let buckets = model.buckets.values.map(\.bucket).sorted { $0.name < $1.name }
        #expect(store.buckets() == buckets)
        for bucket in buckets { #expect(store.bucket(named: bucket.name) == bucket) }
        let registers = store.registers(prefix: "")
        #expect(Dictionary(uniqueKeysWithValues: registers.map { ($0.name, $0.value) }) == model.registers)
        #expect(registers.map(\.name) == model.registers.keys.sorted())
        let statistics = store.statistics()
        let all = model.buckets.keys.flatMap { model.lines($0) }
        #expect(statistics.versions == UInt64(all.count))
        #expect(statistics.logicalBytes == all.reduce(UInt64(0)) { $0 + $1.line.size })
        var usage: [BucketID: Usage] = [:]
        for (bucket, _) in model.buckets {
            for (line, _) in model.lines(bucket) { usage.add([bucket: Usage(versions: 1, bytes: Int64(line.size))]) }
        }
        for pending in model.uploads.values {
            let bytes = pending.parts.values.reduce(0) { $0 + $1.bytes.count }
            usage.add([pending.upload.bucket: Usage(partBytes: Int64(bytes))])
        }
        #expect(store.usage() == usage)
        for bucket in model.buckets.keys {
            try await compareListings(bucket)
            for key in model.buckets[bucket]!.keys.keys { try await compare(bucket, key) }
        }
        for (id, pending) in model.uploads { try await compare(id, pending) }
    }

    /// One key: each version, its bytes, and who is the newest.
    func compare(_ bucket: BucketID, _ key: Key) async throws {
        let versions = model.buckets[bucket]?.keys[key] ?? []
        let stamps = versions.map { VersionSelector.stamp($0.line.stamp) }
        for selector in [.current, .null, .current] + stamps {
            let wanted = model.find(bucket, key, selector)
            let found = try await store.find(bucket, key, selector, body: true)
            #expect(found.map { Model.Line($0.record) } == wanted?.version.line, "step \(steps), \(selector)")
            #expect(found?.isCurrent == wanted?.isCurrent, "step \(steps), \(selector)")
            if let inline = found?.inlineBody {
                #expect([UInt8](buffer: inline) == wanted?.version.bytes, "step \(steps)")
            } else if let found {
                #expect(found.record.body != .inline)
            }
            let bytes = try await store.open(bucket, key, selector)?.body.all()
            #expect(bytes == wanted?.version.bytes, "step \(steps), \(selector)")
            if let found, let wanted, !wanted.version.bytes.isEmpty {
                let body = try await store.openBody(of: found.record)
                let start = dice.below(wanted.version.bytes.count)
                let end = start + 1 + dice.below(wanted.version.bytes.count - start)
                let part = try await body.read(at: UInt64(start), limit: UInt64(end))
                #expect(part.readableBytes >= 1 && part.readableBytes <= end - start)
                let slice = wanted.version.bytes[start..<start + part.readableBytes]
                #expect([UInt8](buffer: part) == [UInt8](slice), "step \(steps)")
            }
        }
    }

    private func compareListings(_ bucket: BucketID) async throws {
        let lines = model.lines(bucket)
        var query = ListQuery(bucket: bucket, limit: 1 + dice.below(5))
        var listed: [Model.Line] = []
        while true {
            let page = try await store.list(query)
            for case .object(let record) in page.entries { listed.append(Model.Line(record)) }
            query.after = listed.last?.key.bytes
            #expect(!page.isTruncated || page.entries.count == query.limit)
            if !page.isTruncated { break }
        }
        #expect(listed == lines.filter { $0.isLatest && $0.line.kind == .object }.map(\.line), "step \(steps)")

        var versions = VersionsQuery(bucket: bucket, limit: 1 + dice.below(5))
        var seen: [Model.Line] = []
        var latest: [Bool] = []
        while true {
            let page = try await store.listVersions(versions)
            for case .version(let record, let isLatest) in page.entries {
                seen.append(Model.Line(record))
                latest.append(isLatest)
            }
            guard page.isTruncated, let last = seen.last else { break }
            versions.keyMarker = last.key.bytes
            versions.versionMarker = last.isNull ? .null : .stamp(last.stamp)
        }
        #expect(seen == lines.map(\.line), "step \(steps)")
        #expect(latest == lines.map(\.isLatest), "step \(steps)")
    }

    private func compare(_ id: UploadID, _ pending: Model.Pending) async throws {
        let upload = try await store.upload(id)
        #expect(upload?.key == pending.upload.key && upload?.attributes == pending.upload.attributes)
        let parts = try await store.parts(of: id, after: 0, limit: 10)
        let wanted = pending.parts.values.map(\.part).sorted { $0.number < $1.number }
        #expect(parts.map(\.number) == wanted.map(\.number))
        #expect(parts.map(\.blob) == wanted.map(\.blob))
        #expect(parts.map(\.etag) == wanted.map(\.etag))
    }
}
