import NIOCore
import Testing

@testable import Store

/// A holder of several that is left alone, and has others again.
@Suite struct AloneTests {
    private static func adopt(_ store: ObjectStore, epoch: UInt64, isSole: Bool) async throws {
        try await store.adopt(
            epoch: epoch,
            settled: HolderSample.settled,
            fences: Array(repeating: 1, count: Partition.all),
            holds: Array(repeating: true, count: Partition.all),
            isSole: isSole
        )
    }

    private static func upload(_ bucket: BucketID, _ key: String, of object: Row, parts: [PartName] = []) -> Row {
        let completion = UploadRow.Completion(
            stamp: object.record.stamp,
            isConditional: false,
            op: object.record.op,
            parts: parts,
            size: 0,
            etag: ETag(high: 0, low: 0),
            attributes: [],
            isNull: true,
            modifiedMillis: 1
        )
        let id = UploadID(high: 1 << 16, low: object.record.op.low)
        return HolderSample.row(
            bucket.within(.upload),
            UploadKey.upload(Key(key), initiatedMillis: 1, id),
            Stamp(t: 20, w: object.record.op.low, q: 0),
            op: OpID(high: 9, low: object.record.op.low),
            attributes: UploadRow(attributes: [], completion: completion).encoded
        )
    }

    /// A completion whose object got the bytes of its part, and was overwritten.
    private static func overwrite(_ bucket: BucketID, _ store: ObjectStore) async throws {
        let bytes: [UInt8] = Array(repeating: 3, count: 100)
        let name = PartName(number: 1, op: OpID(high: 5, low: 7), size: 100, attributes: [])
        try await store.stage(name.op, bytes)
        let (key, op) = (Key("over"), OpID(high: 5, low: 8))
        let old = HolderSample.row(bucket, key, Stamp(t: 52, w: 1, q: 0), op: op, body: .parts([name]), size: 100)
        let upload = upload(bucket, "over", of: old, parts: [name])
        let part = HolderSample.row(
            bucket.within(.part),
            UploadKey.part(upload.record.key, 1),
            Stamp(t: 21, w: 1, q: 0),
            op: name.op,
            body: .staged,
            size: 100
        )
        let new = HolderSample.row(bucket, key, Stamp(t: 53, w: 1, q: 0), op: OpID(high: 5, low: 9))
        for row in [upload, part, old, new] { #expect(await store.commit(row) == .complete) }
    }

    @Test("what others had begun is ended: completions, deletions of buckets, calls of the time before")
    func leftAlone() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("one", .off)
        guard let whole = store.bucket(bucket) else { preconditionFailure("it was made") }
        try await HolderSample.adopt(store)
        // One completion has written its object, the other one has not.
        let (made, lost) = (OpID(high: 5, low: 1), OpID(high: 5, low: 2))
        let object = HolderSample.row(bucket, Key("made"), Stamp(t: 50, w: 1, q: 0), op: made)
        let absent = HolderSample.row(bucket, Key("lost"), Stamp(t: 51, w: 1, q: 0), op: lost)
        let deleting = HolderSample.row(
            .system,
            BucketRow.key(of: "one"),
            Stamp(t: .max >> 2, w: 1, q: 0),
            op: OpID(high: 5, low: 3),
            attributes: BucketRow(whole, state: .deleting).encoded
        )
        let uploads = [Self.upload(bucket, "made", of: object), Self.upload(bucket, "lost", of: absent)]
        for row in uploads + [object, deleting] { #expect(await store.commit(row) == .complete) }
        try await Self.overwrite(bucket, store)
        try await store.setClosed([bucket], true)

        try await Self.adopt(store, epoch: 4, isSole: true)
        #expect(try await store.upload(UploadID(high: 1 << 16, low: 1)) == nil)
        #expect(try await store.upload(UploadID(high: 1 << 16, low: 2)) != nil)
        #expect(try await store.upload(UploadID(high: 1 << 16, low: 8)) == nil)
        func state(_ key: Key, _ space: BucketID) async -> Row? {
            await withUnsafeContinuation { done in
                store.answer(ReplicaCall(epoch: 4, .look(RowAddress(space, key), .current, .record))) {
                    let view: KeyView? = if case .view(let view) = $0 { view } else { nil }
                    done.resume(returning: view?.found)
                }
            }
        }
        let left = await state(uploads[1].record.key, bucket.within(.upload))
        #expect(left.flatMap { UploadRow($0.record) }.map { $0.completion == nil } == true)
        let row = await state(BucketRow.key(of: "one"), .system)
        #expect(row.flatMap { BucketRow(encoded: $0.record.attributes) }?.state == .active)

        // Nothing of before is served, though no fence was raised, and nothing that was decided before is taken in.
        let late = HolderSample.row(bucket, Key("late"), Stamp(t: 60, w: 1, q: 0), op: OpID(high: 5, low: 4))
        #expect(await store.call(.commit(late), epoch: 3).name.hasPrefix("staleEpoch"))
        let register = HolderSample.row(.system, Key("r"), Stamp(t: 61, w: 1, q: 0), op: OpID(high: 5, low: 5))
        func absorb(_ epoch: UInt64) async -> Bool {
            await withUnsafeContinuation { done in
                store.absorb(register, decidedIn: epoch) { done.resume(returning: $0) }
            }
        }
        #expect(await !absorb(3))
        #expect(await absorb(4))
        try await Self.adopt(store, epoch: 5, isSole: false)
        #expect(await store.call(.commit(late), epoch: 4).name.hasPrefix("staleEpoch"))
        #expect(await store.commit(late, epoch: 5) == .complete)
        await store.close()
    }
}
