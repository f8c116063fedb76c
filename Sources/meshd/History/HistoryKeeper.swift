import Mesh
import NIOCore
import NIOPosix
import Store
import Synchronization

/// A node's last day: sampled, kept in memory, and written now and then so that a restart costs minutes at most.
final class HistoryKeeper: Sendable {
    private static let bytesMax = 1 << 20
    private static let keepMillis: UInt64 = 5 * 60_000

    private struct State {
        var history: MetricsHistory
        var keptMillis: UInt64
    }

    private let file: String
    private let state: Mutex<State>

    init(file: String, nowMillis: UInt64) {
        self.file = file
        // What cannot be read is no reason not to start.
        let bytes = (try? SmallFile.read(file, bytesMax: Self.bytesMax)).flatMap { $0 }.map { ByteBuffer(bytes: $0) }
        let known = bytes.flatMap { MetricsHistory($0, nowMillis: nowMillis) }
        state = Mutex(State(history: known ?? MetricsHistory(), keptMillis: nowMillis))
    }

    func sample(_ condition: NodeCondition, nowMillis: UInt64) async {
        guard let traffic = condition.traffic else { return }
        let hints = condition.hints.reduce(0) { $0 + $1.objects }
        let isDue = state.withLock { state in
            state.history.sample(traffic, freeBytes: condition.freeBytes, hints: hints, nowMillis: nowMillis)
            guard nowMillis >= state.keptMillis + Self.keepMillis else { return false }
            state.keptMillis = nowMillis
            return true
        }
        if isDue { try? await NIOThreadPool.singleton.runIfActive { self.keep() } }
    }

    func report(_ span: MetricsHistory.Span) -> HistoryReport { state.withLock { $0.history.report(span) } }

    /// Blocks. A history that cannot be written is lost with the process, and nothing else.
    func keep() {
        let bytes = state.withLock { $0.history.encoded }
        try? SmallFile.write(Array(bytes.readableBytesView), to: file)
    }
}
