import Foundation
import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// Bits that a disk lost are fetched again from those who have them.
@Suite struct DamageTests {
    /// Three nodes on real stores, that all have these rows with their bytes.
    private func mesh(_ shelf: RepairShelf, _ all: [(row: Row, body: [UInt8])]) async throws -> RepairBed {
        let bed = try await RepairBed.three(shelf)
        for written in all {
            for store in shelf.stores {
                var row = written.row
                if case .absent = row.body {
                    let writer = try store.stage(row.record.op)
                    for start in stride(from: 0, to: written.body.count, by: BlobWriter.chunkBytes) {
                        let end = min(start + BlobWriter.chunkBytes, written.body.count)
                        try await writer.append(ByteBuffer(bytes: written.body[start..<end]), observe: nil)
                    }
                    _ = try await writer.finish()
                    row.body = .staged
                }
                #expect(await StoreDisk(store).merge([row], epoch: .max) == [.complete])
            }
        }
        return bed
    }

    /// Flips one byte in the middle of these bytes, in whichever file of the directory they are.
    private func flip(_ bytes: [UInt8], in directory: String) throws {
        let middle = Data(bytes[(bytes.count / 2)..<min(bytes.count, bytes.count / 2 + 32)])
        let files = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        var found = 0
        for name in files {
            let path = directory + "/" + name
            guard let content = FileManager.default.contents(atPath: path),
                let range = content.range(of: middle)
            else { continue }
            let file = try #require(FileHandle(forUpdatingAtPath: path))
            try file.seek(toOffset: UInt64(range.lowerBound))
            try file.write(contentsOf: Data([~content[range.lowerBound]]))
            try file.close()
            found += 1
        }
        #expect(found > 0, "the bytes are nowhere in \(directory)")
    }

    private func read(_ row: Row, _ store: ObjectStore) async throws -> [UInt8]? {
        guard let reader = try await store.openBody(row.address, row.stamp) else { return nil }
        var bytes = ByteBuffer()
        while UInt64(bytes.readableBytes) < reader.size {
            var piece = try await reader.read(at: UInt64(bytes.readableBytes), limit: reader.size)
            bytes.writeBuffer(&piece)
        }
        return Array(bytes.readableBytesView)
    }

    /// Goes on until the store has these bytes: what is found damaged becomes wanted on a thread of the store's own.
    private func isHealed(_ written: (row: Row, body: [UInt8]), _ store: ObjectStore, _ station: RepairBed.Station)
        async throws -> Bool
    {
        for _ in 0..<4000 {
            await station.repair.fetchWanted()
            if station.repair.counters.bodiesFetched.value > 0, StoreDisk(store).wantedCount == 0 {
                return try await read(written.row, store) == written.body
            }
            try await Task.sleep(for: .milliseconds(25))
        }
        return false
    }

    @Test("a flipped byte of a large body is found by the read, asked for elsewhere, and whole again")
    func largeBody() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let written = writer.row("large", size: 700_000, isSmall: false)
        let shelf = RepairShelf()
        let bed = try await mesh(shelf, [written, writer.row("other", size: 300_000, isSmall: false)])
        let store = shelf.stores[2]
        try flip(written.body, in: shelf.path + "/2/segments")
        await #expect(throws: StoreError.self, "seed \(seed)") { _ = try await read(written.row, store) }
        #expect(try await isHealed(written, store, bed.station(3)), "seed \(seed)")
        #expect(bed.station(3).repair.counters.bodiesFetched.value == 1)
        #expect(bed.station(3).repair.report.sentences == [])
        await shelf.close()
    }

    @Test("a flipped byte of a small body is found by the read, and the holder votes on meanwhile")
    func smallBody() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let written = writer.row("small", size: 9000)
        let shelf = RepairShelf()
        var bed = try await mesh(shelf, [written])
        await shelf.stores[2].close()
        try flip(written.body, in: shelf.path + "/2")
        let store = try shelf.reopen(2)
        try await bed.start(3, store: store)
        let view = await withUnsafeContinuation { (done: UnsafeContinuation<KeyView?, Never>) in
            let epoch = bed.station(1).layout.book.current.epoch
            store.answer(ReplicaCall(epoch: epoch, .look(written.row.address, .current, .body))) { reply in
                if case .view(let view) = reply { done.resume(returning: view) } else { done.resume(returning: nil) }
            }
        }
        #expect(view?.chain.first?.stamp == written.row.stamp, "seed \(seed)")
        #expect(view?.found?.body == .absent, "it has no bytes to give; seed \(seed)")
        #expect(try await isHealed(written, store, bed.station(3)), "seed \(seed)")
        bed = RepairBed()
        await shelf.close()
    }

    @Test("a damaged list of parts is brought again with the bytes of all of them")
    func manifest() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let parts = [writer.row("p1", size: 300_000, isSmall: false), writer.row("p2", size: 90_000, isSmall: false)]
        let whole = BodyDigest(checksum: nil, sha256: false)
        for part in parts {
            let etag = part.row.record.etag
            var md5 = ByteBuffer()
            md5.writeMultipleIntegers(etag.high, etag.low)
            md5.withUnsafeReadableBytes { whole.update($0) }
        }
        var md5 = ByteBuffer(bytes: whole.finish().md5)
        var object = writer.row("whole", size: 0).row
        object.record.size = 390_000
        object.record.etag = ETag(
            high: md5.readInteger() ?? 0,
            low: md5.readInteger() ?? 0,
            parts: 2
        )
        // A pattern to find the list by.
        let attributes = writer.bytes(64)
        object.body = .parts(
            parts.enumerated().map { index, part in
                PartName(
                    number: UInt16(index + 1),
                    op: part.row.record.op,
                    size: part.row.record.size,
                    attributes: attributes
                )
            }
        )
        let shelf = RepairShelf()
        let bed = try await mesh(shelf, [])
        for store in shelf.stores {
            for part in parts {
                let stream = try store.stage(part.row.record.op)
                for start in stride(from: 0, to: part.body.count, by: BlobWriter.chunkBytes) {
                    let end = min(start + BlobWriter.chunkBytes, part.body.count)
                    try await stream.append(ByteBuffer(bytes: part.body[start..<end]), observe: nil)
                }
                _ = try await stream.finish()
            }
            #expect(await StoreDisk(store).merge([object], epoch: .max) == [.complete])
        }
        await shelf.stores[2].close()
        try flip(attributes, in: shelf.path + "/2")
        let store = try shelf.reopen(2)
        try await bed.start(3, store: store)
        await #expect(throws: StoreError.self, "seed \(seed)") { _ = try await read(object, store) }
        let body = parts.flatMap(\.body)
        #expect(try await isHealed((object, body), store, bed.station(3)), "seed \(seed)")
        await shelf.close()
    }
}
