import Mesh
import NIOCore
import Store

/// Writes, reads, lists and deletes in a bucket of its own, as clients do, all the time.
struct RehearsalRequests: Sendable {
    private static let workers = 4
    /// Each worker's keys are written again and again.
    private static let keysPerWorker = 32
    private static let bodyBytes = 4_096
    private static let restMillis = 20
    /// As long as an S3 client waits at most for something small before it calls it a failure.
    private static let patience = TimeAmount.seconds(5)

    let coordinator: Coordinator
    let bucket: Bucket
    let tally: RehearsalTally

    /// Sends them while `body` works; all have ended when this returns.
    func send(while body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for worker in 0..<Self.workers { tasks.addTask { await work(worker) } }
            let result: Result<Void, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            tally.end()
            try await tasks.waitForAll()
            try result.get()
        }
    }

    private func work(_ worker: Int) async {
        var turn = 0
        while !tally.isOver, !Task.isCancelled {
            let key = Key("key-\(worker)-\(turn % Self.keysPerWorker)")
            let body = ByteBuffer(bytes: (0..<Self.bodyBytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ turn) })
            let isWritten = await attempt("PUT") { try await put(key, body) }
            await attempt("GET") { try await get(key, isWritten ? body : nil) }
            if turn % 8 == worker { await attempt("LIST") { try await list(key, isWritten) } }
            if turn % 16 == worker { await attempt("DELETE") { try await delete(key) } }
            turn += 1
        }
    }

    /// Does something, counts it, and rests. False: it failed.
    @discardableResult
    private func attempt(_ operation: String, _ body: () async throws -> Void) async -> Bool {
        let (begun, phase) = (NIODeadline.now(), tally.phase)
        var error: String?
        do {
            try await body()
            if NIODeadline.now() - begun > Self.patience { error = "it took too long" }
        } catch let wrong as Wrong {
            error = wrong.description
        } catch let failure {
            error = AdminError(failure).fault.message
        }
        // The node stops: what it could not finish says nothing.
        if Task.isCancelled { return false }
        tally.add(operation, in: phase, begun: begun, error: error)
        try? await Task.sleep(for: .milliseconds(Self.restMillis))
        return error == nil
    }

    private func put(_ key: Key, _ body: ByteBuffer) async throws {
        let digest = BodyDigest(checksum: nil, sha256: false)
        digest.update(body)
        let draft = Draft(
            bucket: bucket.id,
            key: key,
            size: UInt64(body.readableBytes),
            etag: ETag(md5: digest.finish().md5),
            body: .inline(body),
            attributes: ObjectAttributes().encoded,
            tags: []
        )
        guard case .done = try await coordinator.commit(.put(draft, .none)) else { throw Wrong.answer("a write") }
    }

    private func get(_ key: Key, _ expected: ByteBuffer?) async throws {
        let found = try await coordinator.find(bucket.id, key, .current, body: true)
        guard let expected else { return }
        guard let found, found.record.kind == .object, found.inlineBody == expected else {
            throw Wrong.answer("a read right after a write")
        }
    }

    private func list(_ key: Key, _ isWritten: Bool) async throws {
        var query = ListQuery(bucket: bucket.id, limit: 1_000)
        query.prefix = key.bytes
        let page = try await coordinator.list(query)
        let isThere = page.entries.contains { if case .object(let record) = $0 { record.key == key } else { false } }
        guard isThere || !isWritten else { throw Wrong.answer("a listing right after a write") }
    }

    private func delete(_ key: Key) async throws {
        guard case .done = try await coordinator.commit(.delete(bucket.id, key, .none)) else {
            throw Wrong.answer("a delete")
        }
    }

    /// Removes what they left; throws when that cannot be done now.
    func clean() async throws {
        for worker in 0..<Self.workers {
            for number in 0..<Self.keysPerWorker {
                _ = try await coordinator.commit(.delete(bucket.id, Key("key-\(worker)-\(number)"), .none))
            }
        }
        guard case .done = try await coordinator.commit(.deleteBucket(bucket.id)) else {
            throw Wrong.answer("the delete of the bucket")
        }
    }

    /// An answer that no client should get.
    enum Wrong: Error, CustomStringConvertible {
        case answer(String)

        var description: String {
            switch self {
            case .answer(let what): "\(what) had the wrong answer"
            }
        }
    }
}
