import NIOCore
import Synchronization

/// One life of the daemon, as its clients know it.
final class Round: Sendable {
    let target: S3Target
    let daemon: Daemon
    let group: any EventLoopGroup
    private let doomed = Atomic(false)
    private let over = Atomic(false)

    init(_ target: S3Target, _ daemon: Daemon, on group: any EventLoopGroup) {
        self.target = target
        self.daemon = daemon
        self.group = group
    }

    /// Said before the daemon is killed or stopped: from then on connections may break.
    func doom() { doomed.store(true, ordering: .sequentiallyConsistent) }

    var isDoomed: Bool { doomed.load(ordering: .sequentiallyConsistent) }

    /// Said when the daemon is gone: clients go home.
    func end() { over.store(true, ordering: .sequentiallyConsistent) }

    var isOver: Bool { over.load(ordering: .sequentiallyConsistent) || daemon.process.ending != nil }

    func session() -> S3Session { S3Session(target, on: group) }
}
