internal import FoundationEssentials
internal import Logging
internal import NIOCore
internal import Swim

extension MembershipDriver {
    private static let statePauseMin: Micros = 250_000
    private static let statePauseMax: Micros = 30_000_000

    // MARK: The state

    /// What waits until the state is on disk. With `failed` it is told of a failed write and waits no more.
    struct StateSave {
        let done: () -> Void
        let failed: ((any Error) -> Void)?
    }

    /// How the writes of the state go.
    struct StateSaving {
        var isDirty = false
        var isRunning = false
        /// Those who want to know: a new generation, secrets that are taken, decrees of the operator. There are few.
        var waiting: [StateSave] = []
        /// After a failed write, how long the next one waits, and until when.
        var pause: Micros = 0
        var retryAt: Micros = .min
        /// What was logged of the trouble: the same words are not said twice.
        var trouble: String?
    }

    /// Writes the state as it is now, and goes on when it is on disk. A failed write is tried again, more and more
    /// rarely: without it a life could be lived twice. What an operator waits for is tried at once, and once.
    func saveState(then: (() -> Void)? = nil, failed: ((any Error) -> Void)? = nil) {
        if let then { saving.waiting.append(StateSave(done: then, failed: failed)) }
        saving.isDirty = true
        guard !saving.isRunning, failed != nil || Self.clock() >= saving.retryAt else { return }
        saving.isRunning = true
        saving.isDirty = false
        let waiting = saving.waiting
        saving.waiting = []
        let (state, directory) = (state, folder.directory)
        folder.run(on: loop) { try state.write(to: directory) }.assumeIsolated().whenComplete { result in
            self.saving.isRunning = false
            switch result {
            case .success: self.noteSaved(waiting)
            case .failure(let error): self.noteUnsaved(waiting, error)
            }
        }
    }

    private func noteSaved(_ waiting: [StateSave]) {
        if saving.trouble != nil { logger.notice("mesh-state is written again") }
        saving.trouble = nil
        saving.pause = 0
        saving.retryAt = .min
        for save in waiting { save.done() }
        if saving.isDirty { saveState() }
    }

    private func noteUnsaved(_ waiting: [StateSave], _ error: any Error) {
        let all = waiting + saving.waiting
        saving.waiting = all.filter { $0.failed == nil }
        saving.isDirty = true
        saving.pause = min(max(2 * saving.pause, Self.statePauseMin), Self.statePauseMax)
        saving.retryAt = Self.clock() + saving.pause
        let trouble = "\(error)"
        if trouble != saving.trouble { logger.error("mesh-state cannot be written", metadata: ["error": "\(trouble)"]) }
        saving.trouble = trouble
        for save in all { save.failed?(error) }
    }

    // MARK: The view

    /// Writes the view, when something in it changed and the last write is old enough.
    func saveView(_ now: Micros) {
        guard hasNews || membership.viewDigest != savedDigest, !isSaving,
            savedAt == .min || now - savedAt >= settings.snapshotMicros
        else { return }
        isSaving = true
        savedAt = now
        hasNews = false
        savedDigest = membership.viewDigest
        let view = savedView
        folder.run(on: loop) { try view.write() }.assumeIsolated().whenComplete { result in
            self.isSaving = false
            let trouble: String? = if case .failure(let error) = result { "\(error)" } else { nil }
            if let trouble, trouble != self.viewTrouble {
                self.logger.error("the member list cannot be written", metadata: ["error": "\(trouble)"])
            }
            self.viewTrouble = trouble
        }
    }

    /// The view as two files: one for the next life of this node, and one for people when it is down.
    var savedView: SavedView {
        SavedView(
            snapshot: membership.snapshotBytes(),
            report: report(),
            snapshotFile: folder.snapshotFile,
            reportFile: folder.reportFile
        )
    }

    struct SavedView: Sendable {
        let snapshot: [UInt8]
        let report: MembersReport
        let snapshotFile: String
        let reportFile: String

        func write() throws {
            try MeshFolder.write(snapshot, to: snapshotFile)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            try MeshFolder.write(Array(try encoder.encode(report)) + [0x0A], to: reportFile)
        }
    }
}
