package import Swim

/// Seals datagrams for one peer each, and opens those that are sealed for us: XChaCha20-Poly1305 under a key that only
/// the pair can compute, from the epoch's secret and both identities.
///
/// No clock is trusted and nothing is kept on disk: what proves that a datagram is new is the boot it comes from and a
/// window of counters. A boot never heard of is asked a question first, and what it sent waits for the answer. Who
/// cannot seal is never answered at all.
///
/// Cost: about a microsecond for a small datagram and two for a full one; a peer's first costs a key exchange, 90 µs.
/// The value has one owner: two copies that both seal would use the same nonces.
package struct DatagramSealer: Sendable, CustomReflectable {
    /// The header and the tag.
    package static let overheadBytes = DatagramHeader.bytes + XChaCha.tagBytes
    /// Ethernet's 1,500 bytes minus IPv6 and UDP.
    package static let datagramBytesMax = 1_452
    static let nonceBytes = 16
    static let peersMax = 65_536
    /// Bodies that wait for a proof, over all peers: at most 1.5 MB.
    static let heldMax = 1_024
    /// How long a body waits at most; the machine has asked again by then.
    static let heldMicrosMax: Int64 = 2_000_000
    /// A question or its answer may be lost, so the next datagram asks it again, but not each of a burst.
    static let askAgainMicros: Int64 = 100_000
    static let probesMax = 64

    /// A question that somebody wants to hear the answer of.
    struct Probe: Sendable {
        let nonce: [UInt8]
        let peer: UInt64
        let askedAt: Int64
    }

    let identity: NodeIdentity
    private(set) var keyring: Keyring
    private var boot: UInt64
    private var serial: UInt64 = 0
    var peers: [UInt64: SealedPeer] = [:]
    var heldCount = 0
    var sweptAt = Int64.min
    var probes: [Probe] = []
    package internal(set) var counters = SealCounters()
    private let random: @Sendable (Int) -> [UInt8]

    /// `boot` must never repeat and must grow from start to start: the low half of the persisted generation in the high
    /// half, and random bits, because a restored disk may repeat a generation.
    package init(
        identity: NodeIdentity,
        keyring: Keyring,
        boot: UInt64,
        random: @escaping @Sendable (Int) -> [UInt8] = { SecureRandom.bytes($0) }
    ) {
        self.identity = identity
        self.keyring = keyring
        self.boot = boot
        self.random = random
    }

    /// The boot number of a life with this generation.
    package static func boot(generation: UInt64) -> UInt64 {
        // The upper half of the room stays free for `raiseBoot`.
        generation << 32 | SecureRandom.word() >> 33
    }

    package var customMirror: Mirror {
        Mirror(self, children: ["identity": identity.id.description, "peers": peers.count])
    }

    // MARK: Peers and keys

    /// Makes a peer's datagrams understood. False for a key that is not this node's, for our own, for a handle that
    /// another peer has already, and when there are too many.
    @discardableResult
    package mutating func learn(_ peer: NodeID, key: PublicKey) -> Bool {
        let known = peers[peer.handle]
        if known?.id == peer { return true }
        let publicKey = key.bytes
        guard known == nil, peers.count < Self.peersMax, peer.handle != identity.id.handle,
            NodeIdentity.name(of: publicKey) == peer, serial < 1 << 24
        else { return false }
        peers[peer.handle] = SealedPeer(id: peer, publicKey: publicKey, serial: serial)
        serial += 1
        return true
    }

    /// Whether the peer was learned.
    package func knows(_ peer: NodeID) -> Bool { peers[peer.handle]?.id == peer }

    /// From now on the peer is a stranger, as it must be when it was expelled.
    package mutating func forget(_ peer: NodeID) {
        guard knows(peer), let gone = peers.removeValue(forKey: peer.handle) else { return }
        if gone.question?.held != nil { heldCount -= 1 }
        probes.removeAll { $0.peer == peer.handle }
    }

    /// The epochs changed: a newer one to seal with, or an old one that is over.
    package mutating func update(_ keyring: Keyring) {
        self.keyring = keyring
        let epochs = keyring.epochs
        for handle in Array(peers.keys) { peers[handle]?.dropKeys(except: epochs) }
    }

    /// This node begins a new life without a new process: its generation was raised, because a lost one was in use.
    package mutating func restart(boot: UInt64) { self.boot = boot }

    /// A copy of this process may seal as well: goes on with a higher boot, chosen at random, so that no nonce is used
    /// twice. A step takes at most a 256th of the room that this generation has left, so that there is always more.
    package mutating func raiseBoot() {
        let room = UInt64(UInt32.max) - (boot & UInt64(UInt32.max))
        let step = 1 + SecureRandom.word() % max(1, room >> 8)
        boot += min(step, room)
    }

    // MARK: Sealing

    /// The datagram that carries `body` to `peer`; nil if the peer was not learned or the body is too long.
    package mutating func seal(_ body: [UInt8], to peer: NodeID) -> [UInt8]? {
        guard knows(peer), let datagram = seal(.body, body, to: peer.handle) else {
            counters.unsealable += 1
            return nil
        }
        counters.sealed += 1
        return datagram
    }

    mutating func seal(_ kind: DatagramHeader.Kind, _ body: [UInt8], to handle: UInt64) -> [UInt8]? {
        let epoch = keyring.sending
        guard body.count <= Self.datagramBytesMax - Self.overheadBytes,
            let key = peers[handle]?.key(epoch, ring: keyring, identity: identity), let counter = peers[handle]?.count()
        else { return nil }
        let header = DatagramHeader(
            kind: kind,
            epoch: UInt8(truncatingIfNeeded: epoch),
            tag: keyring.meshID.tag,
            sender: identity.id.handle,
            boot: boot,
            counter: counter
        ).encoded
        return XChaCha.seal(
            body,
            after: header,
            key: key,
            nonce: header[DatagramHeader.boundBytes...],
            bound: DatagramHeader.bound(header, receiver: handle)
        )
    }

    // MARK: Questions

    /// A question to a peer, padded to `padTo` bytes on the wire. `open` reports the answer, which is as long, as an
    /// echo with the same nonce. nil if the peer was not learned.
    package mutating func challenge(_ peer: NodeID, padTo: Int, now: Int64) -> (datagram: [UInt8], nonce: [UInt8])? {
        let nonce = random(Self.nonceBytes)
        guard knows(peer), let datagram = ask(nonce, peer.handle, bytes: padTo) else { return nil }
        if probes.count == Self.probesMax { probes.removeFirst() }
        probes.append(Probe(nonce: nonce, peer: peer.handle, askedAt: now))
        return (datagram, nonce)
    }

    /// A question of `bytes` bytes on the wire, or of as few as it takes.
    mutating func ask(_ nonce: [UInt8], _ handle: UInt64, bytes: Int) -> [UInt8]? {
        let room = min(bytes, Self.datagramBytesMax) - Self.overheadBytes
        let padding = [UInt8](repeating: 0, count: max(0, room - Self.nonceBytes))
        guard let datagram = seal(.question, nonce + padding, to: handle) else { return nil }
        counters.challenged += 1
        return datagram
    }

    func freshNonce() -> [UInt8] { random(Self.nonceBytes) }
}
