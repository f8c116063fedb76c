package import Store
internal import Synchronization

/// What a register of small state may hold: one thing of a kind, with a name of its own.
package protocol RegisterValue: Sendable {
    /// Begins the names of all registers of this kind, such as `tenant/`.
    static var registerPrefix: String { get }
    /// The rest of its register's name.
    var registerName: String { get }
    var encoded: [UInt8] { get }
    /// Nil for bytes that no `encoded` of this version gave.
    init?(encoded: [UInt8])
}

/// Why a change of a register was refused.
package enum RegisterError: Error, Sendable, Equatable {
    case missing(String)
    case exists(String)
    /// Too many changed the same one at once.
    case busy(String)
}

/// All things of one kind that the mesh knows: durable in its registers, and a snapshot in memory for the request path.
package final class RegisterTable<Value: RegisterValue>: Sendable {
    /// Changes of one thing are compare-and-set; after this many lost races the caller is told.
    private let attemptsMax = 16

    private let store: ObjectStore
    private let coordinator: Coordinator
    private let snapshot: Mutex<Snapshot>

    private struct Snapshot {
        var values: [String: Value] = [:]
        /// Of a newer version, or damaged.
        var unreadable: Set<String> = []

        mutating func set(_ name: String, _ bytes: [UInt8]?) {
            values[name] = nil
            unreadable.remove(name)
            guard let bytes else { return }
            if let value = Value(encoded: bytes), value.registerName == name {
                values[name] = value
            } else {
                unreadable.insert(name)
            }
        }
    }

    /// Loads all.
    package init(store: ObjectStore, coordinator: Coordinator) {
        self.store = store
        self.coordinator = coordinator
        var known = Snapshot()
        for (register, bytes) in store.registers(prefix: Value.registerPrefix) {
            known.set(String(register.dropFirst(Value.registerPrefix.count)), bytes)
        }
        snapshot = Mutex(known)
    }

    /// In no order.
    package func all() -> [Value] { snapshot.withLock { Array($0.values.values) } }

    package var count: Int { snapshot.withLock { $0.values.count } }

    /// Not even one that cannot be read.
    package var isEmpty: Bool { snapshot.withLock { $0.values.isEmpty && $0.unreadable.isEmpty } }

    package func isUnreadable(_ name: String) -> Bool { snapshot.withLock { $0.unreadable.contains(name) } }

    /// The thing with this name; nil if there is none. Costs a short lock and no I/O: fit for an event loop.
    package func lookup(_ name: String) -> Value? { snapshot.withLock { $0.values[name] } }

    /// Names whose register this build cannot read.
    package var unreadable: Set<String> { snapshot.withLock { $0.unreadable } }

    /// Durable when this returns. Throws `.exists`.
    package func add(_ value: Value) async throws {
        let name = value.registerName
        guard case .done = try await set(name, to: value.encoded, expected: nil) else {
            throw RegisterError.exists(name)
        }
        publish(name)
    }

    /// Changes a thing by compare-and-set: `change` may run more than once. Durable when this returns the new one.
    @discardableResult
    package func update(_ name: String, _ change: (inout Value) throws -> Void) async throws -> Value {
        var result: Value?
        try await replace(name) { known in
            guard let bytes = known, var value = Value(encoded: bytes) else { throw RegisterError.missing(name) }
            try change(&value)
            result = value
            return value.encoded
        }
        guard let result else { throw RegisterError.missing(name) }
        return result
    }

    /// Puts a thing in the place of whatever has its name. Durable when this returns.
    package func put(_ value: Value) async throws { try await replace(value.registerName) { _ in value.encoded } }

    /// Removes a thing for good, also one that cannot be read; durable when this returns.
    /// - Parameter check: throws when it is not to be removed; it may run more than once.
    package func delete(_ name: String, _ check: (Value?) throws -> Void = { _ in }) async throws {
        try await replace(name) { known in
            guard let known else { throw RegisterError.missing(name) }
            try check(Value(encoded: known))
            return nil
        }
    }

    private func replace(_ name: String, _ change: ([UInt8]?) throws -> [UInt8]?) async throws {
        var known = store.register(Value.registerPrefix + name)
        for _ in 0..<attemptsMax {
            switch try await set(name, to: try change(known), expected: known) {
            case .done:
                publish(name)
                return
            // This node's copy may be behind: what those who decide have is newer.
            case .registerChanged(let newer): known = newer
            default: known = store.register(Value.registerPrefix + name)
            }
        }
        throw RegisterError.busy(name)
    }

    /// Small state changed under these names, by whatever road: things of this kind among them are read again.
    package func heed(_ changed: [Key]) {
        for name in changed.map(\.text) where name.hasPrefix(Value.registerPrefix) {
            publish(String(name.dropFirst(Value.registerPrefix.count)))
        }
    }

    private func set(_ name: String, to bytes: [UInt8]?, expected: [UInt8]?) async throws -> Outcome {
        try await coordinator.commit(
            .setRegister(name: Value.registerPrefix + name, value: bytes, expected: expected, always: false)
        )
    }

    /// Shows a change to readers. The register is read again, so that of two changes that race the later one stays.
    private func publish(_ name: String) {
        snapshot.withLock { $0.set(name, store.register(Value.registerPrefix + name)) }
    }
}
