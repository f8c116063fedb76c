import ArgumentParser
import Foundation
import Mesh
import NIOHTTP1
import Store
import Testing

@testable import meshd

/// What node packages are made of, and who gets one.
@Suite(.serialized) struct NodePackageTests {
    /// The members of a tar archive as the format says, by path; throws where it is not one.
    private static func members(_ tar: [UInt8]) throws -> [(path: String, mode: String, kind: UInt8, bytes: [UInt8])] {
        var found: [(path: String, mode: String, kind: UInt8, bytes: [UInt8])] = []
        var at = 0
        func text(_ range: Range<Int>) -> String {
            String(decoding: tar[at + range.lowerBound..<at + range.upperBound].prefix { $0 != 0 }, as: UTF8.self)
        }
        while at + 512 <= tar.count, tar[at] != 0 {
            let sum = try #require(Int(text(148..<154), radix: 8))
            let plain = tar[at..<at + 148] + [UInt8](repeating: 32, count: 8) + tar[at + 156..<at + 512]
            #expect(plain.reduce(0) { $0 + Int($1) } == sum)
            let size = try #require(Int(text(124..<135), radix: 8))
            found.append((text(0..<100), text(100..<107), tar[at + 156], Array(tar[at + 512..<at + 512 + size])))
            at += 512 + (size + 511) / 512 * 512
        }
        #expect(tar.count == at + 1024 && tar[at...].allSatisfy { $0 == 0 })
        return found
    }

