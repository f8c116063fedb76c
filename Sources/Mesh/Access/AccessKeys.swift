package import Store

/// Why a change of access keys was refused.
package enum AccessError: Error, Sendable, Equatable {
    case noSuchKey(String)
    case keyExists(String)
    /// A whole sentence about the value that is wrong.
    case invalid(String)
    /// Too many writers changed the same key at once.
    case busy(String)

    init(_ error: RegisterError) {
        self =
            switch error {
            case .missing(let id): .noSuchKey(id)
            case .exists(let id): .keyExists(id)
            case .busy(let id): .busy(id)
            }
    }
}

/// All access keys of the mesh.
package final class AccessKeys: Sendable {
    /// Keys in all: with grants they stay within the memory that a node can spare for small state.
    package static let countMax = 10_000

    private let store: ObjectStore
    private let table: RegisterTable<AccessKey>

    /// Changes go through the coordinator; without one the store stands alone.
    package init(store: ObjectStore, coordinator: Coordinator? = nil) {
        self.store = store
        table = RegisterTable(store: store, coordinator: coordinator ?? Coordinator(store: store))
    }

    /// Ids whose register cannot be read: of a newer version, or damaged. They open nothing.
    package var rejected: [String] { table.unreadable.sorted() }

    /// The key with this id; nil if there is none. Costs a short lock and no I/O: fit for an event loop.
    package func lookup(_ id: String) -> AccessKey? { table.lookup(id) }

    /// All keys, by id.
    package func all() -> [AccessKey] { table.all().sorted { $0.id < $1.id } }

    /// Adds a key; durable when this returns.
    package func add(_ key: AccessKey) async throws {
        if let fault = key.fault { throw AccessError.invalid(fault) }
        guard table.count < Self.countMax else {
            throw AccessError.invalid("there are \(Self.countMax) access keys already, the most that a mesh holds")
        }
        do { try await table.add(key) } catch let error as RegisterError { throw AccessError(error) }
    }

    /// Changes a key by compare-and-set: `change` may run more than once. Durable when this returns the new key.
    @discardableResult
    package func update(_ id: String, _ change: (inout AccessKey) throws -> Void) async throws -> AccessKey {
        do {
            return try await table.update(id) { key in
                try change(&key)
                if let fault = key.fault { throw AccessError.invalid(fault) }
                guard key.grants.count <= AccessKey.grantsMax else {
                    throw AccessError.invalid("a key has at most \(AccessKey.grantsMax) grants")
                }
            }
        } catch let error as RegisterError { throw AccessError(error) }
    }

    /// Adds `grant` to what the key may do with `bucket`.
    /// - Parameter check: throws when it is not this caller's to change; it may run more than once.
    @discardableResult
    package func grant(
        _ grant: Grant,
        on bucket: Bucket,
        to id: String,
        _ check: (AccessKey) throws -> Void = { _ in }
    ) async throws -> AccessKey {
        let known = Set(store.buckets().map(\.id)).union([bucket.id])
        return try await update(id) { key in
            try check(key)
            guard key.belongs(with: bucket) else {
                throw AccessError.invalid("the bucket \(bucket.name) and the key \(id) are not of one tenant")
            }
            // Buckets that are gone never come back under the same identity: their grants only take space.
            key.grants = key.grants.filter { known.contains($0.key) }
            key.grants[bucket.id, default: []].formUnion(grant)
        }
    }

    /// Takes `grant` away from what the key may do with `bucket`. Taking `owner` leaves nothing.
    /// - Parameter check: as with `grant`.
    @discardableResult
    package func revoke(
        _ grant: Grant,
        on bucket: BucketID,
        from id: String,
        _ check: (AccessKey) throws -> Void = { _ in }
    ) async throws -> AccessKey {
        try await update(id) { key in
            try check(key)
            let left = (key.grants[bucket] ?? []).subtracting(grant)
            key.grants[bucket] = left.isEmpty ? nil : left
        }
    }

    /// Removes a key for good, also one that cannot be read.
    /// - Parameter check: throws when it is not this caller's to remove; it may run more than once.
    package func delete(_ id: String, _ check: (AccessKey?) throws -> Void = { _ in }) async throws {
        do { try await table.delete(id, check) } catch let error as RegisterError { throw AccessError(error) }
    }

    /// Small state changed under these names, by whatever road: keys among them are read again.
    package func heed(_ changed: [Key]) { table.heed(changed) }
}
