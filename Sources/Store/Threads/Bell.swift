import Glibc

/// A latch between threads: `ring` wakes the one that waits, with or without a time limit. Rings add up to one.
///
/// `@unchecked Sendable`: the two variables are touched only with `mutex` held; the pointers never change.
final class Bell: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let rung: UnsafeMutablePointer<pthread_cond_t>
    private var isRung = false
    private var isClosed = false

    init() {
        mutex = .allocate(capacity: 1)
        rung = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(rung, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(rung)
        pthread_mutex_destroy(mutex)
        rung.deallocate()
        mutex.deallocate()
    }

    func ring() {
        pthread_mutex_lock(mutex)
        isRung = true
        pthread_cond_signal(rung)
        pthread_mutex_unlock(mutex)
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_broadcast(rung)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for a ring, or until `millis` have passed (nil: for ever). False when the bell was closed.
    func wait(millis: UInt64? = nil) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let millis {
            var until = timespec()
            clock_gettime(CLOCK_MONOTONIC, &until)
            let nanos = UInt64(until.tv_nsec) + (millis % 1000) * 1_000_000
            until.tv_sec += Int(millis / 1000) + Int(nanos / 1_000_000_000)
            until.tv_nsec = Int(nanos % 1_000_000_000)
            while !isRung, !isClosed {
                if pthread_cond_timedwait(rung, mutex, &until) == ETIMEDOUT { break }
            }
        } else {
            while !isRung, !isClosed { pthread_cond_wait(rung, mutex) }
        }
        isRung = false
        return !isClosed
    }
}
