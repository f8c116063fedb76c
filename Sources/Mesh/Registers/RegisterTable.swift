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
    private let snapshot: Mutex<[String: Value]>
    /// Names whose register could not be read at start: of a newer version, or damaged.
    package let rejected: [String]

    /// Loads all. Registers that hold nothing valid are left out, and named in `rejected`.
    package init(store: ObjectStore, coordinator: Coordinator) {
        self.store = store
        self.coordinator = coordinator
        var known: [String: Value] = [:]
        var rejected: [String] = []
        for (register, bytes) in store.registers(prefix: Value.registerPrefix) {
            let name = String(register.dropFirst(Value.registerPrefix.count))
            if let value = Value(encoded: bytes), value.registerName == name {
                known[name] = value
            } else {
                rejected.append(name)
            }
        }
        self.rejected = rejected
        snapshot = Mutex(known)
    }

    /// In no order.
    package func all() -> [Value] { snapshot.withLock { Array($0.values) } }

    package var count: Int { snapshot.withLock { $0.count } }

    /// The thing with this name; nil if there is none. Costs a short lock and no I/O: fit for an event loop.
    package func lookup(_ name: String) -> Value? { snapshot.withLock { $0[name] } }

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
        let changed = try await replace(name) { known in
            guard var value = known else { throw RegisterError.missing(name) }
            try change(&value)
            return value
        }
        guard let changed else { throw RegisterError.missing(name) }
        return changed
    }

    /// Removes a thing for good; durable when this returns.
    package func delete(_ name: String) async throws {
        try await replace(name) { known in
            guard known != nil else { throw RegisterError.missing(name) }
            return nil
        }
    }

    /// Makes of what there is what is to be there, nil for nothing, by compare-and-set: `change` may run more than once.
    @discardableResult
    package func replace(_ name: String, _ change: (Value?) throws -> Value?) async throws -> Value? {
        var known = store.register(Value.registerPrefix + name)
        for _ in 0..<attemptsMax {
            let value = known.flatMap { Value(encoded: $0) }
            // What cannot be read is of a newer build, and none of this one's business.
            if known != nil, value == nil { throw RegisterError.missing(name) }
            let wanted = try change(value)
            if wanted == nil, known == nil { return nil }
            switch try await set(name, to: wanted?.encoded, expected: known) {
            case .done:
                publish(name)
                return wanted
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
        snapshot.withLock { values in
            let value = store.register(Value.registerPrefix + name).flatMap { Value(encoded: $0) }
            values[name] = value?.registerName == name ? value : nil
        }
    }
}
