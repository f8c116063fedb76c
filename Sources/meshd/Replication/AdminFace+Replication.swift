import Hummingbird
import Logging
import Mesh
import Store
import Swim

/// Rules that send the objects of buckets to other places.
extension AdminFace {
    func addReplication(to api: RouterGroup<AdminContext>) {
        let rules = api.group("replication")
        rules.get { _, _ in try Self.yes(RulesAnswer(rules: await answers(to: node.rules.all()))) }
        rules.post { request, context in
            try await addRule(Self.body(NewRule.self, of: request), context)
        }
        rules.get(":rule") { _, context in try await answer(to: rule(of: context)) }
        rules.patch(":rule") { request, context in
            let change = try await Self.body(RuleChange.self, of: request)
            let id = try ownRule(of: context).id
            return try await answer(to: node.rules.update(id) { try change.apply(to: &$0) })
        }
        rules.delete(":rule") { _, context in
            try await node.rules.delete(ownRule(of: context).id)
            return try Self.yes(Nothing())
        }
        rules.post(":rule/retry") { _, context in
            let rule = try ownRule(of: context)
            _ = await node.ask(.retryReplication(rule.id), of: await present())
            return try await answer(to: rule)
        }
        rules.post(":rule/resync") { _, context in
            let id = try ownRule(of: context).id
            return try await answer(to: node.rules.update(id) { $0.round &+= 1 })
        }
    }

    private func rule(of context: AdminContext) throws -> ReplicationRule {
        let name = try context.parameters.require("rule")
        guard let rule = ReplicationRule.id(named: name).flatMap({ node.rules.rule($0) }) else {
            throw ReplicationError.noSuchRule(String(name.prefix(64)))
        }
        return rule
    }

    /// The same for who may change it: it can send away all that is in the bucket.
    private func ownRule(of context: AdminContext) throws -> ReplicationRule {
        let rule = try rule(of: context)
        // Of a bucket that is gone nothing can be sent any more.
        if let bucket = node.store.bucket(rule.bucket) { try demand(.owner, on: bucket, of: context) }
        return rule
    }

    private func addRule(_ new: NewRule, _ context: AdminContext) async throws -> Response {
        let bucket = try await bucket(new.bucket, of: context, for: .owner)
        let rule = try new.rule(of: bucket)
        if let fault = rule.fault { throw ReplicationError.invalid(fault) }
        try await look(at: rule, of: bucket, isUnchecked: new.unchecked ?? false)
        try await node.rules.add(rule)
        return try await answer(to: rule, status: .created)
    }

    /// Whether the target is there, lets the key in, and is another bucket.
    private func look(at rule: ReplicationRule, of bucket: Bucket, isUnchecked: Bool) async throws {
        guard let cluster = node.cluster else { throw MeshError.stopped }
        let place: String?
        do throws(ReplicationFailure) {
            place = try await cluster.target(of: rule.target).place()
        } catch {
            if isUnchecked { return }
            throw AdminError(.conflict, "target_refused", error.sentence)
        }
        let own = ReplicationOrigin.place(mesh: try await node.meshPrefix(), bucket: bucket.name)
        guard place != own else {
            throw AdminError(.conflict, "loop", "the target is the bucket \(bucket.name) itself")
        }
    }

    // MARK: Answers

    private func present() async -> [NodeID] {
        (try? await node.mesh().report()).map(ClusterBoard.present) ?? [node.identity.id]
    }

    private func answer(to rule: ReplicationRule, status: HTTPResponse.Status = .ok) async throws -> Response {
        guard let answer = await answers(to: [rule]).first else { throw ReplicationError.noSuchRule(rule.name) }
        return try Self.yes(answer, status: status)
    }

    private func answers(to rules: [ReplicationRule]) async -> [RuleAnswer] {
        guard !rules.isEmpty else { return [] }
        var reports: [String: [(node: String, report: ReplicationReport)]] = [:]
        var unanswered: [String] = []
        let presence = (try? node.mesh())?.presence
        for (id, said) in await node.ask(.replication, of: await present()) {
            let name = presence?[id]?.name ?? (id == node.identity.id ? node.name : "\(id)")
            guard case .rules(let lines) = said else {
                unanswered.append(name)
                continue
            }
            for line in lines { reports[line.rule, default: []].append((name, line)) }
        }
        let now = JSON.nowMillis()
        return rules.map { rule in
            RuleAnswer(
                rule,
                bucket: node.store.bucket(rule.bucket)?.name ?? "",
                copies: node.coordinator.span(of: rule.bucket).now.copies,
                reports: (reports[rule.name] ?? []).sorted { $0.node < $1.node },
                unanswered: unanswered.sorted(),
                nowMillis: now
            )
        }
    }
}

extension NewRule {
    func rule(of bucket: Bucket) throws -> ReplicationRule {
        ReplicationRule(
            id: SecureRandom.word(),
            bucket: bucket.id,
            createdMillis: JSON.nowMillis(),
            target: ReplicationRule.Target(
                endpoint: endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint,
                region: region ?? ReplicationRule.Target.regionDefault,
                bucket: targetBucket ?? BucketName.local(bucket.name),
                prefix: targetPrefix ?? "",
                accessKey: accessKey,
                secret: Secret(secretKey),
                certificate: certificate
            ),
            prefix: prefix ?? "",
            schedule: try ReplicationRule.Schedule(seconds: intervalSeconds ?? 0),
            copiesDeletes: deletes ?? true,
            copiesMetadata: metadata ?? true,
            copiesExisting: existing ?? true
        )
    }
}

extension RuleChange {
    func apply(to rule: inout ReplicationRule) throws {
        guard (accessKey == nil) == (secretKey == nil) else {
            throw ReplicationError.invalid("another key of the target needs both its id and its secret")
        }
        if let intervalSeconds { rule.schedule = try ReplicationRule.Schedule(seconds: intervalSeconds) }
        if let deletes { rule.copiesDeletes = deletes }
        if let metadata { rule.copiesMetadata = metadata }
        if let paused { rule.isPaused = paused }
        if let accessKey { rule.target.accessKey = accessKey }
        if let secretKey { rule.target.secret = Secret(secretKey) }
        // An empty one: the system's authorities again.
        if let certificate { rule.target.certificate = certificate.isEmpty ? nil : certificate }
    }
}

extension ReplicationRule.Schedule {
    init(seconds: Int) throws {
        guard seconds != 0 else {
            self = .continuous
            return
        }
        guard let seconds = UInt32(exactly: seconds) else {
            throw ReplicationError.invalid("an interval is a number of seconds, 0 for a continuous rule")
        }
        self = .interval(seconds)
    }
}
