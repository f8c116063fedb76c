import Mesh
import NIOCore
import Store
import Swim
import Synchronization
import Testing

/// What holds when calls are lost and nodes are cut off.
@Suite(.serialized) struct CoordinatorFaultTests {
    private static func bucket(_ mesh: TestMesh, _ versioning: Versioning = .off) async throws -> Bucket {
        let bucket = Bucket(
            id: .fresh(.random(in: 1 ... .max)),
            name: "one",
            createdMillis: 1,
            versioning: .off,
            settings: []
        )
        guard case .done = try await mesh.coordinators[0].commit(.createBucket(bucket)) else {
            preconditionFailure("a first bucket")
        }
        if versioning != .off { _ = try await mesh.coordinators[0].commit(.setVersioning(bucket.id, versioning)) }
        for node in mesh.coordinators { _ = try await node.bucket(named: "one") }
        return bucket
    }

    private static func draft(_ bucket: Bucket, _ key: String, _ text: String) -> Draft {
        let body = ByteBuffer(string: text)
        return Draft(
            bucket: bucket.id,
            key: Key(key),
            size: UInt64(body.readableBytes),
            etag: ETag(high: UInt64(text.hashValue.magnitude), low: 1),
            body: .inline(body),
            attributes: [],
            tags: []
        )
    }

