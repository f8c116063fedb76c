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

        /// The first node falls silent when it has sent so many commits.
        func silence(after commits: Int) {
            let left = Mutex(commits)
            let first = mesh.nodes[0]
            mesh.network.losses.withLock { losses in
                losses = { from, _, isCommit in
                    guard from == first else { return false }
                    return left.withLock { left in
                        if isCommit { left -= 1 }
                        return left < 0 || (left == 0 && !isCommit)
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
        scene.silence(after: 4)
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
        scene.silence(after: 4)
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
        scene.silence(after: 2)
        await #expect(throws: CoordinatorError.self) { _ = try await scene.complete(0, .none) }
        scene.heal()
        try await scene.put(1, "new")
        let again = try await scene.complete(1, .none)
        if case .done = again {} else { Issue.record("\(again)") }
        #expect(try await scene.versions() == [Self.whole, 3])
        #expect(try await !scene.isOpen())
        await scene.mesh.close()
    }
}
