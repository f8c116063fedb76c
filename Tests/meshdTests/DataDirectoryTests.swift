import Foundation
import Mesh
import Store
import Testing

@testable import meshd

@Suite struct DataDirectoryTests {
    private func withDirectory(_ body: (DataDirectory) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "meshd-" + UUID().uuidString
        let directory = DataDirectory(path: path)
        try directory.create()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(directory)
    }

    private func mode(_ path: String) throws -> Int {
        (try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int) ?? -1
    }

    @Test("the endpoints read back, and go away")
    func endpoints() throws {
        try withDirectory { directory in
            let endpoints = Endpoints(s3: "127.0.0.1:41", admin: "[::1]:42", mesh: "", pid: 7)
            try directory.write(endpoints)
            let bytes = try #require(try SmallFile.read(directory.endpointsFile))
            #expect(try JSON.value(Endpoints.self, from: bytes) == endpoints)
            try directory.removeEndpoints()
            try directory.removeEndpoints()
            #expect(try SmallFile.read(directory.endpointsFile) == nil)
        }
    }

    @Test("a node is the same node after a restart, and its secrets are its owner's only")
    func identity() throws {
        try withDirectory { directory in
            let first = try directory.identity()
            let token = try directory.adminToken(environment: [:])
            #expect(try directory.identity().id == first.id)
            #expect(try directory.adminToken(environment: [:]).isEqual(to: token))
            #expect(try mode(directory.path) == 0o700)
            #expect(try mode(directory.tokenFile) == 0o600)
            #expect(try mode(directory.path + "/node-key") == 0o600)
        }
    }

    @Test("the token of the environment is taken at the first start, never later, and only when it is one")
    func givenToken() throws {
        try withDirectory { directory in
            for wrong in ["short", String(repeating: "x", count: 300), "sixteen bytes, with spaces"] {
                #expect(throws: CommandFailure.self) {
                    try directory.adminToken(environment: ["MESHD_ADMIN_TOKEN": wrong])
                }
            }
            let given = ["MESHD_ADMIN_TOKEN": "an-operators-token-for-all-nodes"]
            let first = try directory.adminToken(environment: given)
            let other = ["MESHD_ADMIN_TOKEN": "another-operators-token"]
            let later = try directory.adminToken(environment: other)
            #expect(first.revealed == "an-operators-token-for-all-nodes" && later.isEqual(to: first))
        }
    }

    @Test("the first key is made once: when it is deleted with all others, a restart does not bring it back")
    func firstKey() async throws {
        let path = NSTemporaryDirectory() + "meshd-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let directory = DataDirectory(path: path)
        try directory.create()
        var store = try ObjectStore.open(path, settings: StoreSettings())
        var keys = AccessKeys(store: store)
        let first = try #require(try await directory.firstKey(in: keys, store: store, environment: [:]))
        #expect(first.isAdmin)
        try await keys.delete(first.id)
        #expect(try await directory.firstKey(in: keys, store: store, environment: [:]) == nil)
        await store.close()
        store = try ObjectStore.open(path, settings: StoreSettings())
        keys = AccessKeys(store: store)
        #expect(try await directory.firstKey(in: keys, store: store, environment: [:]) == nil)
        #expect(keys.all().isEmpty)
        await store.close()
    }

    @Test("a damaged identity is refused, never replaced")
    func damagedIdentity() throws {
        try withDirectory { directory in
            try SmallFile.write(Array("zz".utf8), to: directory.path + "/node-key")
            #expect(throws: CommandFailure.self) { try directory.identity() }
        }
    }
}
