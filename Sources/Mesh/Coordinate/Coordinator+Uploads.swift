internal import Store
internal import struct Store.Record
internal import Swim

/// Multipart uploads where there are several holders.
///
/// The row of an upload is a register: open, then completing with one manifest, then gone (done or aborted); who finishes
/// it does not matter. Parts are blind rows of their own, in the partition of the object, so that completing moves no
/// bytes.
extension Coordinator {
    func create(_ upload: Upload, _ mesh: MeshSide) async throws -> Outcome {
        guard store.bucket(upload.bucket) != nil else { return .noSuchBucket }
        guard fits(upload.key) else { throw StoreError.io(what: "a key has 1 to \(Key.bytesMax) bytes") }
        var record = record(.object, upload.bucket.within(.upload), Self.key(of: upload))
        record.attributes = UploadRow(attributes: upload.attributes).encoded
        record.tags = upload.tags
        _ = try await write(Row(record: record, body: .empty), mesh, nil)
        return .done(record: nil, removed: nil)
    }

    func find(_ id: UploadID, in bucket: BucketID, _ key: Key, _ mesh: MeshSide) async throws -> Upload? {
        guard fits(key) else { return nil }
        let address = RowAddress(
            bucket.within(.upload),
            UploadKey.upload(key, initiatedMillis: id.initiatedMillis, id)
        )
        return try await sight(address, .current, .record, mesh).found.flatMap { Self.upload($0.record) }
    }

    func put(_ part: Part, in upload: Upload, _ mesh: MeshSide) async throws -> Outcome {
        guard part.op != .none else {
            // The mesh grew while the part came in: its bytes are here alone.
            store.discard(part.blob)
            throw CoordinatorError.quorumLost(answered: 1, of: 1, effect: .none)
        }
        // The bytes took their time to come in.
        let found = try await sight(Self.address(of: upload), .current, .record, mesh).found
        guard let found, UploadRow(found.record)?.completion == nil else { return .noSuchUpload }
        let key = UploadKey.part(Self.key(of: upload), part.number)
        var record = record(.object, upload.bucket.within(.part), key)
        record.op = part.op
        record.size = part.size
        record.etag = part.etag
        record.attributes = part.attributes
        record.modifiedMillis = part.modifiedMillis
        _ = try await write(Row(record: record, body: .staged), mesh, nil)
        return .done(record: nil, removed: nil)
    }

    /// An upload that is being completed is not given up: its object may be there, or on its way. The completion is brought
    /// to its end instead, since whoever began it may be gone; only if it makes nothing the upload goes.
    func abort(_ upload: Upload, _ mesh: MeshSide) async throws -> Outcome {
        let gone = Row(record: record(.tombstone, upload.bucket.within(.upload), Self.key(of: upload)), body: .empty)
        for _ in 0..<Self.completionsMax {
            let settled = mesh.book.current.settled
            let changed = try await change(gone.address, .current, mesh) { sight in
                guard let found = sight.found else { return .keep }
                let isOpen = UploadRow(found.record)?.completion == nil || SeededBug.tornMultipart.isOn
                return isOpen ? .write(gone) : .refuse(found)
            }
            switch changed {
            case .done: return .done(record: nil, removed: nil)
            case .left: return .noSuchUpload
            case .refused(let row):
                guard let completion = row.flatMap({ UploadRow($0.record) })?.completion,
                    let bucket = store.bucket(upload.bucket)
                else { throw CoordinatorError.contended(.none) }
                if case .made = try await end(completion, of: upload, in: bucket, mesh, settled: settled) {
                    return .noSuchUpload
                }
            }
        }
        throw CoordinatorError.contended(.none)
    }

    // MARK: Completion

    /// What a completion is asked to make.
    struct Manifest: Sendable {
        let upload: Upload
        let parts: [PartName]
        let size: UInt64
        let etag: ETag
        let attributes: [UInt8]
        let condition: Precondition
    }

    func complete(_ manifest: Manifest, _ mesh: MeshSide) async throws -> Outcome {
        let upload = manifest.upload
        guard let bucket = store.bucket(upload.bucket) else { return .noSuchBucket }
        for _ in 0..<Self.completionsMax {
            let settled = mesh.book.current.settled
            let found = try await sight(Self.address(of: upload), .current, .record, mesh).found
            guard let row = found.flatMap({ UploadRow($0.record) }) else { return .noSuchUpload }
            var plan = row.completion
            if plan == nil {
                guard try await hasParts(manifest.parts, size: manifest.size, of: upload, mesh) else {
                    return .partsChanged
                }
                let (planned, current) = try await self.plan(manifest, bucket, mesh)
                guard let planned else { return .preconditionFailed(current: current?.record) }
                plan = try await decide(planned, manifest, mesh)
            }
            guard let decided = plan else { return .noSuchUpload }
            guard decided.parts == manifest.parts else { throw CoordinatorError.contended(.none) }
            switch try await end(decided, of: upload, in: bucket, mesh, settled: settled) {
            case .made(let object): return .done(record: object.record, removed: nil)
            case .opened(let isWhole): if !isWhole { return .partsChanged }
            case .overtaken: continue
            }
        }
        throw CoordinatorError.contended(.none)
    }

