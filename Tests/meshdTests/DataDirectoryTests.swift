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
            let token = try directory.adminToken()
            #expect(try directory.identity().id == first.id)
            #expect(try directory.adminToken().isEqual(to: token))
            #expect(try mode(directory.path) == 0o700)
            #expect(try mode(directory.tokenFile) == 0o600)
            #expect(try mode(directory.path + "/node-key") == 0o600)
        }
    }

    @Test("a damaged identity is refused, never replaced")
    func damagedIdentity() throws {
        try withDirectory { directory in
            try SmallFile.write(Array("zz".utf8), to: directory.path + "/node-key")
            #expect(throws: CommandFailure.self) { try directory.identity() }
        }
    }
}
