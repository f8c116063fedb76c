internal import Swim

/// What the sealer knows of one peer: its keys, how far we counted, and which of its lives was proved.
struct SealedPeer: Sendable {
    /// A life of the peer that answered a question of ours, and what was heard in it.
    struct Life: Sendable {
        let boot: UInt64
        var window: ReplayWindow
    }

    /// A body that waits until its boot is proved.
    struct Held: Sendable {
        let boot: UInt64
        let body: [UInt8]
        let at: Int64
    }

    /// The question that is open.
    struct Question: Sendable {
        let nonce: [UInt8]
        var askedAt: Int64
        var held: Held?
    }

    /// Packets that one life of an entry can seal; the bits above count entries, so that a peer that was forgotten and
    /// learned again never meets a counter twice.
    static let counterBits: UInt64 = 40

    let id: NodeID
    let publicKey: [UInt8]
    private var counter: UInt64
    private var shared: Secret?
    /// The public key leaves no secret; asked once, because the answer costs as much as an exchange.
    private var isBarren = false
    private var keys: [(epoch: UInt32, key: [UInt8])] = []
    private(set) var life: Life?
    var question: Question?

    /// `serial` must be another one for each entry of a boot, below 2^24.
    init(id: NodeID, publicKey: [UInt8], serial: UInt64) {
        self.id = id
        self.publicKey = publicKey
        counter = serial << Self.counterBits
    }

    // MARK: Keys

    /// K for this pair and epoch; nil for a public key with which no secret can be had.
    mutating func key(_ epoch: UInt32, ring: Keyring, identity: NodeIdentity) -> [UInt8]? {
        if let cached = keys.first(where: { $0.epoch == epoch }) { return cached.key }
        if shared == nil, !isBarren {
            shared = identity.shared(with: publicKey)
            isBarren = shared == nil
        }
        guard let shared, let secret = ring.secret(epoch) else { return nil }
        let isFirst = identity.publicKey.lexicographicallyPrecedes(publicKey)
        let input =
            shared.revealedBytes + (isFirst ? identity.publicKey : publicKey)
            + (isFirst ? publicKey : identity.publicKey) + Array("meshd-swim-1".utf8)
        let key = Blake2b.hash(input, bytes: XChaCha.keyBytes, key: secret.revealedBytes)
        keys.append((epoch, key))
        return key
    }

    mutating func dropKeys(except epochs: [UInt32]) {
        keys.removeAll { !epochs.contains($0.epoch) }
    }

    /// The next counter to seal with; nil when this entry has used all of its own.
    mutating func count() -> UInt64? {
        let last: UInt64 = 1 << Self.counterBits - 1
        guard counter & last != last else { return nil }
        counter += 1
        return counter
    }

    // MARK: Lives

    /// Refuses what can be refused without a key.
    func glance(boot: UInt64, counter: UInt64) throws(Refusal) {
        guard let life, boot <= life.boot else { return }
        if boot < life.boot { throw .staleBoot }
        if !life.window.accepts(counter) { throw .replayed }
    }

    func isProved(_ boot: UInt64) -> Bool { life?.boot == boot }

    /// Marks a genuine datagram of the proved life.
    mutating func mark(boot: UInt64, counter: UInt64) {
        guard life?.boot == boot else { return }
        _ = life?.window.accept(counter)
    }

    /// The peer answered in this boot: it is the one that lives, and nothing before the answer will be heard again.
    mutating func prove(boot: UInt64, counter: UInt64) {
        guard life?.boot != boot else { return }
        life = Life(boot: boot, window: ReplayWindow(startingAt: counter))
    }
}
