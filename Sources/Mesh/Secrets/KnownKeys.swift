internal import Swim

/// Public keys by name, and the secrets shared with them, in two generations: when the young one is full it becomes the
/// old one, and what is asked for moves back to the young. So memory is bounded, and what is in use stays.
struct KnownKeys: Sendable {
    private struct Known: Sendable {
        let key: PublicKey
        var shared: Secret?
    }

    private let limit: Int
    private var young: [NodeID: Known] = [:]
    private var old: [NodeID: Known] = [:]
    /// Names of keys, to spare the hash for a key that was seen; bounded with the generations.
    private var names: [PublicKey: NodeID] = [:]

    init(limit: Int) { self.limit = limit }

    var count: Int { young.count + old.count }

    mutating func learn(_ key: PublicKey, name: (PublicKey) -> NodeID) {
        let id = names[key] ?? name(key)
        guard find(id) == nil else { return }
        put(id, Known(key: key))
    }

    mutating func key(of id: NodeID) -> PublicKey? { find(id)?.key }

    /// nil for a name that is not known or whose key leaves no secret.
    mutating func shared(with id: NodeID, identity: NodeIdentity) -> Secret? {
        guard let known = find(id) else { return nil }
        if let shared = known.shared { return shared }
        guard let shared = identity.shared(with: known.key.bytes) else { return nil }
        young[id]?.shared = shared
        return shared
    }

    private mutating func find(_ id: NodeID) -> Known? {
        if let known = young[id] { return known }
        guard let known = old.removeValue(forKey: id) else { return nil }
        put(id, known)
        return known
    }

    private mutating func put(_ id: NodeID, _ known: Known) {
        if young.count >= limit {
            for known in old.values { names[known.key] = nil }
            old = young
            young = [:]
        }
        young[id] = known
        names[known.key] = id
    }
}
