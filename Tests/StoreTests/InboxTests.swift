import Synchronization
import Testing

@testable import Store

/// Who is woken for what.
@Suite struct InboxTests {
    /// Threads that take items until the inbox is closed. An item above 100 is long: it lasts until all others are
    /// done.
    private final class Pool: Sendable {
        let inbox = Inbox<Int>(limit: 1000, threads: 2)
        private let done = Mutex<[Int]>([])
        private let threads = Mutex<[StoreThread]>([])
        let release = Bell()

        init() throws {
            for number in 0..<2 {
                let thread = try StoreThread("test-\(number)") { [self] in
                    var batch: [Int] = []
                    while inbox.take(most: 4, into: &batch) {
                        for item in batch where item <= 100 { done.withLock { $0.append(item) } }
                        if let first = batch.firstIndex(where: { $0 > 100 }) {
                            inbox.stepAway(returning: Array(batch[(first + 1)...].filter { $0 > 100 }))
                            _ = release.wait()
                            done.withLock { $0.append(batch[first]) }
                            inbox.comeBack()
                        }
                        batch.removeAll()
                    }
                }
                threads.withLock { $0.append(thread) }
            }
        }

        var finished: [Int] { done.withLock { $0 } }

        func stop() {
            inbox.close()
            release.close()
            for thread in threads.withLock({ $0 }) { thread.join() }
        }
    }

    @Test("short work never waits behind long work while another thread sleeps")
    func longWork() async throws {
        for _ in 0..<200 {
            let pool = try Pool()
            #expect(pool.inbox.offer(101) == .accepted)
            for item in 0..<20 { #expect(pool.inbox.offer(item) == .accepted) }
            try await CompactionTests.until("the short items") { pool.finished.count >= 20 }
            #expect(pool.finished.sorted() == Array(0..<20))
            pool.release.ring()
            pool.stop()
            #expect(pool.finished.count == 21)
        }
    }

    @Test("long work that came in one batch is shared out, and nothing is lost when the inbox closes")
    func sharedOut() throws {
        for _ in 0..<200 {
            let pool = try Pool()
            for item in 101..<108 { #expect(pool.inbox.offer(item) == .accepted) }
            pool.stop()
            #expect(pool.finished.sorted() == Array(101..<108))
        }
    }
}
