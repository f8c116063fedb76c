internal import FoundationEssentials
internal import Store
package import Swim

/// What a node must not forget of its mesh: keys, its own admission, decrees, and which life this is. `DIR/mesh-state`,
/// readable by its owner only, replaced whole.
package struct MeshState: Sendable {
    /// Secrets of all epochs that are kept, the retired ones included.
    package var keyring: Keyring
    /// Which life of this node it is; grows with each start.
    package var generation: UInt64
    /// The proof that this node was let in, for members who have not heard of it.
    package var admission: [UInt8]?
    package var decrees: [Decree]
    /// This node founded the mesh at its own first start.
    package var isFounder: Bool
    /// Another member was seen at least once, so leaving this mesh would be no private matter.
    package var hasMet: Bool

    package init(keyring: Keyring, generation: UInt64, admission: [UInt8]?, decrees: [Decree], isFounder: Bool) {
        self.keyring = keyring
        self.generation = generation
        self.admission = admission
        self.decrees = decrees
        self.isFounder = isFounder
        hasMet = false
    }

    private struct Saved: Codable {
        var keys: Keyring.Saved
        var generation: UInt64
        var admission: String?
        var decrees: [String]
        var isFounder: Bool
        var hasMet: Bool
    }

    // MARK: Files

    /// Where the state is kept.
    package static func file(in directory: String) -> String { directory + "/mesh-state" }

    /// Where the admin key is kept on the node that founded the mesh: 64 hexadecimal digits.
    package static func adminKeyFile(in directory: String) -> String { directory + "/admin-key" }

    /// Whether the node of this directory is at home in the mesh that it founded, or will found one with its next start.
    /// With a token for another mesh a founder that never met anybody goes there.
    package static func isFounder(in directory: String, token: String?) throws(MeshError) -> Bool {
        guard let state = try read(from: directory) else { return token == nil }
        guard state.isFounder, !state.hasMet, let token else { return state.isFounder }
        do throws(TokenError) {
            return try JoinToken(parsing: token).meshID == state.keyring.meshID
        } catch { throw .badToken(error.description) }
    }

    /// What the directory holds; nil before the first start.
    package static func read(from directory: String) throws(MeshError) -> MeshState? {
        let path = file(in: directory)
        guard let bytes = try readFile(path) else { return nil }
        guard let saved = try? JSONDecoder().decode(Saved.self, from: Data(bytes)), let state = MeshState(saved) else {
            throw .unusable("\(path) is damaged; restore it from a copy, or remove it and join again")
        }
        return state
    }

    private init?(_ saved: Saved) {
        guard let keyring = Keyring(saved.keys), saved.generation < Version.generationMax else { return nil }
        self.keyring = keyring
        generation = saved.generation
        if let text = saved.admission {
            guard let bytes = Hex.decode(text.utf8) else { return nil }
            admission = bytes
        }
        decrees = []
        for text in saved.decrees {
            guard let decree = Hex.decode(text.utf8).flatMap({ Decree($0) }) else { return nil }
            decrees.append(decree)
        }
        isFounder = saved.isFounder
        hasMet = saved.hasMet
    }

    /// The whole file.
    package var bytes: [UInt8] {
        let saved = Saved(
            keys: keyring.saved,
            generation: generation,
            admission: admission.map { Hex.encode($0) },
            decrees: decrees.map { Hex.encode($0.encoded) },
            isFounder: isFounder,
            hasMet: hasMet
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(saved) else { preconditionFailure("texts and numbers always encode") }
        return Array(data) + [0x0A]
    }

    /// Replaces the file and syncs it: it is on disk when this returns.
    package func write(to directory: String) throws(MeshError) {
        do { try SmallFile.write(bytes, to: Self.file(in: directory)) } catch { throw .unusable("\(error)") }
    }

    // MARK: The admin key

    /// The key of the mesh's administrator, if it is kept here.
    package static func adminKey(in directory: String) throws(MeshError) -> AdminKey? {
        try adminKey(file: adminKeyFile(in: directory))
    }

    /// The key in this file; nil when there is none. Throws `unusable` for a file that holds something else.
    package static func adminKey(file path: String) throws(MeshError) -> AdminKey? {
        guard let bytes = try readFile(path) else { return nil }
        let text = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
        guard let seed = Hex.decode(text.utf8), let key = AdminKey(seed: seed) else {
            throw .unusable("\(path) is damaged: it should hold 64 hexadecimal digits")
        }
        return key
    }

    /// A mesh of its own: the admin key first, so that a crash between the two files loses nothing.
    package static func found(
        in directory: String,
        identity: NodeIdentity,
        unixSeconds: Int64
    ) throws(MeshError) -> MeshState {
        let key: AdminKey
        if let kept = try adminKey(in: directory) {
            key = kept
        } else {
            key = AdminKey()
            let text = Array(Hex.encode(key.seed.revealedBytes).utf8) + [0x0A]
            do { try SmallFile.write(text, to: adminKeyFile(in: directory)) } catch { throw .unusable("\(error)") }
        }
        guard
            let keyring = Keyring(
                adminPublicKey: key.publicKey,
                epoch: 1,
                secret: key.epochSecret(1),
                at: unixSeconds
            )
        else { preconditionFailure("a new key ring has the lengths that it wants") }
        // The clock gives the first generation, so that a node that lost this file does not begin below itself.
        return MeshState(
            keyring: keyring,
            generation: UInt64(max(1, unixSeconds)),
            admission: selfAdmission(key, keyring, identity, unixSeconds),
            decrees: [],
            isFounder: true
        )
    }

    /// The founder lets itself in, so that those who forgot it know it again; the token is over as soon as it is made,
    /// and where it points does not matter.
    private static func selfAdmission(
        _ key: AdminKey,
        _ keyring: Keyring,
        _ identity: NodeIdentity,
        _ unixSeconds: Int64
    ) -> [UInt8]? {
        guard let secret = keyring.secret(keyring.newest), let here = SeedAddress(parsing: "localhost:9") else {
            return nil
        }
        let token = try? JoinToken.make(
            adminKey: key,
            addresses: [here],
            expiresAt: max(0, unixSeconds),
            epoch: keyring.newest,
            secret: secret
        )
        return token?.admit(identity).bytes
    }

    /// Puts the key of a mesh that this node leaves behind out of the way of the commands that would use it.
    package static func setAdminKeyAside(in directory: String, of mesh: MeshID) throws(MeshError) {
        let path = adminKeyFile(in: directory)
        guard let bytes = try readFile(path) else { return }
        do {
            try SmallFile.write(bytes, to: path + "." + mesh.description.prefix(8))
            try SmallFile.remove(path)
        } catch { throw .unusable("\(error)") }
    }

    private static func readFile(_ path: String) throws(MeshError) -> [UInt8]? {
        do { return try SmallFile.read(path, bytesMax: 16 << 20) } catch { throw .unusable("\(error)") }
    }
}
