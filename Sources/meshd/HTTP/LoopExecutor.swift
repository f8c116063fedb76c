import NIOCore

/// Runs a task's jobs on one event loop: a task that serves a connection then never leaves the connection's thread.
///
/// NIO offers loops as executors of actors only; this is the same thing for a task's preference (SE-0417).
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
