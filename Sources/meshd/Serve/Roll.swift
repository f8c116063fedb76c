import Logging
import Synchronization

/// Which of the workers of a node have not ended yet: a stop that takes long says for whom it waits.
final class Roll: Sendable {
    /// Longer than a stop takes when nothing is wrong.
    private static let patience = Duration.seconds(5)

    private let present = Mutex<Set<String>>([])

    /// Works under a name that nobody else has.
    nonisolated(nonsending) func during<Failure: Error>(
        _ name: String,
        _ work: () async throws(Failure) -> Void
    ) async throws(Failure) {
        present.withLock { _ = $0.insert(name) }
        defer { present.withLock { _ = $0.remove(name) } }
        try await work()
    }

    /// Says once, after a while, who is still there. All have been asked to end.
    func complain(_ logger: Logger) {
        // A task of its own: those of the node are being cancelled.
        Task {
            try await Task.sleep(for: Self.patience)
            let names = present.withLock { $0.sorted() }
            guard !names.isEmpty else { return }
            logger.warning("the stop waits", metadata: ["workers": "\(names.joined(separator: ", "))"])
        }
    }
}