    /// What became of a completion that was decided.
    private enum Ended {
        /// The object is there, or was; the upload is gone.
        case made(Row)
        /// There will be no object of this completion. `isWhole`: the parts are still those that it names.
        case opened(isWhole: Bool)
        /// Somebody else has ended it.
        case overtaken
    }

    /// Brings a completion that was decided to its end, whoever began it.
    ///
    /// - Parameter settled: of a layout that was in force before the completion was seen.
    private func end(
        _ completion: UploadRow.Completion,
        of upload: Upload,
        in bucket: Bucket,
        _ mesh: MeshSide,
        settled: UInt64
    ) async throws -> Ended {
        let object = self.object(of: completion, upload, bucket)
        // A part that came between the look at the parts and the decision took the place of one.
        let isWhole = try await hasParts(completion.parts, size: completion.size, of: upload, mesh)
        var isMade = false
        if isWhole { isMade = try await make(object, completion, mesh, settled: settled) }
        // Else another write came behind the version that the condition was judged by: now, or behind the object.
        if !isMade { isMade = try await wasMade(object, upload, mesh, settled: settled) }
        if isMade {
            try await forget(upload, completion, mesh)
            return .made(object)
        }
        return try await decideNot(completion, upload, mesh) ? .opened(isWhole: isWhole) : .overtaken
    }

    private static let completionsMax = 8

    /// Whether the parts are those that are named.
    private func hasParts(
        _ named: [PartName],
        size: UInt64,
        of upload: Upload,
        _ mesh: MeshSide
    ) async throws -> Bool {
        var ops: [UInt16: OpID] = [:]
        var after: UInt16 = 0
        while true {
            let page = try await parts(of: upload, after: after, limit: 1000, mesh)
            for part in page { ops[part.number] = part.op }
            guard page.count == 1000, let last = page.last else { break }
            after = last.number
        }
        return named.allSatisfy { ops[$0.number] == $0.op } && named.reduce(UInt64(0)) { $0 &+ $1.size } == size
    }

    /// The object that the completion would make now. Nil, with the version that says so: the condition is false.
    private func plan(
        _ manifest: Manifest,
        _ bucket: Bucket,
        _ mesh: MeshSide
    ) async throws -> (UploadRow.Completion?, Row?) {
        let address = RowAddress(bucket.id, manifest.upload.key)
        let isChange = !manifest.condition.isNone || bucket.versioning != .off
        let sight = try await sight(address, .current, isChange ? .record : .stamps, mesh)
        if isChange, !manifest.condition.holds(of: sight.found?.record) { return (nil, sight.found) }
        let settled = mesh.book.current.settled
        let now = WallClock.unixMillis
        let blind = max(KeyRules.blindTime(wallMillis: now, settled: settled), (sight.top?.stamp.t ?? 0) + 1)
        let stamp =
            isChange
            ? KeyBase(sight.rows, settled: settled).successor
            : Stamp(t: blind, w: names.writer(), q: 0)
        guard let stamp else { throw CoordinatorError.contended(.none) }
        let completion = UploadRow.Completion(
            stamp: stamp,
            isConditional: isChange,
            op: names.op(),
            parts: manifest.parts,
            size: manifest.size,
            etag: manifest.etag,
            attributes: manifest.attributes,
            isNull: bucket.versioning != .on,
            modifiedMillis: now
        )
        return (completion, nil)
    }

    /// The completion that won: this one, or one that somebody began and did not end. Nil: there is no such upload.
    private func decide(
        _ plan: UploadRow.Completion,
        _ manifest: Manifest,
        _ mesh: MeshSide
    ) async throws -> UploadRow.Completion? {
        let template = record(.object, manifest.upload.bucket.within(.upload), Self.key(of: manifest.upload))
        let changed = try await change(Self.address(of: manifest.upload), .current, mesh) { sight in
            guard let found = sight.found, let known = UploadRow(found.record) else { return .keep }
            if known.completion != nil { return .refuse(found) }
            var record = template
            record.tags = found.record.tags
            record.attributes = UploadRow(attributes: known.attributes, completion: plan).encoded
            return .write(Row(record: record, body: .empty))
        }
        switch changed {
        case .done: return plan
        case .refused(let row): return row.flatMap { UploadRow($0.record) }?.completion
        case .left: return nil
        }
    }

    /// Opens the upload again: the object was not made, and never will be by this completion. False: the upload is gone, or
    /// has another completion by now.
    private func decideNot(
        _ completion: UploadRow.Completion,
        _ upload: Upload,
        _ mesh: MeshSide
    ) async throws -> Bool {
        let template = record(.object, upload.bucket.within(.upload), Self.key(of: upload))
        let changed = try await change(Self.address(of: upload), .current, mesh) { sight in
            guard let found = sight.found, let known = UploadRow(found.record), known.completion?.op == completion.op
            else { return .keep }
            var record = template
            record.tags = found.record.tags
            record.attributes = UploadRow(attributes: known.attributes).encoded
            return .write(Row(record: record, body: .empty))
        }
        if case .done = changed { return true }
        return false
    }

