/// The epoch secrets that a node holds: which it sends with, which it still understands, and whom it lets in with
/// which.
///
/// A value without a clock; only the driver changes it, and times are Unix seconds. Epochs are few, so a sorted array
/// is all the index that is needed.
package struct Keyring: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    package static let secretBytes = 32
    /// Epochs held at once. Rotations are rare; more than these within a day means that the oldest go early.
    package static let epochsMax = 8
    /// How long an epoch is understood after a newer one took over.
    package static let retiredSecondsMax: Int64 = 24 * 3600

    /// What became of a secret that was offered.
    package enum Addition: Sendable, Equatable {
        case added, known
        /// Another secret is held for that epoch, and stays.
        case conflicting
        /// Not a secret, or an epoch that has been and gone.
        case refused
    }

    struct Entry: Sendable, Equatable {
        let epoch: UInt32
        let secret: Secret
        let addedAt: Int64
        /// When sending moved on to a newer one.
        var supersededAt: Int64?

        static func == (a: Entry, b: Entry) -> Bool {
            a.epoch == b.epoch && a.addedAt == b.addedAt && a.supersededAt == b.supersededAt
                && a.secret.isEqual(to: b.secret)
        }
    }

    package let adminPublicKey: [UInt8]
    package let meshID: MeshID
    /// The epoch of what this node seals.
    package private(set) var sending: UInt32
    /// The epoch that the last expulsion began: with an older one only those already known get in, because whoever was
    /// expelled holds it and could come back under a new name.
    package private(set) var strangerEpochMin: UInt32
    /// Ascending by epoch, never empty.
    private(set) var entries: [Entry]

    /// The ring of a mesh with one epoch; nil if a key or a secret has a wrong length.
    package init?(adminPublicKey: [UInt8], epoch: UInt32, secret: Secret, at seconds: Int64) {
        let entry = Entry(epoch: epoch, secret: secret, addedAt: seconds)
        self.init(adminPublicKey: adminPublicKey, entries: [entry], sending: epoch, strangerEpochMin: 0)
    }

    init?(adminPublicKey: [UInt8], entries: [Entry], sending: UInt32, strangerEpochMin: UInt32) {
        let isAscending = zip(entries, entries.dropFirst()).allSatisfy { $0.epoch < $1.epoch }
        guard adminPublicKey.count == NodeIdentity.publicKeyBytes, isAscending, entries.count <= Self.epochsMax,
            entries.allSatisfy({ $0.secret.count == Self.secretBytes }),
            entries.contains(where: { $0.epoch == sending })
        else { return nil }
        self.adminPublicKey = adminPublicKey
        self.meshID = MeshID(adminPublicKey: adminPublicKey)
        self.entries = entries
        self.sending = sending
        self.strangerEpochMin = strangerEpochMin
    }

    package var description: String { "mesh \(meshID), epochs \(epochs), sending \(sending)" }

    package var customMirror: Mirror { Mirror(self, children: ["description": description]) }

    // MARK: Questions

    /// The oldest epoch with which a node that nobody here knows gets in, by token or by admission. What was superseded
    /// lets no stranger in: a rotation withdraws the tokens made before it, as an expulsion does at once.
    package var strangerFloor: UInt32 { max(strangerEpochMin, sending) }

    package var newest: UInt32 { entries[entries.count - 1].epoch }

    /// All epochs that are understood, oldest first.
    package var epochs: [UInt32] { entries.map(\.epoch) }

    /// Those that only wait for their end, oldest first.
    package var retired: [UInt32] { entries.filter { $0.supersededAt != nil }.map(\.epoch) }

    /// The secret of an epoch; nil when it is not held.
    package func secret(_ epoch: UInt32) -> Secret? {
        entries.last { $0.epoch == epoch }?.secret
    }

    /// The newest held epoch whose low byte is this one.
    func epoch(lowByte: UInt8) -> UInt32? {
        entries.last { UInt8(truncatingIfNeeded: $0.epoch) == lowByte }?.epoch
    }

    /// When the secret of an epoch came, in Unix seconds; nil when it is not held.
    package func addedAt(_ epoch: UInt32) -> Int64? {
        entries.last { $0.epoch == epoch }?.addedAt
    }

    // MARK: Changes

    /// Takes the secret of an epoch; sending stays where it is until `send(with:at:)`.
    package mutating func add(epoch: UInt32, secret: Secret, at seconds: Int64) -> Addition {
        guard secret.count == Self.secretBytes else { return .refused }
        if let held = self.secret(epoch) { return held.isEqual(to: secret) ? .known : .conflicting }
        guard epoch > entries[0].epoch else { return .refused }
        var entry = Entry(epoch: epoch, secret: secret, addedAt: seconds)
        if epoch < sending { entry.supersededAt = seconds }
        let place = entries.firstIndex { $0.epoch > epoch } ?? entries.count
        entries.insert(entry, at: place)
        if entries.count > Self.epochsMax, let oldest = entries.firstIndex(where: { $0.epoch != sending }) {
            entries.remove(at: oldest)
        }
        return .added
    }

    /// Takes back an addition that came to nothing; never the epoch that is sealed with.
    package mutating func withdraw(_ epoch: UInt32) {
        guard epoch != sending else { return }
        entries.removeAll { $0.epoch == epoch }
    }

    /// Seals with this epoch from now on. False if it is not held or not newer.
    @discardableResult
    package mutating func send(with epoch: UInt32, at seconds: Int64) -> Bool {
        guard epoch > sending, secret(epoch) != nil else { return false }
        sending = epoch
        for index in entries.indices where entries[index].epoch < epoch && entries[index].supersededAt == nil {
            entries[index].supersededAt = seconds
        }
        return true
    }

    /// Drops the epochs whose time is over, and names them.
    @discardableResult
    package mutating func retire(at seconds: Int64) -> [UInt32] {
        let over = entries.filter { entry in
            entry.epoch != sending && entry.supersededAt.map { seconds - $0 >= Self.retiredSecondsMax } ?? false
        }
        entries.removeAll { entry in over.contains { $0.epoch == entry.epoch } }
        return over.map(\.epoch)
    }

    /// From now on, tokens and strangers of epochs before this one are refused: somebody who holds those was expelled.
    package mutating func refuseStrangers(before epoch: UInt32) {
        strangerEpochMin = max(strangerEpochMin, epoch)
    }
}
