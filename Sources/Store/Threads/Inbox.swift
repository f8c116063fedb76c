import Glibc

/// A bounded queue in front of one or several threads. Threads sleep on a condition variable: an idle store costs
/// nothing, and a busy thread takes all that waits in one go without a wake-up.
///
/// `@unchecked Sendable`: every variable is touched only between `lock` and `unlock` of `mutex`; the two pointers never
/// change and live until `deinit`.
final class Inbox<Item: Sendable>: @unchecked Sendable {
    enum Answer { case accepted, full, closed }

    let limit: Int
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let filled: UnsafeMutablePointer<pthread_cond_t>
    private var items: [Item] = []
    /// Items before this index were taken; only `take` leaves such.
    private var head = 0
    private var sleepers = 0
    private let threads: Int
    /// Threads that are at something long and cannot be waited for.
    private var away = 0
    /// When a thread last came for work, in nanoseconds: long ago means that those awake are held up by the disk.
    private var lastTake: UInt64 = 0

    /// A wake-up costs more than a point read from the page cache. So a further thread is woken only when those that
    /// are awake are behind: this many items wait, or nobody came for so long.
    private static var backlogPerThread: Int { 8 }
    private static var patienceNanos: UInt64 { 300_000 }
    private var isClosed = false

    init(limit: Int, threads: Int = 1) {
        self.limit = limit
        self.threads = threads
        mutex = .allocate(capacity: 1)
        filled = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(filled, nil)
    }

    deinit {
        pthread_cond_destroy(filled)
        pthread_mutex_destroy(mutex)
        filled.deallocate()
        mutex.deallocate()
    }

    func offer(_ item: Item) -> Answer {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isClosed { return .closed }
        if items.count - head >= limit { return .full }
        items.append(item)
        if sleepers > 0, sleepers + away == threads || isBehind { pthread_cond_signal(filled) }
        return .accepted
    }

    private var isBehind: Bool {
        items.count - head >= Self.backlogPerThread || Clock.monotonicNanos() - lastTake > Self.patienceNanos
    }

    /// Takes at most `most` items. Sleeps while there is nothing; false when the inbox is closed and empty.
    func take(most: Int, into batch: inout [Item]) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while items.count == head {
            if isClosed { return false }
            sleepers += 1
            pthread_cond_wait(filled, mutex)
            sleepers -= 1
        }
        let waiting = items.count - head
        let count = min(most, waiting)
        if threads > 1 {
            lastTake = Clock.monotonicNanos()
            if sleepers > 0, waiting - count >= Self.backlogPerThread { pthread_cond_signal(filled) }
        }
        if head == 0, count == waiting, batch.isEmpty {
            swap(&items, &batch)
        } else {
            batch.append(contentsOf: items[head..<head + count])
            head += count
            if head == items.count {
                items.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= 1024 {
                items.removeFirst(head)
                head = 0
            }
        }
        return true
    }

    /// Called by a thread before it does what takes long. What it cannot do meanwhile goes back to the front, and
    /// somebody else is woken for what waits now or comes before `comeBack`.
    func stepAway(returning rest: [Item]) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if !rest.isEmpty { items.insert(contentsOf: rest, at: head) }
        away += 1
        if sleepers > 0, items.count > head { pthread_cond_signal(filled) }
    }

    func comeBack() {
        pthread_mutex_lock(mutex)
        away -= 1
        pthread_mutex_unlock(mutex)
    }

    var count: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return items.count - head
    }

    /// No more offers; what waits is still taken.
    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_broadcast(filled)
        pthread_mutex_unlock(mutex)
    }
}
