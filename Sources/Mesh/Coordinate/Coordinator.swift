internal import NIOCore
package import Store
package import struct Store.Record
internal import Swim

/// What every S3 operation asks of the mesh: the one door between the faces and the holders of a key.
///
/// While this node alone holds everything, a majority of one, each call goes straight to its store, with no network, no
/// second copy and no overhead. With more holders each operation is a machine (`Machines`) that a `QuorumCall` drives.
package final class Coordinator: Sendable {
    let store: ObjectStore
    /// What this node coordinated, for `/metrics`.
    package let metrics: QuorumMetrics
    let names = OperationNames()
    let clock = OperationClock()
    let coverages = Coverages()
    let accord = Accord()
    let mesh: MeshSide?

    /// Of a store that never has others beside it.
    package init(store: ObjectStore) {
        self.store = store
        mesh = nil
        metrics = QuorumMetrics()
    }

    /// - Parameter isReady: false while the node comes into its mesh and does not know the layout yet.
    package init(
        store: ObjectStore,
        holders: any Holders,
        book: LayoutBook,
        metrics: QuorumMetrics,
        isReady: @escaping @Sendable () -> Bool = { true }
    ) {
        self.store = store
        self.metrics = metrics
        mesh = MeshSide(holders: holders, book: book, isReady: isReady)
    }

    /// Who else holds something; nil while this node alone does.
    private var others: MeshSide? {
        get throws {
            guard let mesh else { return nil }
            guard mesh.isReady() else { throw CoordinatorError.nobody }
            let layout = mesh.book.current
            if layout.hasRemoved(mesh.holders.own, storeID: store.storeID) { throw CoordinatorError.notMember }
            guard let sole = layout.isSole else { return mesh }
            // Whoever is not a member yet coordinates nothing there.
            guard sole == mesh.holders.own else { throw CoordinatorError.nobody }
            return nil
        }
    }

    /// Asks the holders, or the own store while this node alone holds everything; the store, too, where the others left
    /// meanwhile and nothing had been done.
    private func ask<Value: Sendable>(
        alone: () async throws -> Value,
        spread: (MeshSide) async throws -> Value
    ) async throws -> Value {
        guard let mesh = try others else { return try await alone() }
        do {
            return try await spread(mesh)
        } catch CoordinatorError.alone {
            guard try others == nil else { throw CoordinatorError.nobody }
            return try await alone()
        }
    }

    // MARK: Buckets

    /// The bucket of that name. Where there are several nodes, one that this one has not heard of is asked for.
    package func bucket(named name: String) async throws -> Bucket? {
        try await ask {
            store.bucket(named: name)
        } spread: { mesh in
            if let known = store.bucket(named: name) { return known }
            return try await learnBucket(name, mesh)
        }
    }

    /// All buckets, by name.
    package func buckets() -> [Bucket] { store.buckets() }

    // MARK: Writing

    /// Applies one change; durable on a majority of the key's holders when this returns.
    package func commit(_ mutation: Mutation, _ asked: Consistency? = nil) async throws -> Outcome {
        try await ask {
            try await commitAlone(mutation)
        } spread: { mesh in
            let asked = asked ?? mutation.bucket.flatMap { consistency(of: $0) }
            guard asked != .one else { throw CoordinatorError.unsupported(.one) }
            var isCertain = true
            do {
                return try await commit(mutation, mesh, asked, &isCertain)
            } catch let error as CoordinatorError where !isCertain {
                throw error.uncertain
            } catch StoreError.diskFull where !isCertain {
                throw CoordinatorError.contended(.unknown)
            }
        }
    }

    /// The bytes that it names may have been staged while there were other holders, and not here.
    private func commitAlone(_ mutation: Mutation) async throws -> Outcome {
        if let op = mutation.stagedOp, !store.isStaged(op) {
            throw CoordinatorError.nobody
        }
        // A row may carry more than a draft: the store moves what is long out of rows only.
        if case .put(var draft, let condition) = mutation, case .inline(let bytes) = draft.body,
            bytes.readableBytes > store.inlineBytesMax
        {
            draft.body = .blob(try await store.makeBlob().finish(appending: bytes, observe: nil))
            return try await store.commit(.put(draft, condition))
        }
        return try await store.commit(mutation)
    }

    /// Tries again where a holder took a bucket for closed that is open. `isCertain`: no try can have taken effect.
    private func commit(
        _ mutation: Mutation,
        _ mesh: MeshSide,
        _ asked: Consistency?,
        _ isCertain: inout Bool
    ) async throws -> Outcome {
        for _ in 0..<Self.reviewsMax {
            do {
                return try await commit(mutation, mesh, asked)
            } catch CoordinatorError.bucketClosing(let effect) {
                if effect != .none { isCertain = false }
                guard let id = mutation.bucket else { throw CoordinatorError.bucketClosing(effect) }
                guard try await reviewClosed(id, mesh) else { return .noSuchBucket }
                // Its row may be with one holder. With another stamp it would be a second write, after what came meanwhile.
                guard isCertain else { throw CoordinatorError.bucketClosing(.unknown) }
            }
        }
        throw CoordinatorError.bucketClosing(.none)
    }

    private static let reviewsMax = 3

    private func commit(_ mutation: Mutation, _ mesh: MeshSide, _ asked: Consistency?) async throws -> Outcome {
        switch mutation {
        case .put(let draft, let condition): try await put(draft, condition, mesh, asked)
        case .delete(let bucket, let key, let condition, let attributes):
            try await delete(bucket, key, condition, attributes, mesh, asked)
        case .deleteVersion(let bucket, let key, let version, let condition):
            try await deleteVersion(bucket, key, version, condition, mesh)
        case .setTags(let bucket, let key, let version, let tags):
            try await setTags(bucket, key, version, tags, mesh)
        case .createUpload(let upload): try await create(upload, mesh)
        case .putPart, .completeUpload, .abortUpload:
            preconditionFailure("uploads are continued by the calls that name their key")
        case .createBucket(let bucket): try await createBucket(bucket, mesh)
        case .deleteBucket(let bucket): try await deleteBucket(bucket, mesh)
        case .setVersioning(let bucket, let versioning):
            try await update(bucket, mesh) { bucket in
                let isBack = versioning == .off && bucket.versioning != .off
                bucket.versioning = isBack ? .suspended : versioning
            }
        case .setBucketSettings(let bucket, let settings):
            try await update(bucket, mesh) { $0.settings = settings }
        case .setRegister(let name, let value, let expected, let always):
            try await setRegister(name, value, expected, always, mesh)
        }
    }

    /// A stream for a body that is too large for its record, or for a part of an upload for this key.
    package func makeBody(_ bucket: BucketID, _ key: Key, isPart: Bool = false) throws -> BodySink {
        guard let mesh = try others else { return BodySink(try store.makeBlob()) }
        return BodySink(spread(RowAddress(bucket, key), mesh), carriesOne: !isPart)
    }

    /// Gives up a finished stream that no change will name.
    package func discard(_ body: NewBody, _ bucket: BucketID, _ key: Key) {
        switch body {
        case .blob(let blob): store.discard(blob)
        case .staged(let op):
            guard let mesh = try? others else { return store.unstage(op) }
            let holders = holders(of: RowAddress(bucket, key), mesh.book.current)
            for node in holders.everyone { mesh.holders.unstage(node, op) }
        case .empty, .inline: break
        }
    }

    // MARK: Reading

    package func find(
        _ bucket: BucketID,
        _ key: Key,
        _ version: VersionSelector,
        body: Bool,
        _ asked: Consistency? = nil
    ) async throws -> Found? {
        try await ask {
            try await store.find(bucket, key, version, body: body)
        } spread: { mesh in
            try await find(RowAddress(bucket, key), version, body: body, mesh, asked ?? consistency(of: bucket))
        }
    }

    package func openBody(of record: Record) async throws -> BodySource {
        try await ask {
            BodySource(try await store.openBody(of: record))
        } spread: { mesh in
            try await openBody(of: record, mesh)
        }
    }

    package func manifest(of record: Record) async throws -> [PartRef] {
        try await ask {
            try await store.manifest(of: record)
        } spread: { mesh in
            try await manifest(of: record, mesh)
        }
    }

    package func list(_ query: ListQuery, _ asked: Consistency? = nil) async throws -> ListPage {
        try await ask {
            try await store.list(query)
        } spread: { mesh in
            try await list(query, mesh)
        }
    }

    package func listVersions(_ query: VersionsQuery, _ asked: Consistency? = nil) async throws -> VersionsPage {
        try await ask {
            try await store.listVersions(query)
        } spread: { mesh in
            try await listVersions(query, mesh)
        }
    }

    // MARK: Multipart uploads

    /// The unfinished upload of that name for that key.
    package func upload(_ id: UploadID, in bucket: BucketID, _ key: Key) async throws -> Upload? {
        try await ask {
            try await store.upload(id)
        } spread: { mesh in
            try await find(id, in: bucket, key, mesh)
        }
    }

    /// A part in place of an earlier one of the same number.
    package func put(_ part: Part, in upload: Upload) async throws -> Outcome {
        try await ask {
            try await commitAlone(.putPart(upload.id, part))
        } spread: { mesh in
            try await put(part, in: upload, mesh)
        }
    }

    /// Turns parts into an object. `parts` names them in order, as the caller read them: if one was replaced since then
    /// the answer is `.partsChanged`. All other parts are dropped.
    package func complete(
        _ upload: Upload,
        parts: [PartRef],
        size: UInt64,
        etag: ETag,
        attributes: [UInt8],
        _ condition: Precondition
    ) async throws -> Outcome {
        guard let mesh = try others else {
            return try await store.commit(
                .completeUpload(upload.id, parts: parts, size: size, etag: etag, attributes: attributes, condition)
            )
        }
        let manifest = Manifest(
            upload: upload,
            parts: parts.map { PartName(number: $0.number, op: $0.op, size: $0.size, attributes: $0.attributes) },
            size: size,
            etag: etag,
            attributes: attributes,
            condition: condition
        )
        do {
            return try await complete(manifest, mesh)
        } catch CoordinatorError.alone {
            // Of several steps: the upload may be decided already.
            throw CoordinatorError.alone.uncertain
        }
    }

    package func abort(_ upload: Upload) async throws -> Outcome {
        try await ask {
            try await store.commit(.abortUpload(upload.id))
        } spread: { mesh in
            try await abort(upload, mesh)
        }
    }

    /// Parts with a number above `after`, by number.
    package func parts(of upload: Upload, after: UInt16, limit: Int) async throws -> [Part] {
        try await ask {
            try await store.parts(of: upload.id, after: after, limit: limit)
        } spread: { mesh in
            try await parts(of: upload, after: after, limit: limit, mesh)
        }
    }

    package func listUploads(_ query: UploadsQuery) async throws -> UploadsPage {
        try await ask {
            try await store.listUploads(query)
        } spread: { mesh in
            try await listUploads(query, mesh)
        }
    }
}

/// What there is beside the own store.
struct MeshSide: Sendable {
    let holders: any Holders
    let book: LayoutBook
    let isReady: @Sendable () -> Bool
}

extension Mutation {
    /// The bucket that it changes; nil: none, or small state.
    var bucket: BucketID? {
        switch self {
        case .put(let draft, _): draft.bucket
        case .delete(let bucket, _, _, _), .deleteVersion(let bucket, _, _, _), .setTags(let bucket, _, _, _): bucket
        case .createUpload(let upload): upload.bucket
        case .setVersioning(let bucket, _), .setBucketSettings(let bucket, _), .deleteBucket(let bucket): bucket
        case .putPart, .completeUpload, .abortUpload, .createBucket, .setRegister: nil
        }
    }
}
