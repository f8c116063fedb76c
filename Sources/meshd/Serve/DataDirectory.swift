import Mesh
import Store

/// The small files of a data directory, beside the store: who this node is, and the secrets of its first start.
struct DataDirectory: Sendable {
    /// Shorter ones can be guessed; longer ones are no tokens.
    private static let tokenBytes = 16...256
    /// Set once the first start of a store has made its key: without it, deleting the last key would bring it back.
    private static let firstKeyRegister = "setup/first-key"

    let path: String

    var adminSocket: String { path + "/admin.sock" }
    var endpointsFile: String { path + "/endpoints.json" }
    var tokenFile: String { path + "/admin-token" }
    var rootKeyFile: String { path + "/root-key.json" }
    /// The member list that a node wrote last.
    var membersFile: String { path + "/members.json" }
    var eventsFolder: String { path + "/events" }
    var historyFile: String { path + "/history" }
    private var identityFile: String { path + "/node-key" }

    /// Makes the directory, readable by its owner only.
    func create() throws(StoreError) { try SmallFile.makeDirectory(path, mode: 0o700) }

    /// Who this node is; made on the first start.
    func identity() throws -> NodeIdentity {
        if let bytes = try SmallFile.read(identityFile) {
            guard let seed = Hex.decode(bytes.filter { $0 > 0x20 }), let identity = NodeIdentity(seed: seed) else {
                throw CommandFailure("\(identityFile) is damaged: it should hold 64 hexadecimal digits")
            }
            return identity
        }
        let identity = NodeIdentity()
        try SmallFile.write(Array(Hex.encode(identity.seed.revealedBytes).utf8) + [0x0A], to: identityFile)
        return identity
    }

    /// The token that opens the admin API; on the first start the one of `MESHD_ADMIN_TOKEN`, or a new one.
    func adminToken(environment: [String: String]) throws -> Secret {
        if let token = try readAdminToken() { return token }
        var token = SecureRandom.token()
        if let given = environment["MESHD_ADMIN_TOKEN"], !given.isEmpty {
            token = Secret(given)
            guard Self.tokenBytes.contains(token.count), token.revealedBytes.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw CommandFailure(
                    "MESHD_ADMIN_TOKEN has \(token.count) bytes: a token has \(Self.tokenBytes.lowerBound) to "
                        + "\(Self.tokenBytes.upperBound) printable ASCII characters without spaces"
                )
            }
        }
        try SmallFile.write(token.revealedBytes + [0x0A], to: tokenFile)
        return token
    }

    /// The token, if this directory has one.
    func readAdminToken() throws(StoreError) -> Secret? {
        guard let bytes = try SmallFile.read(tokenFile) else { return nil }
        let token = bytes.filter { $0 > 0x20 && $0 < 0x7F }
        return token.isEmpty ? nil : Secret(bytes: token)
    }

    func write(_ endpoints: Endpoints) throws {
        try SmallFile.write(try JSON.bytes(endpoints) + [0x0A], to: endpointsFile, mode: 0o644)
    }

    func removeEndpoints() throws(StoreError) { try SmallFile.remove(endpointsFile) }

    /// The first admin key, from the environment or new; nil when this store has had its first start.
    ///
    /// The file is written before the register: a crash between the two leaves a key that the next start takes up.
    func firstKey(in keys: AccessKeys, store: ObjectStore, environment: [String: String]) async throws -> AccessKey? {
        guard store.register(Self.firstKeyRegister) == nil else { return nil }
        guard keys.all().isEmpty, keys.rejected.isEmpty else {
            try await noteFirstKey(in: store)
            return nil
        }
        let key = try rootKey(environment: environment)
        try SmallFile.write(
            try JSON.bytes(RootKey(accessKey: key.id, secretKey: key.secret.revealed)) + [0x0A],
            to: rootKeyFile
        )
        try await keys.add(key)
        try await noteFirstKey(in: store)
        return key
    }

    private func noteFirstKey(in store: ObjectStore) async throws {
        let done = Mutation.setRegister(name: Self.firstKeyRegister, value: [1], expected: nil, always: true)
        _ = try await store.commit(done)
    }

    private func rootKey(environment: [String: String]) throws -> AccessKey {
        var id = SecureRandom.accessKeyID()
        var secret = SecureRandom.secretKey()
        let given = (environment["MESHD_ROOT_ACCESS_KEY"] ?? "", environment["MESHD_ROOT_SECRET_KEY"] ?? "")
        guard given.0.isEmpty == given.1.isEmpty else {
            throw CommandFailure("MESHD_ROOT_ACCESS_KEY and MESHD_ROOT_SECRET_KEY must both be set, or neither")
        }
        if !given.0.isEmpty {
            (id, secret) = (given.0, Secret(given.1))
        } else if let bytes = try SmallFile.read(rootKeyFile), let kept = try? JSON.value(RootKey.self, from: bytes) {
            (id, secret) = (kept.accessKey, Secret(kept.secretKey))
        }
        if let fault = AccessKey.fault(ofID: id) ?? AccessKey.fault(ofSecret: secret) {
            throw CommandFailure("the first admin key cannot be used: \(fault)")
        }
        var key = AccessKey(id: id, secret: secret, createdMillis: JSON.nowMillis())
        key.role = .admin
        return key
    }
}

/// `DIR/root-key.json`.
struct RootKey: Codable, Sendable {
    var accessKey: String
    var secretKey: String
}
