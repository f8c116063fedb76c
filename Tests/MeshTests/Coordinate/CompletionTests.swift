import Mesh
import NIOCore
import Store
import Swim
import Synchronization
import Testing

/// Completions of uploads whose coordinator falls silent on the way, and that are asked for again behind another change.
@Suite struct CompletionTests {
    /// A mesh with one open upload of two parts.
    private struct Scene {
        let mesh: TestMesh
        let bucket: Bucket
        let upload: Upload
        let parts: [PartRef]

        static let piece = BlobWriter.chunkBytes
        static let key = Key("k")

        init(_ versioning: Versioning) async throws {
            mesh = try await TestMesh(count: 3)
            bucket = Bucket(id: .fresh(1 << 40), name: "one", createdMillis: 1, versioning: .off, settings: [])
            let node = mesh.coordinators[0]
            _ = try await node.commit(.createBucket(bucket))
            if versioning != .off { _ = try await node.commit(.setVersioning(bucket.id, versioning)) }
            for node in mesh.coordinators { _ = try await node.bucket(named: "one") }
            upload = Upload(
                id: UploadID(high: 1 << 16, low: 1),
                bucket: bucket.id,
                key: Self.key,
                initiatedMillis: 1,
                attributes: [],
                tags: []
            )
            _ = try await node.commit(.createUpload(upload))
            for number in 1...2 as ClosedRange<UInt16> {
                let sink = try node.makeBody(bucket.id, Self.key, isPart: true)
                try await sink.append(ByteBuffer(repeating: UInt8(number), count: Self.piece), observe: nil)
                guard case .staged(let op) = try await sink.finish() else { preconditionFailure("three holders") }
                var part = Part(
                    number: number,
                    blob: BlobID(rawValue: 0),
                    size: UInt64(Self.piece),
                    etag: ETag(high: UInt64(number), low: 1),
                    modifiedMillis: 1,
                    attributes: []
                )
                part.op = op
                _ = try await node.put(part, in: upload)
            }
            parts = try await node.parts(of: upload, after: 0, limit: 10).map {
                PartRef(number: $0.number, blob: $0.blob, size: $0.size, attributes: $0.attributes, op: $0.op)
            }
        }

        func complete(_ node: Int, _ condition: Precondition) async throws -> Outcome {
            try await mesh.coordinators[node].complete(
                upload,
                parts: parts,
                size: UInt64(2 * Self.piece),
                etag: ETag(high: 7, low: 7, parts: 2),
                attributes: [],
                condition
            )
        }

        /// A node falls silent when it has sent so many commits to others; with `onlyCommits` all but those still arrive.
        func silence(_ index: Int, after commits: Int, onlyCommits: Bool = false) {
            let left = Mutex(commits)
            let node = mesh.nodes[index]
            mesh.network.losses.withLock { losses in
                losses = { from, _, isCommit in
                    guard from == node else { return false }
                    return left.withLock { left in
                        if isCommit { left -= 1 }
                        return left < 0 && isCommit || left <= 0 && !isCommit && !onlyCommits
                    }
                }
            }
        }

        func heal() { mesh.network.losses.withLock { $0 = nil } }

        func put(_ node: Int, _ text: String) async throws {
            let body = ByteBuffer(string: text)
            let draft = Draft(
                bucket: bucket.id,
                key: Self.key,
                size: UInt64(body.readableBytes),
                etag: ETag(high: 5, low: 5),
                body: .inline(body),
                attributes: [],
                tags: []
            )
            let outcome = try await mesh.coordinators[node].commit(.put(draft, .none))
            if case .done = outcome {} else { Issue.record("a put: \(outcome)") }
        }

        /// The sizes of all versions, newest first; each is read to its end.
        func versions() async throws -> [UInt64] {
            let node = mesh.coordinators[2]
            let page = try await node.listVersions(VersionsQuery(bucket: bucket.id, limit: 10))
            var sizes: [UInt64] = []
            for case .version(let record, _) in page.entries where record.kind == .object {
                sizes.append(record.size)
                if record.etag.parts == 0 { continue }
                let found = try await node.find(bucket.id, Self.key, .stamp(record.stamp), body: true)
                let source = try await node.openBody(of: try #require(found).record)
                let last = try await source.read(at: record.size - 1, limit: record.size)
                #expect(last == ByteBuffer(bytes: [2]))
            }
            return sizes
        }

        func isOpen() async throws -> Bool {
            !(try await mesh.coordinators[1].listUploads(UploadsQuery(bucket: bucket.id, limit: 10)).entries.isEmpty)
        }
    }

    private static let whole = UInt64(2 * Scene.piece)

