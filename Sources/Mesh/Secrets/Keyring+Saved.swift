extension Keyring {
    /// The ring as a file keeps it, secrets in plain hexadecimal. A type of its own, so that no encoder meets a secret
    /// unless somebody asked for this.
    package struct Saved: Codable, Sendable, CustomReflectable {
        struct Epoch: Codable, Sendable, CustomReflectable {
            var epoch: UInt32
            var secret: String
            var addedAt: Int64
            var supersededAt: Int64?

            var customMirror: Mirror { Mirror(self, children: ["epoch": epoch]) }
        }

        var adminPublicKey: String
        var sending: UInt32
        var strangerEpochMin: UInt32
        var epochs: [Epoch]

        package var customMirror: Mirror { Mirror(self, children: ["adminPublicKey": adminPublicKey]) }
    }

    /// For a file that only its owner can read.
    package var saved: Saved {
        Saved(
            adminPublicKey: Hex.encode(adminPublicKey),
            sending: sending,
            strangerEpochMin: strangerEpochMin,
            epochs: entries.map { entry in
                Saved.Epoch(
                    epoch: entry.epoch,
                    secret: Hex.encode(entry.secret.revealedBytes),
                    addedAt: entry.addedAt,
                    supersededAt: entry.supersededAt
                )
            }
        )
    }

    /// Unix seconds that can be meant: what is outside was damaged.
    private static let times: ClosedRange<Int64> = 0...1 << 40

    /// nil if what was saved is no ring.
    package init?(_ saved: Saved) {
        var entries: [Entry] = []
        for epoch in saved.epochs {
            guard let secret = Hex.decode(epoch.secret.utf8), Self.times.contains(epoch.addedAt),
                Self.times.contains(epoch.supersededAt ?? 0)
            else { return nil }
            entries.append(
                Entry(
                    epoch: epoch.epoch,
                    secret: Secret(bytes: secret),
                    addedAt: epoch.addedAt,
                    supersededAt: epoch.supersededAt
                )
            )
        }
        guard let adminPublicKey = Hex.decode(saved.adminPublicKey.utf8) else { return nil }
        self.init(
            adminPublicKey: adminPublicKey,
            entries: entries,
            sending: saved.sending,
            strangerEpochMin: saved.strangerEpochMin
        )
    }
}
