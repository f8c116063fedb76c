package import Store
internal import Synchronization

/// Why a change of access keys was refused.
package enum AccessError: Error, Sendable, Equatable {
    case noSuchKey(String)
    case keyExists(String)
    /// A whole sentence about the value that is wrong.
    case invalid(String)
    /// Too many writers changed the same key at once.
    case busy(String)
}

/// All access keys of the mesh: durable in the store's registers, and a snapshot in memory for the request path.
package final class AccessKeys: Sendable {
    /// Keys in all: with grants they stay within the memory that a node can spare for small state.
    package static let countMax = 10_000
    /// Changes of one key are compare-and-set; after this many lost races the caller is told.
    private static let attemptsMax = 16
    private static let prefix = "key/"

    private let store: ObjectStore
    private let coordinator: Coordinator
    private let snapshot: Mutex<[String: AccessKey]>

    /// Loads every key. Registers that hold no valid key are left out, and named in `rejected`. Changes go through the
    /// coordinator; without one the store stands alone.
    package init(store: ObjectStore, coordinator: Coordinator? = nil) {
        self.store = store
        self.coordinator = coordinator ?? Coordinator(store: store)
        let (keys, rejected) = Self.load(from: store)
        self.snapshot = Mutex(keys)
        self.rejected = rejected
    }

    /// Ids whose register could not be read at start: of a newer version, or damaged. They open nothing.
    package let rejected: [String]

    /// The key with this id; nil if there is none. Costs a short lock and no I/O: fit for an event loop.
    package func lookup(_ id: String) -> AccessKey? {
        snapshot.withLock { $0[id] }
    }

    /// Whether the key with this id may do `action` to `bucket` now.
    package func allows(_ id: String, _ action: Grant, on bucket: BucketID) -> Bool {
        lookup(id)?.allows(action, on: bucket) ?? false
    }

    /// All keys, by id.
    package func all() -> [AccessKey] {
        snapshot.withLock { Array($0.values) }.sorted { $0.id < $1.id }
    }

    /// Adds a key; durable when this returns.
    package func add(_ key: AccessKey) async throws {
        if let fault = AccessKey.fault(ofID: key.id) ?? AccessKey.fault(ofSecret: key.secret) {
            throw AccessError.invalid(fault)
        }
        guard snapshot.withLock({ $0.count }) < Self.countMax else {
            throw AccessError.invalid("there are \(Self.countMax) access keys already, the most that a mesh holds")
        }
        switch try await set(key.id, to: key, expected: nil) {
        case .done: publish(key.id)
        default: throw AccessError.keyExists(key.id)
        }
    }

    /// Changes a key by compare-and-set: `change` may run more than once. Durable when this returns the new key.
    @discardableResult
    package func update(_ id: String, _ change: (inout AccessKey) throws -> Void) async throws -> AccessKey {
        var known = store.register(Self.prefix + id)
        for _ in 0..<Self.attemptsMax {
            guard let current = known, var key = AccessKey(encoded: current) else { throw AccessError.noSuchKey(id) }
            try change(&key)
            guard key.grants.count <= AccessKey.grantsMax else {
                throw AccessError.invalid("a key has at most \(AccessKey.grantsMax) grants")
            }
            switch try await set(id, to: key, expected: current) {
            case .done:
                publish(id)
                return key
            // This node's copy may be behind: what those who decide have is newer.
            case .registerChanged(let newer): known = newer
            default: known = store.register(Self.prefix + id)
            }
        }
        throw AccessError.busy(id)
    }

    /// Adds `grant` to what the key may do with `bucket`.
    @discardableResult
    package func grant(_ grant: Grant, on bucket: BucketID, to id: String) async throws -> AccessKey {
        let known = Set(store.buckets().map(\.id)).union([bucket])
        return try await update(id) { key in
            // Buckets that are gone never come back under the same identity: their grants only take space.
            key.grants = key.grants.filter { known.contains($0.key) }
            key.grants[bucket, default: []].formUnion(grant)
        }
    }

    /// Takes `grant` away from what the key may do with `bucket`. Taking `owner` leaves nothing.
    @discardableResult
    package func revoke(_ grant: Grant, on bucket: BucketID, from id: String) async throws -> AccessKey {
        try await update(id) { key in
            let left = (key.grants[bucket] ?? []).subtracting(grant)
            key.grants[bucket] = left.isEmpty ? nil : left
        }
    }

    /// Removes a key for good.
    package func delete(_ id: String) async throws {
        var known = store.register(Self.prefix + id)
        for _ in 0..<Self.attemptsMax {
            guard let current = known else { throw AccessError.noSuchKey(id) }
            switch try await set(id, to: nil, expected: current) {
            case .done:
                publish(id)
                return
            case .registerChanged(let newer): known = newer
            default: known = store.register(Self.prefix + id)
            }
        }
        throw AccessError.busy(id)
    }

    /// Reads all registers again: called when they changed by another road than this object.
    package func reload() {
        let (keys, _) = Self.load(from: store)
        snapshot.withLock { $0 = keys }
    }

    /// Small state changed under these names, by whatever road: keys among them are read again.
    package func heed(_ changed: [Key]) {
        for name in changed.map(\.text) where name.hasPrefix(Self.prefix) {
            publish(String(name.dropFirst(Self.prefix.count)))
        }
    }

    private func set(_ id: String, to key: AccessKey?, expected: [UInt8]?) async throws -> Outcome {
        try await coordinator.commit(
            .setRegister(name: Self.prefix + id, value: key?.encoded, expected: expected, always: false)
        )
    }

    /// Shows a change to readers. The register is read again, so that of two changes that race the later one stays.
    private func publish(_ id: String) {
        snapshot.withLock { keys in
            keys[id] = store.register(Self.prefix + id).flatMap { AccessKey(encoded: $0) }
        }
    }

    private static func load(from store: ObjectStore) -> (keys: [String: AccessKey], rejected: [String]) {
        var keys: [String: AccessKey] = [:]
        var rejected: [String] = []
        for (name, value) in store.registers(prefix: prefix) {
            let id = String(name.dropFirst(prefix.count))
            if let key = AccessKey(encoded: value), key.id == id {
                keys[id] = key
            } else {
                rejected.append(id)
            }
        }
        return (keys, rejected)
    }
}
