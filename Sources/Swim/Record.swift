/// Microseconds: a point on the driver's monotonic clock, or a span between two. The machine has no other time.
package typealias Micros = Int64

/// The version of what a node says of itself: which life, and how often it spoke up in it.
///
/// The generation is kept on the node's disk and grows with each start; the incarnation grows when the node refutes,
/// moves, describes itself anew or leaves. Only the node can raise either, because only it can sign.
package struct Version: Hashable, Comparable, Sendable {
    /// No clock and no count of starts comes near it, and what is above can still be counted.
    package static let generationMax: UInt64 = 1 << 62

    package var generation: UInt64
    package var incarnation: UInt32

    package init(generation: UInt64, incarnation: UInt32) {
        self.generation = generation
        self.incarnation = incarnation
    }

    package static func < (a: Version, b: Version) -> Bool {
        a.generation != b.generation ? a.generation < b.generation : a.incarnation < b.incarnation
    }
}

/// A node's Ed25519 public key, 32 bytes in four words.
package struct PublicKey: Hashable, Sendable {
    package var words: (UInt64, UInt64, UInt64, UInt64)

    package init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) { words = (a, b, c, d) }

    package static func == (a: PublicKey, b: PublicKey) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

/// An Ed25519 signature, 64 bytes in eight words.
package struct Signature: Equatable, Sendable {
    package var low: (UInt64, UInt64, UInt64, UInt64)
    package var high: (UInt64, UInt64, UInt64, UInt64)

    package init(low: (UInt64, UInt64, UInt64, UInt64), high: (UInt64, UInt64, UInt64, UInt64)) {
        self.low = low
        self.high = high
    }

    package static let none = Signature(low: (0, 0, 0, 0), high: (0, 0, 0, 0))

    package static func == (a: Signature, b: Signature) -> Bool { a.low == b.low && a.high == b.high }
}

/// What a node says of itself, signed by itself: the only source of its address, its version and its leaving.
package struct Record: Equatable, Sendable {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The node leaves on purpose; this record is its last word in this life.
        package static let leaving = Flags(rawValue: 1)
        /// The incarnation was raised to answer an accusation, which is what damping counts.
        package static let refuting = Flags(rawValue: 2)
    }

    package var id: NodeID
    package var key: PublicKey
    package var version: Version
    package var flags: Flags
    package var endpoint: Endpoint
    /// An opaque number for the failure domain; relays are picked across zones and one zone cannot convict alone.
    package var zone: UInt64
    /// How often the node described itself in all its lives, and a hash of the newest description. The text itself
    /// travels by stream, on demand.
    package var metaVersion: UInt32
    package var metaHash: UInt64
    /// The oldest and the newest protocol that the node speaks.
    package var protocolMin: UInt8
    package var protocolMax: UInt8
    package var signature: Signature

    package init(id: NodeID, key: PublicKey, version: Version, endpoint: Endpoint, zone: UInt64) {
        self.id = id
        self.key = key
        self.version = version
        flags = []
        self.endpoint = endpoint
        self.zone = zone
        metaVersion = 0
        metaHash = 0
        protocolMin = 1
        protocolMax = 1
        signature = .none
    }

    package var isLeaving: Bool { flags.contains(.leaving) }
}
