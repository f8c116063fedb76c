import Mesh
import Swim
import Synchronization

/// Fixed identities, secrets and a mesh of them, so that a failure can be repeated from its seed.
enum Sample {
    static func bytes(_ label: String, _ count: Int = 32) -> [UInt8] {
        Array(Blake2b.hash(Array(label.utf8), bytes: 64).prefix(count))
    }

    static func node(_ index: Int) -> NodeIdentity { NodeIdentity(seed: bytes("node \(index)"))! }

    static let admin = AdminKey(seed: bytes("admin"))!
    static let otherAdmin = AdminKey(seed: bytes("other admin"))!

    static func secret(_ epoch: UInt32) -> Secret { Secret(bytes: bytes("epoch \(epoch)")) }

    /// Holds the epochs from 1 on, and seals with the last of them.
    static func keyring(epochs: UInt32 = 1, admin: AdminKey = admin) -> Keyring {
        var ring = Keyring(adminPublicKey: admin.publicKey, epoch: 1, secret: secret(1), at: 0)!
        if epochs > 1 {
            for epoch in 2...epochs { _ = ring.add(epoch: epoch, secret: secret(epoch), at: 0) }
            ring.send(with: epochs, at: 0)
        }
        return ring
    }

    static let addresses = [
        SeedAddress(parsing: "mesh.example.org:7946")!, SeedAddress(parsing: "10.0.0.1:7946")!,
        SeedAddress(parsing: "[fd00::1]:7946")!,
    ]

    static func token(
        epoch: UInt32 = 1,
        expiresAt: Int64 = 1_000,
        admin: AdminKey = admin,
        seed: String = "token"
    ) throws -> JoinToken {
        try JoinToken.make(
            adminKey: admin,
            addresses: addresses,
            zone: "attic",
            expiresAt: expiresAt,
            epoch: epoch,
            secret: secret(epoch),
            tokenSeed: Secret(bytes: bytes(seed))
        )
    }

    /// A generator that gives the same bytes in the same order in each run.
    static func random(_ label: String) -> @Sendable (Int) -> [UInt8] {
        let calls = Calls()
        return { count in bytes("\(label) \(calls.next())", count) }
    }

    private final class Calls: Sendable {
        private let count = Mutex(0)
        func next() -> Int {
            count.withLock {
                $0 += 1
                return $0
            }
        }
    }
}

/// Two sealers that know each other, and what passes between them.
struct SealedPair {
    var a: DatagramSealer
    var b: DatagramSealer
    let aID = Sample.node(1).id
    let bID = Sample.node(2).id

    init(bootA: UInt64 = 1 << 32, bootB: UInt64 = 1 << 32, epochs: UInt32 = 1) {
        let ring = Sample.keyring(epochs: epochs)
        a = DatagramSealer(identity: Sample.node(1), keyring: ring, boot: bootA, random: Sample.random("a"))
        b = DatagramSealer(identity: Sample.node(2), keyring: ring, boot: bootB, random: Sample.random("b"))
        a.learn(bID, key: Sample.node(2).key)
        b.learn(aID, key: Sample.node(1).key)
    }

    /// Proves the boots of both to each other.
    mutating func meet(now: Int64 = 0) {
        let hello = a.seal([UInt8](repeating: 7, count: 64), to: bID)!
        let question = b.open(hello, now: now).reply!
        let answer = a.open(question, now: now).reply!
        let delivery = b.open(answer, now: now)
        _ = a.open(delivery.reply!, now: now)
    }
}

extension Opened {
    var delivery: Delivery? { if case .accepted(let delivery) = self { delivery } else { nil } }
    var refusal: Refusal? { if case .refused(let refusal) = self { refusal } else { nil } }
    var body: [UInt8]? { delivery?.body }
    var reply: [UInt8]? { delivery?.reply }
    var echo: Delivery.Echo? { delivery?.echo }
}
