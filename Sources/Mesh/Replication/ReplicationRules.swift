package import Store

/// Why a change of rules was refused.
package enum ReplicationError: Error, Sendable, Equatable {
    case noSuchRule(String)
    /// A whole sentence.
    case invalid(String)
    /// Too many changed the same rule at once.
    case busy
}

/// All rules of the mesh. Registers that hold none, or one of a newer build, are left out: such a rule does nothing here.
package final class ReplicationRules: Sendable {
    private let table: RegisterTable<ReplicationRule>

    package init(store: ObjectStore, coordinator: Coordinator) {
        table = RegisterTable(store: store, coordinator: coordinator)
    }

    /// All of them, the oldest first.
    package func all() -> [ReplicationRule] {
        table.all().sorted { ($0.createdMillis, $0.id) < ($1.createdMillis, $1.id) }
    }

    /// The rule with this id; nil if there is none. Costs a short lock and no I/O.
    package func rule(_ id: UInt64) -> ReplicationRule? { table.lookup(ReplicationRule.name(id)) }

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
        try await named { try await table.add(rule) }
    }

    /// Changes a rule by compare-and-set: `change` may run more than once.
    @discardableResult
    package func update(
        _ id: UInt64,
        _ change: @Sendable (inout ReplicationRule) throws -> Void
    ) async throws -> ReplicationRule {
        try await named {
            try await table.update(ReplicationRule.name(id)) { rule in
                try change(&rule)
                if let fault = rule.fault { throw ReplicationError.invalid(fault) }
            }
        }
    }

    /// Removes a rule for good; durable when this returns.
    package func delete(_ id: UInt64) async throws {
        try await named { try await table.delete(ReplicationRule.name(id)) }
    }

    /// Small state changed under these names, by whatever road: rules among them are read again.
    package func heed(_ changed: [Key]) { table.heed(changed) }

    /// A register's errors by the names that they have here.
    private func named<Result>(_ body: () async throws -> Result) async throws -> Result {
        do { return try await body() } catch let error as RegisterError {
            switch error {
            case .missing(let name): throw ReplicationError.noSuchRule(name)
            case .exists, .busy: throw ReplicationError.busy
            }
        }
    }
}
