import Synchronization

/// The histories of all keys, shared by the clients of a run.
final class Ledger: Sendable {
    typealias Content = KeyHistory.Content

    /// A key by its bytes: to Swift's strings é and e with an accent are the same, to S3 they are not.
    private struct Name: Hashable {
        let bytes: [UInt8]

        init(_ key: String) { bytes = Array(key.utf8) }

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private struct State {
        var keys: [Name: KeyHistory] = [:]
        var touched: Set<Name> = []
        var operation: UInt64 = 0
    }

    private let state = Mutex(State())
    private let start = Clock.nanoseconds()

    private var now: UInt64 { Clock.nanoseconds() - start }

    /// A number that no other operation of this run has.
    func operation() -> UInt64 {
        state.withLock {
            $0.operation += 1
            return $0.operation
        }
    }

    func beginWrite(_ key: String, _ operation: UInt64, _ content: Content, note: String) {
        update(key) { $0.beginWrite(operation, content, at: $1, note: note) }
    }

    func acknowledge(_ key: String, _ operation: UInt64) { update(key) { $0.acknowledge(operation, at: $1) } }

    func refuse(_ key: String, _ operation: UInt64, note: String) {
        update(key) { $0.refuse(operation, at: $1, note: note) }
    }

    func lose(_ key: String, _ operation: UInt64, note: String) {
        update(key) { $0.lose(operation, at: $1, note: note) }
    }

    func beginRead(_ key: String, _ read: UInt64) { update(key) { $0.beginRead(read, at: $1) } }

    func endRead(_ key: String, _ read: UInt64) -> [Content] { update(key) { history, _ in history.endRead(read) } }

    func possible(_ key: String) -> [Content] { update(key, touch: false) { history, _ in history.possible } }

    func pin(_ key: String, _ content: Content) { update(key, touch: false) { $0.pin(content, at: $1) } }

    func settle() {
        let now = now
        state.withLock { state in
            for key in state.touched { state.keys[key]?.settle(at: now) }
        }
    }

    /// The keys that anything happened to since the last call.
    func takeTouched() -> [String] {
        state.withLock { state in
            defer { state.touched.removeAll(keepingCapacity: true) }
            return state.touched.map(\.text).sorted()
        }
    }

    var keys: [String] { state.withLock { $0.keys.keys.map(\.text).sorted() } }

    func events(_ key: String) -> [String] { state.withLock { $0.keys[Name(key)]?.events ?? [] } }

    private func update<R>(_ key: String, touch: Bool = true, _ body: (inout KeyHistory, UInt64) -> R) -> R {
        let name = Name(key)
        return state.withLock { state in
            if touch { state.touched.insert(name) }
            // The clock is read under the lock, so that its order is the order of the events.
            return body(&state.keys[name, default: KeyHistory()], now)
        }
    }
}
