internal import FoundationEssentials
internal import Swim

/// What a newcomer is given after it proved its token: the secrets in use, the decrees so far, and where the giver is.
struct Welcome: Codable, CustomReflectable {
    struct Epoch: Codable {
        var epoch: UInt32
        var secret: String
    }

    /// A frame has its bound; the older ones come with the first sync.
    private static let decreesMax = 1_024

    var epochs: [Epoch]
    var adminPublicKey: String
    var decrees: [String]
    /// Where the giver can be reached.
    var endpoint: String
    /// Where the giver sees the newcomer.
    var seen: String?

    /// Prints no secret.
    var customMirror: Mirror { Mirror(self, children: ["endpoint": endpoint]) }

    init(state: MeshState, endpoint: Endpoint, seen: Endpoint?) {
        let keys = state.keyring
        epochs = keys.epochs.filter { $0 >= keys.sending }.compactMap { epoch in
            keys.secret(epoch).map { Epoch(epoch: epoch, secret: Hex.encode($0.revealedBytes)) }
        }
        adminPublicKey = Hex.encode(keys.adminPublicKey)
        decrees = state.decrees.suffix(Self.decreesMax).map { Hex.encode($0.encoded) }
        self.endpoint = endpoint.description
        self.seen = seen?.description
    }

    init?(bytes: [UInt8]) {
        guard let value = try? JSONDecoder().decode(Welcome.self, from: Data(bytes)) else { return nil }
        self = value
    }

    var bytes: [UInt8] {
        guard let data = try? JSONEncoder().encode(self) else { preconditionFailure("texts and numbers always encode") }
        return Array(data)
    }

    /// The newcomer's state; nil when what came is not of the mesh whose token it holds.
    func state(adminPublicKey expected: [UInt8], admission: [UInt8], unixSeconds: Int64) -> MeshState? {
        guard Hex.decode(adminPublicKey.utf8) == expected, let first = epochs.first,
            let secret = Hex.decode(first.secret.utf8),
            var keyring = Keyring(
                adminPublicKey: expected,
                epoch: first.epoch,
                secret: Secret(bytes: secret),
                at: unixSeconds
            )
        else { return nil }
        for epoch in epochs.dropFirst() {
            guard let secret = Hex.decode(epoch.secret.utf8) else { return nil }
            _ = keyring.add(epoch: epoch.epoch, secret: Secret(bytes: secret), at: unixSeconds)
        }
        var known: [Decree] = []
        for text in decrees {
            guard let decree = Hex.decode(text.utf8).flatMap({ Decree($0) }) else { return nil }
            known.append(decree)
        }
        return MeshState(
            keyring: keyring,
            generation: UInt64(max(1, unixSeconds)),
            admission: admission,
            decrees: known,
            isFounder: false
        )
    }
}
