import NIOCore
import Store
import Swim
import Testing

@testable import Mesh

/// Parts of uploads whose bytes a holder missed before an object became of them.
@Suite struct PartTests {
    private let seed = UInt64.random(in: 0 ... .max)

    private func stage(_ bytes: [UInt8], _ op: OpID, _ store: ObjectStore) async throws {
        let stream = try store.stage(op)
        try await stream.append(ByteBuffer(bytes: bytes), observe: nil)
        _ = try await stream.finish()
    }

    /// A part of an upload, and the object that it becomes.
    private func upload() -> (part: Row, object: Row, bytes: [UInt8]) {
        var writer = Writer(seed: seed)
        var (object, bytes) = writer.row("large", size: 90_000, isSmall: false)
        let upload = UploadKey.upload(object.record.key, initiatedMillis: 5, UploadID(high: 5 << 16, low: 1))
        var part = object
        part.record.bucket = object.record.bucket.within(.part)
        part.record.key = UploadKey.part(upload, 1)
        var md5 = ByteBuffer()
        md5.writeMultipleIntegers(object.record.etag.high, object.record.etag.low)
        let whole = BodyDigest(checksum: nil, sha256: false)
        md5.withUnsafeReadableBytes { whole.update($0) }
        var digest = ByteBuffer(bytes: whole.finish().md5)
        object.record.etag = ETag(high: digest.readInteger() ?? 0, low: digest.readInteger() ?? 0, parts: 1)
        object.record.op = OpID(high: 77, low: seed)
        object.body = .parts([PartName(number: 1, op: part.record.op, size: 90_000, attributes: [])])
        return (part, object, bytes)
    }

    @Test(
        "the bytes of a part that a holder missed are not wanted any more where an object became of it",
        arguments: [true, false]
    )
    func partsOfObjects(isPartFirst: Bool) async throws {
        let (part, object, bytes) = upload()
        let shelf = RepairShelf()
        let bed = try await RepairBed.three(shelf, seed: seed)
        var staged = part
        staged.body = .staged
        for store in shelf.stores.prefix(2) {
            try await stage(bytes, part.record.op, store)
            #expect(await StoreDisk(store).merge([staged], epoch: .max) == [.complete], "seed \(seed)")
            #expect(await StoreDisk(store).merge([object], epoch: .max) == [.complete], "seed \(seed)")
        }
        let late = StoreDisk(shelf.stores[2])
        for row in isPartFirst ? [part, object] : [object, part] {
            #expect(await late.merge([row], epoch: .max) == [.withoutBytes], "seed \(seed)")
        }
        #expect(late.wantedCount == (isPartFirst ? 1 : 2), "the object wants what the part wanted; seed \(seed)")
        for _ in 0..<3 { await bed.station(3).repair.fetchWanted() }
        #expect(late.wantedCount == 0, "seed \(seed)")
        let reader = try #require(try await shelf.stores[2].openBody(object.address, object.stamp))
        var piece = try await reader.read(at: 0, limit: reader.size)
        #expect(piece.readBytes(length: piece.readableBytes) == bytes, "seed \(seed)")
        await shelf.close()
    }
}
