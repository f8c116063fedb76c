import Synchronization

/// Threads that read, each with a connection and cached statements of its own. What waits is taken a few at a time: a
/// batch costs one read transaction, and as long as work keeps coming no wake-up.
final class ReaderPool: Sendable {
    struct Job: Sendable {
        /// A page of a listing: a thousand times a point read, so that nothing may wait behind it.
        let isLong: Bool
        let run: @Sendable (IndexReader) -> Void
    }

    private let inbox: Inbox<Job>
    private let threads: [StoreThread]
    private let beats: [Beat]

    /// Odd while its thread is inside a batch.
    final class Beat: Sendable {
        fileprivate let count = Atomic<UInt64>(0)
    }

    init(index: String, count: Int, queueMax: Int, cacheKibibytes: Int, damage: DamageBook) throws {
        let inbox = Inbox<Job>(limit: queueMax, threads: count)
        self.inbox = inbox
        var threads: [StoreThread] = []
        var beats: [Beat] = []
        do {
            for number in 0..<count {
                // The connection goes over to the new thread and is touched by no other.
                nonisolated(unsafe) let reader = try IndexReader(index, cacheKibibytes: cacheKibibytes)
                reader.versions.damage = damage
                let beat = Beat()
                beats.append(beat)
                threads.append(
                    try StoreThread("store-read-\(number)") {
                        var batch: [Job] = []
                        while inbox.take(most: 4, into: &batch) {
                            beat.count.add(1, ordering: .sequentiallyConsistent)
                            for job in batch where !job.isLong { job.run(reader) }
                            if let first = batch.firstIndex(where: \.isLong) {
                                // One of the long ones is done here, the others by whoever is awake or woken.
                                inbox.stepAway(returning: batch[(first + 1)...].filter(\.isLong))
                                batch[first].run(reader)
                                inbox.comeBack()
                            }
                            reader.endTransaction()
                            beat.count.add(1, ordering: .sequentiallyConsistent)
                            batch.removeAll(keepingCapacity: true)
                        }
                    }
                )
            }
        } catch {
            inbox.close()
            for thread in threads { thread.join() }
            throw error
        }
        self.threads = threads
        self.beats = beats
    }

    /// Runs `body` on one of the threads, or here with the reason why not.
    func submit(isLong: Bool = false, _ body: @escaping @Sendable (Result<IndexReader, any Error>) -> Void) {
        switch inbox.offer(Job(isLong: isLong) { body(.success($0)) }) {
        case .accepted: break
        case .full: body(.failure(StoreError.overloaded))
        case .closed: body(.failure(StoreError.closed))
        }
    }

    /// Runs `body` on one of the threads.
    func read<Value: Sendable>(
        isLong: Bool = false,
        _ body: @escaping @Sendable (IndexReader) throws -> Value
    ) async throws -> Value {
        // Resumed exactly once: by the job when it was accepted, else right here.
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Value, any Error>) in
            submit(isLong: isLong) { reader in
                do {
                    continuation.resume(returning: try body(try reader.get()))
                } catch let failure as SQLiteFailure {
                    continuation.resume(throwing: failure.storeError)
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    /// Waits until every batch that is running now has ended: then no reader sees the index as it was before. Only for
    /// the store's own upkeep, which is in no hurry.
    func waitForReaders() {
        let seen = beats.map { $0.count.load(ordering: .sequentiallyConsistent) }
        let pause = Bell()
        for (beat, start) in zip(beats, seen) where start % 2 == 1 {
            while beat.count.load(ordering: .sequentiallyConsistent) == start { _ = pause.wait(millis: 1) }
        }
    }

    func stop() {
        inbox.close()
        for thread in threads { thread.join() }
    }
}
