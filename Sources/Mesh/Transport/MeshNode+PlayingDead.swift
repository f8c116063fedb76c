internal import Logging
internal import NIOCore

/// A node that plays dead neither says nor hears anything on its mesh port for a while. To the others it is one that
/// crashed; to itself it is one whose network is gone. Nothing else is stopped: it goes on by itself when the time is
/// over, and a stop ends it, too.
extension MeshNode {
    /// Falls silent after a moment, in which an answer can go out. False: it plays dead already.
    /// - Parameter silent: the control streams are closed, and the data links are to be (`Links.hangUp`). On the loop.
    /// - Parameter ended: it speaks and hears again, or the node stops. Once, on the loop.
    package func playDead(
        afterMillis: Int,
        seconds: Int,
        silent: @escaping @Sendable () -> Void,
        ended: @escaping @Sendable () -> Void
    ) async throws(MeshError) -> Bool {
        try await ask { $0.playDead(afterMillis: afterMillis, seconds: seconds, silent: silent, ended: ended) }
    }
}

extension MembershipDriver {
    fileprivate func playDead(
        afterMillis: Int,
        seconds: Int,
        silent: @escaping @Sendable () -> Void,
        ended: @escaping @Sendable () -> Void
    ) -> Bool {
        guard playingDeadEnded == nil else { return false }
        playingDeadEnded = ended
        loop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(afterMillis))) {
            guard self.playingDeadEnded != nil else { return }
            self.logger.warning("plays dead for a rehearsal", metadata: ["seconds": "\(seconds)"])
            self.setSilent(true)
            silent()
            self.loop.assumeIsolated().scheduleTask(in: .seconds(Int64(seconds))) { self.endPlayingDead() }
        }
        return true
    }

    /// Speaks and hears again, if it plays dead.
    func endPlayingDead() {
        guard let ended = playingDeadEnded.take() else { return }
        setSilent(false)
        logger.notice("the rehearsal is over: speaks and hears again")
        ended()
    }

    private func setSilent(_ isSilent: Bool) {
        port?.isSilent = isSilent
        streams?.isSilent = isSilent
    }
}
