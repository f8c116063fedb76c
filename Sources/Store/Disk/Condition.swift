import Synchronization

/// The state of health of a store: whether it takes writes, and if not, why.
///
/// Space is looked at on the writing path and for status, at most twice a second. A failed sync is final: after one the
/// kernel may have dropped the pages, so that a second sync which succeeds proves nothing.
final class Condition: Sendable {
    private static let lookMillis: UInt64 = 500

    private struct State {
        var freeBytes: UInt64 = .max
        var lookedMillis: UInt64?
        var isReadOnly = false
        var failure: String?
        var logicalBytes: UInt64 = 0
    }

    private let directory: String
    private let calls: DiskCalls
    private let freeMin: UInt64
    private let freeResume: UInt64
    private let logicalMax: UInt64
    private let state = Mutex(State())

    init(_ directory: String, _ settings: StoreSettings, _ calls: DiskCalls) {
        self.directory = directory
        self.calls = calls
        freeMin = settings.diskFreeBytesMin
        logicalMax = settings.logicalBytesMax
        freeResume = max(settings.diskFreeBytesResume, settings.diskFreeBytesMin)
    }

    /// What the objects here have; the committer tells it after each batch.
    func note(logicalBytes: Int64) {
        guard logicalMax != .max else { return }
        state.withLock { $0.logicalBytes = UInt64(max(0, logicalBytes)) }
    }

    /// How many more bytes of objects are allowed.
    private func room(_ state: State) -> UInt64 { logicalMax - min(logicalMax, state.logicalBytes) }

    /// Throws when the store failed, or, if the write adds bytes, when the disk is over its watermark.
    ///
    /// `isClients`: bytes that a client brings. Only those are held to the limit of bytes that was set: small state,
    /// compaction and what repair owes go on as long as the disk has room.
    func admit(growing: Bool, isClients: Bool = false) throws {
        let now = Clock.monotonicMillis()
        try state.withLock { state in
            if let failure = state.failure { throw StoreError.io(what: failure) }
            guard growing else { return }
            look(&state, now)
            if isClients, room(state) == 0 { throw StoreError.diskFull(freeBytes: 0) }
            if state.isReadOnly { throw StoreError.diskFull(freeBytes: state.freeBytes) }
        }
    }

    private func look(_ state: inout State, _ now: UInt64) {
        if let last = state.lookedMillis, now < last + Self.lookMillis { return }
        state.lookedMillis = now
        guard let free = calls.freeBytes(directory) else { return }
        state.freeBytes = free
        if free < freeMin { state.isReadOnly = true } else if free >= freeResume { state.isReadOnly = false }
    }

    /// The disk refused bytes: read-only until the next look finds space again.
    func foundFull() -> StoreError {
        let now = Clock.monotonicMillis()
        return state.withLock { state in
            state.isReadOnly = true
            state.lookedMillis = now
            if let free = calls.freeBytes(directory) { state.freeBytes = free }
            return .diskFull(freeBytes: state.freeBytes)
        }
    }

    /// Nothing is written any more. The first reason stays.
    func fail(_ reason: String) {
        state.withLock { if $0.failure == nil { $0.failure = reason } }
    }

    /// For status and metrics: free bytes, whether writes are refused, why for good.
    func current() -> (freeBytes: UInt64, isReadOnly: Bool, failure: String?) {
        let now = Clock.monotonicMillis()
        return state.withLock { state in
            look(&state, now)
            let room = room(state)
            let isReadOnly = state.isReadOnly || room == 0 || state.failure != nil
            return (min(state.freeBytes, room), isReadOnly, state.failure)
        }
    }
}
