import Mesh
import NIOCore
import Store
import Swim
import Synchronization
import Testing

/// Keys with more versions than one frame holds.
@Suite struct LargeKeyTests {
    /// Below what links take in one frame.
    private static let frameBytesMax = 1_250_000

    private func row(_ number: Int, _ bucket: BucketID, _ key: String) -> Row {
        var record = Record(
            bucket: bucket,
            key: Key(key),
            stamp: Stamp(t: UInt64(1000 + number), w: 7, q: 0),
            kind: .object,
            isNull: false,
            size: 0,
            etag: ETag(high: UInt64(number), low: 1),
            body: .empty,
            attributes: [UInt8](repeating: 3, count: 1000),
            tags: []
        )
        record.op = OpID(high: 9, low: UInt64(number) + 1)
        return Row(record: record, body: .empty)
    }

    private func scan(_ store: ObjectStore, _ query: ScanQuery, epoch: UInt64) async -> ScanPage? {
        await withUnsafeContinuation { continuation in
            store.answer(ReplicaCall(epoch: epoch, .scan(query))) { reply in
                if case .scanned(let page) = reply {
                    continuation.resume(returning: page)
                } else {
                    continuation.resume(returning: nil)
                }
            }
        }
    }

    @Test("a key with very many versions is listed whole, in pages that links can carry")
    func pages() async throws {
        let mesh = try await TestMesh(count: 3)
        let coordinator = mesh.coordinators[0]
        let bucket = Bucket(
            id: BucketID(rawValue: 77),
            name: "many",
            createdMillis: 1,
            versioning: .on,
            settings: []
        )
        _ = try await coordinator.commit(.createBucket(bucket))
        let count = 3000
        for (index, store) in mesh.stores.enumerated() {
            for start in stride(from: 0, to: count, by: 500) {
                // One of the three has missed some of them.
                let rows = (start..<start + 500).filter { index != 2 || $0 % 1000 != 5 }
                    .map { row($0, bucket.id, "b") }
                await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
                    store.merge(rows, epoch: .max) { _ in done.resume() }
                }
            }
            await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
                store.merge([row(1, bucket.id, "a"), row(2, bucket.id, "c")], epoch: .max) { _ in done.resume() }
            }
        }
        var query = ScanQuery(bucket: bucket.id, limit: 1000)
        query.allVersions = true
        let first = try #require(await scan(mesh.stores[0], query, epoch: mesh.layout.epoch))
        #expect(first.rows.count == 1 && first.isTruncated && !first.isCut, "whole keys come first")
        query.after = first.rows.last?.record.key.bytes
        var pages = 0
        var rows = 0
        repeat {
            let page = try #require(await scan(mesh.stores[0], query, epoch: mesh.layout.epoch))
            #expect(ReplicaReply.scanned(page).wireBytes.readableBytes < Self.frameBytesMax)
            rows += page.rows.count { $0.record.key == Key("b") }
            pages += 1
            query.inside = page.isCut ? page.rows.last?.stamp : nil
            query.after = page.rows.last?.record.key.bytes
        } while query.inside != nil
        #expect(pages > 2 && rows == count, "\(rows) rows in \(pages) pages")

        var versions = VersionsQuery(bucket: bucket.id, limit: 1000)
        var found: [Stamp] = []
        var keys: [String] = []
        while true {
            let page = try await coordinator.listVersions(versions)
            for case .version(let record, _) in page.entries {
                found.append(record.stamp)
                if keys.last != record.key.text { keys.append(record.key.text) }
                versions.keyMarker = record.key.bytes
                versions.versionMarker = .stamp(record.stamp)
            }
            if !page.isTruncated { break }
        }
        #expect(keys == ["a", "b", "c"])
        #expect(found.count == count + 2 && Set(found).count == count)
        await mesh.close()
    }
}