    /// What `gzip` makes of compressed bytes.
    private static func unzipped(_ bytes: [UInt8]) throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString + ".gz")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(bytes).write(to: file)
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/gzip")
        gzip.arguments = ["-dc", file.path]
        let output = Pipe()
        gzip.standardOutput = output
        try gzip.run()
        let all = try output.fileHandleForReading.readToEnd() ?? Data()
        gzip.waitUntilExit()
        #expect(gzip.terminationStatus == 0)
        return Array(all)
    }

    @Test("an archive is what tar expects, in as many bytes as it said, for contents of every size around a block")
    func archive() throws {
        var entries = [TarEntry("./", mode: 0o755, .directory), TarEntry("./a", mode: 0o777, .link(to: "b"))]
        let sizes = [0, 1, 511, 512, 513, 1 << 20, (1 << 20) + 1]
        for size in sizes {
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: size &* 31 | 1), count: size)
            entries.append(TarEntry("./\(size)", mode: 0o640, .bytes(bytes)))
        }
        let packed = try TarStream.whole(entries, millis: 1_000)
        #expect(try TarStream.byteCount(entries, millis: 1_000) == UInt64(packed.count))
        let members = try Self.members(Self.unzipped(packed))
        #expect(members.map(\.path) == entries.map(\.path) && members[0].kind == UInt8(ascii: "5"))
        #expect(members.dropFirst(2).map(\.bytes.count) == sizes && members[2].mode == "0000640")
        for case (let member, .bytes(let bytes)) in zip(members, entries.map(\.content)) {
            #expect(member.bytes == bytes, "\(member.path)")
        }
    }

    @Test("libraries are known by the names that programs ask for")
    func libraries() {
        let maps = """
            7f00-7f01 r--p 00000000 08:01 12  /usr/lib/x86_64-linux-gnu/libsodium.so.23.3.0
            7f01-7f02 r-xp 00000000 08:01 12  /usr/lib/x86_64-linux-gnu/libsodium.so.23.3.0
            7f02-7f03 r--p 00000000 08:01 13                         /opt/my swift/libFoundation.so
            7f03-7f04 rw-p 00000000 00:00 0   [heap]
            7f04-7f05 rw-p 00000000 00:00 0
            7f05-7f06 r--p 00000000 08:01 14  /home/x/notes.sooner
            """
        let loaded = ProgramFiles.loaded(in: maps)
        #expect(loaded.map(\.name) == ["libFoundation.so", "libsodium.so.23"])
        #expect(loaded[0].path == "/opt/my swift/libFoundation.so")
    }

    @Test("each format has the settings, the token and the unit; nothing in it is anybody else's secret")
    func contents() async throws {
        try await LiveNode.run { live in
            let options = try ClientOptions.parse(["--data-dir", live.directory.path])
            let mint = try await TokenCommand.mint(AdminKeyOption.parse([]), options)
            let token = try mint.token(expiresMillis: 60_000, zone: "cellar", addresses: ["192.0.2.1:9002"])
            let small = try SourceFile(live.directory.endpointsFile)
            let program = ProgramFiles(program: small, libraries: [], dependencies: ["libc6"], glibc: "2.36")
            let package = NodePackage(name: "n2", zone: "cellar", token: token, program: program, millis: 1_000_000)
            for format in NodePackage.Format.allCases {
                let stream = try package.stream(format)
                var bytes: [UInt8] = []
                while let piece = try stream.next() { bytes += piece }
                #expect(UInt64(bytes.count) == stream.byteCount && stream.fileName.hasSuffix(format.rawValue))
                // The last gzip stream of the file is what gets installed.
                let start = try #require(bytes.indices.last { bytes[$0...].starts(with: [0x1F, 0x8B, 0x08]) })
                guard format != .deb else { continue }
                let members = try Self.members(Self.unzipped(Array(bytes[start...])))
                func text(_ name: String) throws -> String {
                    let member = try #require(members.first { $0.path.hasSuffix(name) }, "\(name)")
                    return String(decoding: member.bytes, as: UTF8.self)
                }
                #expect(try text("meshd.toml").contains("zone         = \"cellar\""))
                #expect(try text("join.env") == "MESHD_JOIN=\(token.text)\n")
                #expect(try text("meshd.service").contains("EnvironmentFile=-/etc/meshd/join.env"))
                #expect(try !text("README").contains("@") && text("README").contains("192.0.2.1:9002"))
                #expect(members.first { $0.path.hasSuffix("join.env") }?.mode == "0000600")
                let secrets = [
                    mint.key.seed.revealedBytes, Array(Hex.encode(mint.key.seed.revealedBytes).utf8),
                    Array(mint.material.secret.utf8), live.node.adminToken.revealedBytes,
                ]
                for member in members {
                    for secret in secrets { #expect(!member.bytes.contains(secret), "\(member.path)") }
                }
            }
        }
    }

    @Test(
        "a package is refused in a sentence for a wrong name, zone, format, time, address and token, and a name in use"
    )
    func refusals() async throws {
        try await LiveNode.run { live in
            let client = try live.client()
            let long = String(repeating: "n", count: 64)
            for (new, code) in [
                (NewPackage(name: "a b"), "invalid"), (NewPackage(name: long), "invalid"),
                (NewPackage(name: "n2", zone: "<b>"), "invalid"), (NewPackage(name: "n2", format: "rpm"), "invalid"),
                (NewPackage(name: "n2", expires: "91d"), "invalid"), (NewPackage(name: "n1"), "name_taken"),
                (NewPackage(name: "n2", addresses: ["nowhere"]), "invalid"),
                (NewPackage(name: "n2", token: "meshd1.x"), "bad_token"),
            ] {
                let failure = await #expect(throws: CommandFailure.self) {
                    _ = try await client.call(.POST, "cluster/packages", body: JSON.bytes(new), as: Nothing.self)
                }
                #expect(failure?.code == code, "\(new)")
            }
            // The key is kept elsewhere: the node says where to ask.
            try FileManager.default.removeItem(atPath: MeshState.adminKeyFile(in: live.directory.path))
            let failure = await #expect(throws: CommandFailure.self) {
                let new = try JSON.bytes(NewPackage(name: "n2"))
                _ = try await client.call(.POST, "cluster/packages", body: new, as: Nothing.self)
            }
            #expect(failure?.code == "no_admin_key")
        }
    }
}
