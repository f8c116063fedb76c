package import Store
internal import Synchronization

/// Why a change of rules was refused.
package enum ReplicationError: Error, Sendable, Equatable {
    case noSuchRule(String)
    /// A whole sentence.
    case invalid(String)
    /// Too many changed the same rule at once.
    case busy
}

/// All rules of the mesh: durable in registers, and a snapshot in memory.
package final class ReplicationRules: Sendable {
    private static let attemptsMax = 16
    private static let prefix = "replication/"

    private let store: ObjectStore
    private let coordinator: Coordinator
    private let snapshot: Mutex<[UInt64: ReplicationRule]>

    /// Loads every rule. Registers that hold none, or one of a newer build, are left out: such a rule does nothing here.
    package init(store: ObjectStore, coordinator: Coordinator) {
        self.store = store
        self.coordinator = coordinator
        var known: [UInt64: ReplicationRule] = [:]
        for (name, value) in store.registers(prefix: Self.prefix) {
            guard let rule = ReplicationRule(encoded: value), Self.register(rule.id) == name else { continue }
            known[rule.id] = rule
        }
        snapshot = Mutex(known)
    }

    /// All of them, the oldest first.
    package func all() -> [ReplicationRule] {
        snapshot.withLock { Array($0.values) }.sorted { ($0.createdMillis, $0.id) < ($1.createdMillis, $1.id) }
    }

    /// The rule with this id; nil if there is none. Costs a short lock and no I/O.
    package func rule(_ id: UInt64) -> ReplicationRule? { snapshot.withLock { $0[id] } }

    /// Adds a rule; durable when this returns.
    package func add(_ rule: ReplicationRule) async throws {
        if let fault = rule.fault { throw ReplicationError.invalid(fault) }
        let known = all()
        guard known.count < ReplicationRule.countMax else {
            throw ReplicationError.invalid(
                "there are \(ReplicationRule.countMax) rules already, the most that a mesh has"
            )
        }
        let siblings = known.filter { $0.bucket == rule.bucket }
        guard siblings.count < ReplicationRule.perBucketMax else {
            throw ReplicationError.invalid("a bucket has at most \(ReplicationRule.perBucketMax) rules")
        }
        let isTwice = siblings.contains {
            $0.target.endpoint == rule.target.endpoint && $0.target.bucket == rule.target.bucket
                && $0.target.prefix == rule.target.prefix && $0.prefix == rule.prefix
        }
        guard !isTwice else { throw ReplicationError.invalid("there is a rule from there to there already") }
        switch try await set(rule.id, to: rule.encoded, expected: nil) {
        case .done: publish(rule.id)
        default: throw ReplicationError.busy
        }
    }

    /// Changes a rule by compare-and-set: `change` may run more than once.
    @discardableResult
    package func update(
        _ id: UInt64,
        _ change: @Sendable (inout ReplicationRule) throws -> Void
    ) async throws -> ReplicationRule {
        var known = store.register(Self.register(id))
        for _ in 0..<Self.attemptsMax {
            guard let current = known, var rule = ReplicationRule(encoded: current) else {
                throw ReplicationError.noSuchRule(ReplicationRule.name(id))
            }
            try change(&rule)
            if let fault = rule.fault { throw ReplicationError.invalid(fault) }
            switch try await set(id, to: rule.encoded, expected: current) {
            case .done:
                publish(id)
                return rule
            case .registerChanged(let newer): known = newer
            default: known = store.register(Self.register(id))
            }
        }
        throw ReplicationError.busy
    }

    /// Removes a rule for good; durable when this returns.
    package func delete(_ id: UInt64) async throws {
        var known = store.register(Self.register(id))
        for _ in 0..<Self.attemptsMax {
            guard let current = known else { throw ReplicationError.noSuchRule(ReplicationRule.name(id)) }
            switch try await set(id, to: nil, expected: current) {
            case .done:
                publish(id)
                return
            case .registerChanged(let newer): known = newer
            default: known = store.register(Self.register(id))
            }
        }
        throw ReplicationError.busy
    }

    /// Small state changed under these names, by whatever road: rules among them are read again.
    package func heed(_ changed: [Key]) {
        for name in changed.map(\.text) where name.hasPrefix(Self.prefix) {
            if let id = ReplicationRule.id(named: String(name.dropFirst(Self.prefix.count))) { publish(id) }
        }
    }

    private static func register(_ id: UInt64) -> String { prefix + ReplicationRule.name(id) }

    private func set(_ id: UInt64, to value: [UInt8]?, expected: [UInt8]?) async throws -> Outcome {
        try await coordinator.commit(
            .setRegister(name: Self.register(id), value: value, expected: expected, always: false)
        )
    }

    /// The register is read again, so that of two changes that race the later one stays.
    private func publish(_ id: UInt64) {
        snapshot.withLock { rules in
            let rule = store.register(Self.register(id)).flatMap { ReplicationRule(encoded: $0) }
            rules[id] = rule?.id == id ? rule : nil
        }
    }
}