    /// The object that a completion makes.
    private func object(of completion: UploadRow.Completion, _ upload: Upload, _ bucket: Bucket) -> Row {
        var record = record(.object, bucket.id, upload.key, isNull: completion.isNull)
        record.op = completion.op
        record.size = completion.size
        record.etag = completion.etag
        record.attributes = completion.attributes
        record.tags = upload.tags
        record.modifiedMillis = completion.modifiedMillis
        record.stamp = completion.stamp
        record.body = .parts
        return Row(record: record, body: .parts(completion.parts))
    }

    /// Writes the object. False: it cannot be, another row came behind the one that the condition was judged by.
    private func make(
        _ row: Row,
        _ completion: UploadRow.Completion,
        _ mesh: MeshSide,
        settled: UInt64
    ) async throws -> Bool {
        guard completion.isConditional else {
            try await place(row, mesh, settled: settled)
            return true
        }
        let changed = try await change(row.address, .current, mesh) { sight in
            if let mine = sight.rows.rows.first(where: { $0.stamp == row.stamp }) {
                return mine.op == row.record.op ? .keep : .refuse(sight.found)
            }
            return KeyBase(sight.rows, settled: mesh.book.current.settled).takes(row.stamp)
                ? .write(row) : .refuse(sight.found)
        }
        switch changed {
        case .done: return true
        case .left:
            // Seen at a quorum, which a repair may have brought it to: whether the bucket still takes it they say now.
            try await place(row, mesh, settled: settled)
            return true
        case .refused: return false
        }
    }

    /// Whether the object, which is not the current version and cannot become it, was made before: by somebody who did not
    /// come to end the upload. Its parts' bytes are its own since then, and an upload without them is not opened again.
    ///
    /// Where versions stay it is there; else holders tell by the rows of the parts.
    private func wasMade(_ object: Row, _ upload: Upload, _ mesh: MeshSide, settled: UInt64) async throws -> Bool {
        let rows = try await sight(object.address, .stamp(object.stamp), .stamps, mesh).rows.rows
        if let placed = rows.first(where: { $0.stamp == object.stamp }) {
            guard placed.op == object.record.op else { return false }
            // Its row is at a quorum, its bytes may not be: those of the parts go with the upload.
            try await place(object, mesh, settled: settled)
            return true
        }
        let task = try task(Self.address(of: upload), mesh)
        let call = ReplicaCall(epoch: task.epoch, .look(task.address, .current, .body))
        let everyone = task.holders.everyone
        let answers: [CompletionEvidence.Answer] = await gather(
            everyone,
            orElse: [],
            patienceMicros: Self.evidencePatienceMicros,
            givesUp: true,
            isEnough: { $0.count == everyone.count }
        ) { node, done in
            mesh.holders.call(node, call, timeoutMicros: Self.timeoutMicros) { reply in
                if case .view(let view) = reply { done(view) } else { done(nil) }
            }
        }
        switch CompletionEvidence.verdict(answers, of: object.record.op, task.holders) {
        case .made:
            // By one holder, maybe: as above. Where newer rows made it void nothing is placed.
            try await place(object, mesh, settled: settled)
            return true
        case .notMade: return false
        case .unknown:
            throw CoordinatorError.quorumLost(answered: answers.count, of: everyone.count, effect: .unknown)
        }
    }

    /// How long a holder that stands still is waited for, where a quorum may do.
    private static let evidencePatienceMicros: UInt64 = 1_000_000

    /// The object is there: the upload goes, unless it is another completion's by now. A failure here leaves it to whoever
    /// completes it once more.
    private func forget(_ upload: Upload, _ completion: UploadRow.Completion, _ mesh: MeshSide) async throws {
        let gone = Row(record: record(.tombstone, upload.bucket.within(.upload), Self.key(of: upload)), body: .empty)
        do {
            _ = try await change(gone.address, .current, mesh) { sight in
                let known = sight.found.flatMap { UploadRow($0.record) }
                return known?.completion?.op == completion.op ? .write(gone) : .keep
            }
        } catch CoordinatorError.alone {
            // The store has ended it when it was left alone, or does now, unless this node is the one that left.
            _ = try? await store.commit(.abortUpload(upload.id))
        } catch is CoordinatorError {
            return
        }
    }

    // MARK: Names

    static func key(of upload: Upload) -> Key {
        UploadKey.upload(upload.key, initiatedMillis: upload.initiatedMillis, upload.id)
    }

    static func address(of upload: Upload) -> RowAddress {
        RowAddress(upload.bucket.within(.upload), key(of: upload))
    }

    /// The upload in its row, also while it is being completed.
    static func upload(_ record: Record) -> Upload? {
        guard record.kind == .object, let identity = UploadKey.identity(of: record.key.bytes),
            let row = UploadRow(record)
        else { return nil }
        return Upload(
            id: identity.id,
            bucket: record.bucket.within(.object),
            key: Key(UploadKey.objectKey(of: record.key.bytes)),
            initiatedMillis: identity.initiatedMillis,
            attributes: row.attributes,
            tags: record.tags
        )
    }
}
