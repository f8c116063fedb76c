internal import NIOCore
internal import Store
internal import struct Store.Record

/// Brings a target into the state that a key has here.
struct ReplicationPush: Sendable {
    enum Result: Sendable {
        case sent(bytes: UInt64)
        case deleted
        /// The target is in that state already, or the rule does not want it there.
        case nothing
    }

    /// A row older than this may have been sent before: a look is cheaper than the bytes.
    private static let freshMillis: UInt64 = 60_000
    private static let turnsMax = 4

    let rule: ReplicationRule
    let coordinator: Coordinator
    let target: any ReplicationTarget
    /// What the bucket is called among all, and what the target is.
    let ownPlace: String
    let targetPlace: String?
    /// Of a node that is alone; nil: there are others.
    let soleStore: UInt64?

    /// What counts is how the key is when this returns: it is looked at again behind each sending, because somebody else
    /// may have sent something newer in between.
    func bring(_ entry: OutboxEntry) async throws(ReplicationFailure) -> Result {
        var best = Result.nothing
        for _ in 0..<Self.turnsMax {
            let seen = try await current(entry.key, body: true)
            let result: Result
            do throws(ReplicationFailure) {
                if let seen {
                    result = try await send(seen, entry)
                } else {
                    result = try await delete(entry)
                }
            } catch {
                guard error == .superseded else { throw error }
                return best
            }
            if case .nothing = result { return best }
            best = result
            let now = try await current(entry.key, body: false)
            if now?.record.stamp == seen?.record.stamp, now?.record.tags == seen?.record.tags { return best }
        }
        throw .source("it changes faster than it can be sent")
    }

    /// The object of a key; nil: there is none.
    private func current(_ key: Key, body: Bool) async throws(ReplicationFailure) -> Found? {
        do {
            let found = try await coordinator.find(rule.bucket, key, .current, body: body)
            return found?.record.kind == .object ? found : nil
        } catch { throw .source("\(error)") }
    }

    private func name(_ key: Key) -> String { rule.target.prefix + key.text }

    /// Whether something that has been where its origin says is for this target.
    private func mayGo(_ origin: ReplicationOrigin) -> Bool {
        !origin.path.contains { $0 == targetPlace } && origin.path.count < ReplicationOrigin.pathMax
    }

    private func send(_ found: Found, _ entry: OutboxEntry) async throws(ReplicationFailure) -> Result {
        let record = found.record
        guard let attributes = ObjectAttributes(encoded: record.attributes),
            let tags = TagSet(encoded: record.tags)
        else { throw .source("its attributes are of an unknown form") }
        // By nothing but the row: whoever looks at it here, to compare it with what the target has, says the same. What came
        // up again because something newer was removed is as new as that removal.
        let uncoveredMillis = entry.stamp > record.stamp ? entry.changedMillis : 0
        let origin =
            attributes.origin ?? ReplicationOrigin(millis: max(record.changedMillis, uncoveredMillis), path: [])
        guard mayGo(origin) else { return .nothing }
        let body: BodySource?
        do {
            body = found.inlineBody == nil && record.size > 0 ? try await coordinator.openBody(of: record) : nil
        } catch { throw .source("\(error)") }
        let object = OutgoingObject(
            key: name(record.key),
            size: record.size,
            md5: record.etag.parts == 0 ? record.etag.md5 : nil,
            headers: rule.copiesMetadata ? attributes.described : attributes.describedByType,
            tagging: rule.copiesMetadata && !tags.tags.isEmpty ? tags.header : nil,
            origin: origin.passing(through: ownPlace, at: order(max(record.stamp, entry.stamp), entry))
        ) { [inline = found.inlineBody] offset, limit in
            if let body { return try await body.read(at: offset, limit: limit) }
            let bytes = inline ?? ByteBuffer()
            return bytes.getSlice(at: bytes.readerIndex + Int(offset), length: Int(limit - offset)) ?? ByteBuffer()
        }
        let isOld = entry.stamp.millis + Self.freshMillis < WallClock.unixMillis
        if isOld, let there = try await target.look(object.key), there.equals(object) { return .nothing }
        try await target.put(object)
        return .sent(bytes: record.size)
    }

    /// By the stamp of the newest row that is known of the key, also where that only uncovers an older version. A store
    /// that is alone keeps no such row, but counts its transactions.
    private func order(_ stamp: Stamp, _ entry: OutboxEntry) -> ReplicationOrigin.Order {
        guard let soleStore else { return ReplicationOrigin.Order(scope: rule.bucket.rawValue, stamp: stamp) }
        return ReplicationOrigin.Order(scope: soleStore, stamp: Stamp(t: entry.sequence, w: 0, q: 0))
    }

    private func delete(_ entry: OutboxEntry) async throws(ReplicationFailure) -> Result {
        let origin = entry.deletionOrigin
        guard rule.copiesDeletes, mayGo(origin) else { return .nothing }
        let name = name(entry.key)
        // Two that delete for each other would never end.
        guard try await target.look(name) != nil else { return .nothing }
        try await target.delete(name, origin.passing(through: ownPlace, at: order(entry.stamp, entry)))
        return .deleted
    }
}

extension OutboxEntry {
    /// Where the deletion of the key comes from, if it was deleted.
    fileprivate var deletionOrigin: ReplicationOrigin {
        ObjectAttributes(encoded: deletion)?.origin ?? ReplicationOrigin(millis: changedMillis, path: [])
    }
}

extension ObjectAttributes {
    /// All headers that describe the object.
    var described: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        forEachHeader { headers.append((name: $0, value: $1)) }
        return headers
    }

    /// The one without which its bytes mean something else.
    var describedByType: [(name: String, value: String)] {
        described.filter { $0.name == "content-type" || $0.name == "content-encoding" }
    }
}