    @Test("an object that was made, and is below another version by now, is not made a second time")
    func versioned() async throws {
        let scene = try await Scene(.on)
        // What was decided, and the object.
        scene.silence(0, after: 4)
        _ = try? await scene.complete(0, .none)
        scene.heal()
        #expect(try await scene.isOpen())
        try await scene.put(1, "new")
        let again = try await scene.complete(1, .none)
        if case .done(let record?, _) = again { #expect(record.size == Self.whole) } else { Issue.record("\(again)") }
        #expect(try await scene.versions() == [3, Self.whole])
        #expect(try await !scene.isOpen())
        await scene.mesh.close()
    }

    @Test("an object that was made and deleted does not come back, without bytes, by the same completion")
    func deleted() async throws {
        let scene = try await Scene(.off)
        scene.silence(0, after: 4)
        _ = try? await scene.complete(0, .absent)
        scene.heal()
        #expect(try await scene.isOpen())
        #expect(try await scene.versions() == [Self.whole])
        _ = try await scene.mesh.coordinators[1].commit(.delete(scene.bucket.id, Scene.key, .none))
        let again = try await scene.complete(1, .absent)
        if case .done = again {} else { Issue.record("\(again)") }
        #expect(try await scene.versions().isEmpty)
        #expect(try await !scene.isOpen())
        await scene.mesh.close()
    }

    @Test("an object that was not made before another version came is made above it, with its bytes")
    func notMade() async throws {
        let scene = try await Scene(.on)
        scene.silence(0, after: 2)
        await #expect(throws: CoordinatorError.self) { _ = try await scene.complete(0, .none) }
        scene.heal()
        try await scene.put(1, "new")
        let again = try await scene.complete(1, .none)
        if case .done = again {} else { Issue.record("\(again)") }
        #expect(try await scene.versions() == [Self.whole, 3])
        #expect(try await !scene.isOpen())
        await scene.mesh.close()
    }

    @Test("who has an object that a quorum missed does not testify for the next one of the same parts")
    func anotherCompletion() async throws {
        let scene = try await Scene(.off)
        let (first, second) = (scene.mesh.nodes[0], scene.mesh.coordinators[1])
        // Accepted by all, and committed by the first node alone.
        scene.silence(0, after: 2, onlyCommits: true)
        await #expect(throws: CoordinatorError.self) { _ = try await scene.complete(0, .absent) }
        scene.heal()
        scene.mesh.network.cut(first)
        try await scene.put(1, "new")
        let lost = try await scene.complete(1, .absent)
        if case .preconditionFailed = lost {} else { Issue.record("behind a put: \(lost)") }
        scene.mesh.network.heal(first)
        _ = try await second.commit(.delete(scene.bucket.id, Scene.key, .none))
        scene.silence(1, after: 2)
        await #expect(throws: CoordinatorError.self) { _ = try await scene.complete(1, .absent) }
        scene.heal()
        try await scene.put(2, "newer")
        let again = try await scene.complete(2, .absent)
        if case .preconditionFailed = again {} else { Issue.record("behind another put: \(again)") }
        #expect(try await scene.isOpen())
        _ = try await second.commit(.delete(scene.bucket.id, Scene.key, .none))
        let last = try await scene.complete(2, .absent)
        if case .done = last {} else { Issue.record("\(last)") }
        #expect(try await scene.versions() == [Self.whole])
        #expect(try await !scene.isOpen())
        await scene.mesh.close()
    }

    // MARK: Aborts

    @Test("an upload whose object was made is gone by an abort, and the object stays")
    func abortBehindObject() async throws {
        let scene = try await Scene(.off)
        scene.silence(0, after: 4)
        _ = try? await scene.complete(0, .none)
        scene.heal()
        #expect(try await scene.isOpen())
        let outcome = try await scene.mesh.coordinators[1].abort(scene.upload)
        if case .noSuchUpload = outcome {} else { Issue.record("\(outcome)") }
        #expect(try await !scene.isOpen())
        #expect(try await scene.versions() == [Self.whole])
        await scene.mesh.close()
    }

    @Test("an abort ends a completion that somebody began, if its object can be made or not", arguments: [true, false])
    func abortBehindDecision(isPossible: Bool) async throws {
        let scene = try await Scene(.off)
        scene.silence(0, after: 2)
        await #expect(throws: CoordinatorError.self) { _ = try await scene.complete(0, .absent) }
        scene.heal()
        #expect(try await scene.isOpen())
        if !isPossible { try await scene.put(1, "new") }
        let outcome = try await scene.mesh.coordinators[1].abort(scene.upload)
        switch outcome {
        case .noSuchUpload: #expect(isPossible)
        case .done: #expect(!isPossible)
        default: Issue.record("\(outcome)")
        }
        #expect(try await !scene.isOpen())
        #expect(try await scene.versions() == [isPossible ? Self.whole : 3])
        await scene.mesh.close()
    }

    @Test("a bucket whose last upload hangs in its completion can be deleted, and not while that makes an object")
    func deletedBucket() async throws {
        let scene = try await Scene(.off)
        scene.silence(0, after: 2)
        await #expect(throws: CoordinatorError.self) { _ = try await scene.complete(0, .none) }
        scene.heal()
        let node = scene.mesh.coordinators[1]
        let first = try await node.commit(.deleteBucket(scene.bucket.id))
        if case .bucketNotEmpty = first {} else { Issue.record("\(first)") }
        #expect(try await scene.versions() == [Self.whole])
        _ = try await node.commit(.delete(scene.bucket.id, Scene.key, .none))
        let second = try await node.commit(.deleteBucket(scene.bucket.id))
        if case .done = second {} else { Issue.record("\(second)") }
        await scene.mesh.close()
    }

    @Test("an object that one holder has, and whose parts changed since, is not said to be there", arguments: 0...6)
    func lonelyObject(lost: Int) async throws {
        let scene = try await Scene(.off)
        // Accepted by all, and committed by the first node alone.
        scene.silence(0, after: 2, onlyCommits: true)
        await #expect(throws: CoordinatorError.self) { _ = try await scene.complete(0, .absent) }
        scene.heal()
        // A part that was on its way arrives at the others.
        let node = scene.mesh.coordinators[1]
        let sink = try node.makeBody(scene.bucket.id, Scene.key, isPart: true)
        try await sink.append(ByteBuffer(repeating: 9, count: Scene.piece), observe: nil)
        guard case .staged(let op) = try await sink.finish() else { preconditionFailure("three holders") }
        let identity = UploadKey.upload(Scene.key, initiatedMillis: 1, scene.upload.id)
        let record = Record(
            bucket: scene.bucket.id.within(.part),
            key: UploadKey.part(identity, 1),
            stamp: Stamp(t: UInt64(1) << 60, w: 1, q: 0),
            kind: .object,
            isNull: true,
            size: UInt64(Scene.piece),
            etag: ETag(high: 9, low: 1),
            body: .empty,
            attributes: [],
            tags: [],
            modifiedMillis: 1,
            op: op
        )
        let late = Row(record: record, body: .staged)
        for holder in scene.mesh.holders[1...] {
            let reply = await withCheckedContinuation { waiting in
                let call = ReplicaCall(epoch: scene.mesh.layout.epoch, .commit(late))
                holder.answer(call) { waiting.resume(returning: $0) }
            }
            if case .stored(.complete) = reply {} else { Issue.record("a late part: \(reply)") }
        }
        // The first node is not heard at first.
        let (first, second) = (scene.mesh.nodes[0], scene.mesh.nodes[1])
        let left = Mutex(lost)
        scene.mesh.network.losses.withLock { losses in
            losses = { from, to, _ in
                guard from == second, to == first else { return false }
                return left.withLock { left in
                    left -= 1
                    return left >= 0
                }
            }
        }
        await #expect(throws: CoordinatorError.self) { _ = try await scene.complete(1, .absent) }
        scene.heal()
        #expect(try await scene.isOpen())
        await scene.mesh.close()
    }

    // MARK: The verdict

    private static let nodes = (1...3).map { NodeID(high: $0, low: 0) }

    /// What the first, the second, … holder answers; nil: nothing.
    private static func verdict(_ bodies: [RowBody?], of other: [Int] = []) -> CompletionEvidence.Verdict {
        let op = OpID(high: 1, low: 1)
        var answers: [CompletionEvidence.Answer] = []
        for (index, body) in bodies.enumerated() {
            guard let body else { continue }
            let completion = UploadRow.Completion(
                stamp: Stamp(t: 9, w: 0, q: 1),
                isConditional: true,
                op: other.contains(index) ? OpID(high: 2, low: 2) : op,
                parts: [],
                size: 0,
                etag: ETag(high: 0, low: 0),
                attributes: [],
                isNull: true,
                modifiedMillis: 1
            )
            let record = Record(
                bucket: BucketID.fresh(5).within(.upload),
                key: Key("u"),
                stamp: Stamp(t: 8, w: 0, q: 0),
                kind: .object,
                isNull: true,
                size: 0,
                etag: ETag(high: 0, low: 0),
                body: .empty,
                attributes: UploadRow(attributes: [], completion: completion).encoded,
                tags: [],
                modifiedMillis: 1
            )
            answers.append((nodes[index], KeyView(chain: [], found: Row(record: record, body: body))))
        }
        return CompletionEvidence.verdict(answers, of: op, HolderSet(current: nodes, next: nil))
    }

    @Test("one holder who saw the object is enough; else a quorum has to answer, and one to have the bytes")
    func verdicts() {
        #expect(Self.verdict([.staged, .handedOver, nil]) == .made)
        #expect(Self.verdict([.handedOver, nil, nil]) == .made)
        #expect(Self.verdict([.staged, .absent, nil]) == .notMade)
        #expect(Self.verdict([.staged, nil, nil]) == .unknown)
        #expect(Self.verdict([.absent, .absent, nil]) == .unknown)
        #expect(Self.verdict([.absent, .absent, .absent]) == .notMade)
    }

    @Test("holders of another completion, and of older builds, do not testify")
    func strangers() {
        #expect(Self.verdict([.staged, .handedOver, nil], of: [1]) == .unknown)
        #expect(Self.verdict([.staged, .staged, nil], of: [1]) == .unknown)
        #expect(Self.verdict([.staged, .handedOver, .staged], of: [1]) == .notMade)
        #expect(Self.verdict([.staged, .empty, nil]) == .unknown)
        #expect(Self.verdict([.empty, .empty, .empty]) == .notMade)
    }
}
