import Logging
import Synchronization

/// A node's log as a place to wait at: what a test wants to see is a line, and nobody sleeps until it is there.
final class LogTap: Sendable {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    private struct State {
        var lines: [String] = []
        var waiters: [Int: (after: Int, text: String, continuation: CheckedContinuation<Int?, Never>)] = [:]
        var next = 0
    }

    private let state = Mutex(State())
    let name: String

    init(_ name: String) { self.name = name }

    var lines: [String] { state.withLock { $0.lines } }

    var logger: Logger {
        var logger = Logger(label: name) { _ in Tap(tap: self) }
        logger.logLevel = .debug
        return logger
    }

    /// Waits for a line that holds `text`, from the line `after` on; returns the number of the line behind it.
    @discardableResult
    func line(_ text: String, after: Int = 0, seconds: Double = 120) async throws -> Int {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        let limit = Task {
            try await Task.sleep(for: .seconds(seconds))
            state.withLock { $0.waiters.removeValue(forKey: number) }?.continuation.resume(returning: nil)
        }
        let found = await withCheckedContinuation { continuation in
            let place = state.withLock { state -> Int? in
                if let place = state.lines.indices.dropFirst(after).first(where: { state.lines[$0].contains(text) }) {
                    return place
                }
                state.waiters[number] = (after, text, continuation)
                return nil
            }
            if let place { continuation.resume(returning: place) }
        }
        limit.cancel()
        guard let found else {
            let seen = lines.suffix(40).joined(separator: "\n  ")
            throw Missing(description: "\(name) never said '\(text)' in \(seconds) s; it said:\n  \(seen)")
        }
        return found + 1
    }

    /// How many lines there are: what comes later is news.
    var mark: Int { state.withLock { $0.lines.count } }

    private func add(_ line: String) {
        let ready = state.withLock { state in
            state.lines.append(line)
            let place = state.lines.count - 1
            let ready = state.waiters.filter { place >= $0.value.after && line.contains($0.value.text) }
            for number in ready.keys { state.waiters[number] = nil }
            return ready.values.map { ($0.continuation, place) }
        }
        for (continuation, place) in ready { continuation.resume(returning: place) }
    }

    private struct Tap: LogHandler {
        let tap: LogTap
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let more = event.metadata.map { " \($0)" } ?? ""
            tap.add("\(event.level) \(event.message)\(more)")
        }
    }
}