    @Test("with one of three nodes away everything goes on, and it is told what it missed by the first read")
    func oneAway() async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = try await Self.bucket(mesh)
        mesh.network.cut(mesh.nodes[2])
        for number in 0..<5 {
            let outcome = try await mesh.coordinators[number % 2].commit(
                .put(Self.draft(bucket, "k\(number)", "v\(number)"), number == 3 ? .absent : .none)
            )
            guard case .done = outcome else { Issue.record("put \(number): \(outcome)"); continue }
        }
        #expect(try await mesh.coordinators[1].list(ListQuery(bucket: bucket.id, limit: 10)).entries.count == 5)
        mesh.network.heal(mesh.nodes[2])
        mesh.network.cut(mesh.nodes[0])
        for number in 0..<5 {
            let found = try await mesh.coordinators[2].find(bucket.id, Key("k\(number)"), .current, body: true)
            #expect(found?.inlineBody == ByteBuffer(string: "v\(number)"))
        }
        await mesh.close()
    }

    @Test("without a majority nothing is written, and the answer says so")
    func majorityAway() async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = try await Self.bucket(mesh)
        mesh.network.cut(mesh.nodes[1])
        mesh.network.cut(mesh.nodes[2])
        await #expect(throws: CoordinatorError.self) {
            _ = try await mesh.coordinators[0].commit(.put(Self.draft(bucket, "k", "v"), .none))
        }
        await #expect(throws: CoordinatorError.self) {
            _ = try await mesh.coordinators[0].find(bucket.id, Key("k"), .current, body: true)
        }
        await mesh.close()
    }

    @Test("what is under way when all others leave the mesh and fall silent ends well")
    func othersLeave() async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = try await Self.bucket(mesh)
        _ = try await mesh.coordinators[0].commit(.put(Self.draft(bucket, "old", "o"), .none))
        let (large, part) = (Key("large"), Key("parts"))
        let node = mesh.coordinators[0]
        let chunk = ByteBuffer(repeating: 7, count: BlobWriter.chunkBytes)
        let upload = Upload(
            id: UploadID(high: 1 << 16, low: 1),
            bucket: bucket.id,
            key: part,
            initiatedMillis: 1,
            attributes: [],
            tags: []
        )
        _ = try await node.commit(.createUpload(upload))
        let sinks = [try node.makeBody(bucket.id, large), try node.makeBody(bucket.id, part, isPart: true)]
        for sink in sinks { for _ in 0..<3 { try await sink.append(chunk, observe: nil) } }
        mesh.network.cut(mesh.nodes[1])
        mesh.network.cut(mesh.nodes[2])
        async let blind = mesh.coordinators[0].commit(.put(Self.draft(bucket, "k", "v"), .none))
        async let conditional = mesh.coordinators[0].commit(.put(Self.draft(bucket, "c", "w"), .absent))
        async let read = mesh.coordinators[0].find(bucket.id, Key("old"), .current, body: true)
        async let list = mesh.coordinators[0].list(ListQuery(bucket: bucket.id, limit: 10))
        try await Task.sleep(for: .milliseconds(300))
        try await mesh.shrink()
        for outcome in try await [blind, conditional] {
            if case .done = outcome {} else { Issue.record("a put of who stays: \(outcome)") }
        }
        #expect(try await read?.inlineBody == ByteBuffer(string: "o"))
        #expect(try await list.entries.isEmpty == false)
        var draft = Self.draft(bucket, "large", "")
        draft.size = UInt64(3 * chunk.readableBytes)
        draft.body = try await sinks[0].finish()
        guard case .staged = draft.body, case .staged(let op) = try await sinks[1].finish() else {
            Issue.record("they began with three holders")
            return await mesh.close()
        }
        let put = try await node.commit(.put(draft, .none))
        if case .done = put {} else { Issue.record("a large put: \(put)") }
        var piece = Part(
            number: 1,
            blob: BlobID(rawValue: 0),
            size: draft.size,
            etag: draft.etag,
            modifiedMillis: 1,
            attributes: []
        )
        piece.op = op
        let sent = try await node.put(piece, in: upload)
        if case .done = sent {} else { Issue.record("a part: \(sent)") }
        let parts = try await node.parts(of: upload, after: 0, limit: 10).map {
            PartRef(number: $0.number, blob: $0.blob, size: $0.size, attributes: $0.attributes, op: $0.op)
        }
        let completed = try await node.complete(
            upload,
            parts: parts,
            size: draft.size,
            etag: draft.etag,
            attributes: [],
            .none
        )
        if case .done = completed {} else { Issue.record("a completion: \(completed)") }
        for key in [large, part] {
            let found = try await node.find(bucket.id, key, .current, body: false)
            #expect(found?.record.size == draft.size)
            guard let record = found?.record else { continue }
            if record.body == .parts {
                // Wherever its bytes are, they are those of the part.
                let blobs = try await node.manifest(of: record).map(\.blob)
                #expect(blobs == parts.map(\.blob) && blobs.allSatisfy { $0.rawValue != 0 })
                continue
            }
            let bytes = try await node.openBody(of: record).read(at: 0, limit: 9)
            #expect(bytes == ByteBuffer(repeating: 7, count: 9))
        }
        for (key, text) in [("k", "v"), ("c", "w")] {
            let found = try await mesh.coordinators[0].find(bucket.id, Key(key), .current, body: true)
            #expect(found?.inlineBody == ByteBuffer(string: text))
        }
        await mesh.close()
    }

    @Test("of racing creators exactly one wins, whatever calls are lost")
    func creators() async throws {
        let seed = UInt64.random(in: .min ... .max)
        let mesh = try await TestMesh(count: 3, seed: seed)
        let bucket = try await Self.bucket(mesh)
        mesh.network.lose(perMille: 30)
        for round in 0..<6 {
            let wins = await withTaskGroup(of: Int.self) { group in
                for racer in 0..<8 {
                    group.addTask {
                        let draft = Self.draft(bucket, "race\(round)", "racer \(racer)")
                        let outcome = try? await mesh.coordinators[racer % 3].commit(.put(draft, .absent))
                        // No answer is neither a win nor a loss.
                        if case .done = outcome { return 1 }
                        return outcome == nil ? 100 : 0
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(wins % 100 <= 1, "seed \(seed), round \(round)")
            #expect(wins >= 1, "seed \(seed), round \(round): nobody won, and all know that they lost")
        }
        await mesh.close()
    }

    @Test("a bucket goes though one holder is away and now and then a call gets lost")
    func deletionAsksAgain() async throws {
        let seed = UInt64.random(in: .min ... .max)
        let mesh = try await TestMesh(count: 3, seed: seed)
        mesh.network.cut(mesh.nodes[2])
        for round in 0..<60 {
            let bucket = Bucket(
                id: .fresh(.random(in: 1 ... .max)),
                name: "doomed",
                createdMillis: 1,
                versioning: .off,
                settings: []
            )
            _ = try await mesh.coordinators[0].commit(.createBucket(bucket))
            mesh.network.lose(perMille: 50)
            let outcome = try? await mesh.coordinators[0].commit(.deleteBucket(bucket.id))
            mesh.network.lose(perMille: 0)
            guard case .done = outcome else {
                Issue.record("seed \(seed), round \(round): \(outcome.map { "\($0)" } ?? "no majority")")
                break
            }
        }
        await mesh.close()
    }

    @Test("a large body comes back from every node, also from one that missed it")
    func largeBody() async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = try await Self.bucket(mesh)
        let bytes = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        mesh.network.cut(mesh.nodes[2])
        let sink = try mesh.coordinators[0].makeBody(bucket.id, Key("large"))
        var rest = ByteBuffer(bytes: bytes)
        while let chunk = rest.readSlice(length: min(rest.readableBytes, BlobWriter.chunkBytes)),
            chunk.readableBytes > 0
        {
            try await sink.append(chunk, observe: nil)
        }
        var draft = Self.draft(bucket, "large", "")
        draft.size = UInt64(bytes.count)
        draft.body = try await sink.finish()
        guard case .done = try await mesh.coordinators[0].commit(.put(draft, .none)) else {
            Issue.record("the put of a large body")
            return
        }
        mesh.network.heal()
        for node in mesh.coordinators {
            let found = try #require(try await node.find(bucket.id, Key("large"), .current, body: true))
            let source = try await node.openBody(of: found.record)
            var read = ByteBuffer()
            while read.readableBytes < bytes.count {
                var piece = try await source.read(at: UInt64(read.readableBytes), limit: UInt64(bytes.count))
                read.writeBuffer(&piece)
            }
            #expect(Array(read.readableBytesView) == bytes)
        }
        await mesh.close()
    }

    @Test(
        "a body of one chunk goes with its row, and comes back whole from every node",
        arguments: [Versioning.off, .on]
    )
    func carriedBody(_ versioning: Versioning) async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = try await Self.bucket(mesh, versioning)
        for (size, condition) in [(16_385, Precondition.none), (70_000, .absent), (BlobWriter.chunkBytes, .none)] {
            let key = Key("carried \(size)")
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 37 >> 2) }
            let sink = try mesh.coordinators[1].makeBody(bucket.id, key)
            let draft = Draft(
                bucket: bucket.id,
                key: key,
                size: UInt64(size),
                etag: ETag(high: UInt64(size), low: 1),
                body: try await sink.finish(appending: ByteBuffer(bytes: bytes)),
                attributes: [],
                tags: []
            )
            guard case .inline = draft.body else { Issue.record("it was sent ahead: \(draft.body)"); continue }
            // The same row once more, as after an answer that was lost on its way, changes nothing.
            mesh.network.lose(perMille: 200)
            let outcome = try? await mesh.coordinators[1].commit(.put(draft, condition))
            mesh.network.heal()
            guard case .done? = outcome else { continue }
            for node in mesh.coordinators {
                let found = try #require(try await node.find(bucket.id, key, .current, body: true))
                let source = try await node.openBody(of: found.record)
                var read = ByteBuffer()
                while read.readableBytes < size {
                    var piece = try await source.read(at: UInt64(read.readableBytes), limit: UInt64(size))
                    read.writeBuffer(&piece)
                }
                #expect(Array(read.readableBytesView) == bytes)
            }
        }
        await mesh.close()
    }

    @Test("an upload is begun, fed, listed and completed through different nodes", arguments: [Versioning.off, .on])
    func upload(_ versioning: Versioning) async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = try await Self.bucket(mesh, versioning)
        let id = UploadID.fresh(millis: 1_700_000_000_000)
        let upload = Upload(
            id: id,
            bucket: bucket.id,
            key: Key("up"),
            initiatedMillis: id.initiatedMillis,
            attributes: [9],
            tags: [8]
        )
        _ = try await mesh.coordinators[0].commit(.createUpload(upload))
        for number in 1...3 as ClosedRange<UInt16> {
            let node = mesh.coordinators[Int(number) % 3]
            let body = try await node.makeBody(bucket.id, upload.key, isPart: true).finish(
                appending: ByteBuffer(string: "part \(number).")
            )
            guard case .staged(let op) = body else { preconditionFailure("three holders stage") }
            var part = Part(
                number: number,
                blob: BlobID(rawValue: 0),
                size: 7,
                etag: ETag(high: UInt64(number), low: 0),
                modifiedMillis: 1,
                attributes: [UInt8(number)]
            )
            part.op = op
            guard case .done = try await node.put(part, in: upload) else { preconditionFailure("a part") }
        }
        let found = try #require(try await mesh.coordinators[1].upload(id, in: bucket.id, Key("up")))
        #expect(found.attributes == [9] && found.tags == [8])
        let uploads = try await mesh.coordinators[2].listUploads(UploadsQuery(bucket: bucket.id, limit: 10))
        #expect(uploads.entries.count == 1)
        let parts = try await mesh.coordinators[2].parts(of: found, after: 0, limit: 10)
        #expect(parts.map(\.number) == [1, 2, 3])
        let outcome = try await mesh.coordinators[2].complete(
            found,
            parts: parts.map {
                PartRef(number: $0.number, blob: $0.blob, size: $0.size, attributes: $0.attributes, op: $0.op)
            },
            size: 21,
            etag: ETag(high: 1, low: 2, parts: 3),
            attributes: [7],
            .absent
        )
        guard case .done = outcome else { Issue.record("\(outcome)"); return }
        for node in mesh.coordinators {
            let object = try #require(try await node.find(bucket.id, Key("up"), .current, body: true))
            #expect(object.record.body == .parts && object.record.tags == [8])
            #expect(try await node.manifest(of: object.record).map(\.number) == [1, 2, 3])
            let source = try await node.openBody(of: object.record)
            var read = ByteBuffer()
            while read.readableBytes < 21 {
                var piece = try await source.read(at: UInt64(read.readableBytes), limit: 21)
                read.writeBuffer(&piece)
            }
            #expect(String(buffer: read) == "part 1.part 2.part 3.")
            #expect(try await node.upload(id, in: bucket.id, Key("up")) == nil)
        }
        await mesh.close()
    }

    @Test("a bucket goes only when it is empty, and no write is acknowledged after it")
    func bucketDeletion() async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = try await Self.bucket(mesh)
        _ = try await mesh.coordinators[0].commit(.put(Self.draft(bucket, "k", "v"), .none))
        guard case .bucketNotEmpty = try await mesh.coordinators[1].commit(.deleteBucket(bucket.id)) else {
            Issue.record("a bucket with an object went")
            return
        }
        _ = try await mesh.coordinators[2].commit(.delete(bucket.id, Key("k"), .none))
        async let deletion = mesh.coordinators[1].commit(.deleteBucket(bucket.id))
        var acknowledged = 0
        for number in 0..<20 {
            let put = Mutation.put(Self.draft(bucket, "late\(number)", "v"), .none)
            if case .done? = try? await mesh.coordinators[0].commit(put) { acknowledged += 1 }
        }
        let outcome = try? await deletion
        if case .done? = outcome {
            #expect(acknowledged == 0 || mesh.coordinators[2].buckets().isEmpty)
            let put = Mutation.put(Self.draft(bucket, "after", "v"), .none)
            let after = try? await mesh.coordinators[0].commit(put)
            if case .done? = after { Issue.record("a write to a bucket that is gone was acknowledged") }
        } else {
            let page = try await mesh.coordinators[2].list(ListQuery(bucket: bucket.id, limit: 100))
            #expect(page.entries.count >= acknowledged)
        }
        await mesh.close()
    }

    @Test("a write whose row comes to a deleted bucket by repair alone is not acknowledged")
    func repairConfirmsNothing() async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = try await Self.bucket(mesh)
        let first = mesh.nodes[0]
        let isBack = Mutex(false)
        // The first node shows what it knows to nobody, and its commits reach nobody, until it is back.
        mesh.network.losses.withLock {
            $0 = { from, to, isCommit in
                !isBack.withLock { $0 } && (to == first || (from == first && isCommit))
            }
        }
        async let put = mesh.coordinators[0].commit(.put(Self.draft(bucket, "late", "v"), .none))
        let late = RowAddress(bucket.id, Key("late"))
        var stray: [Row] = []
        while stray.isEmpty {
            let page = try await mesh.stores[0].walk(partitions: [late.partition], leaves: nil, after: nil, limit: 16)
            for sight in page.rows where sight.address == late {
                stray += [try await mesh.stores[0].row(late, sight.ref.stamp)].compactMap { $0 }
            }
        }
        guard case .done = try await mesh.coordinators[1].commit(.deleteBucket(bucket.id)) else {
            Issue.record("the bucket is not empty")
            return
        }
        for store in mesh.stores.dropFirst() { _ = await StoreDisk(store).merge(stray, epoch: .max) }
        isBack.withLock { $0 = true }
        let outcome = try? await put
        if case .done? = outcome { Issue.record("acknowledged into a bucket that is gone") }
        await mesh.close()
    }
}
