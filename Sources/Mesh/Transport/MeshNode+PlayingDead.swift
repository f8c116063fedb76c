internal import Logging
internal import NIOCore

/// A node that plays dead neither says nor hears anything on its mesh port for a while. To the others it is one that
/// crashed; to itself it is one whose network is gone. Nothing else is stopped: it goes on by itself when the time is
/// over, and a restart ends it, too.
extension MeshNode {
    /// Falls silent; what was open is closed when this returns. False: it plays dead already.
    package func playDead(seconds: Int, _ ended: @escaping @Sendable () -> Void) async throws(MeshError) -> Bool {
        try await ask { $0.playDead(seconds: seconds, ended) }
    }
}

extension MembershipDriver {
    fileprivate func playDead(seconds: Int, _ ended: @escaping @Sendable () -> Void) -> Bool {
        guard !isPlayingDead else { return false }
        setPlayingDead(true)
        logger.warning("plays dead for a rehearsal", metadata: ["seconds": "\(seconds)"])
        loop.assumeIsolated().scheduleTask(in: .seconds(Int64(seconds))) {
            self.setPlayingDead(false)
            self.logger.notice("the rehearsal is over: speaks and hears again")
            ended()
        }
        return true
    }

    private func setPlayingDead(_ isDead: Bool) {
        isPlayingDead = isDead
        port?.isSilent = isDead
        streams?.isSilent = isDead
    }
}
