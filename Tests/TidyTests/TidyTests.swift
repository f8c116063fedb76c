import Testing

/// The rules of the house, held by a test: who may import what, how long a file may be, which words are refused.
@Suite struct TidyTests {
    private let tree = SourceTree.shared

    @Test("the sources are found, else every other claim here is empty")
    func treeIsFound() {
        #expect(tree.under("Sources/Store/").count >= 5 && tree.under("Sources/Mesh/").count >= 5)
    }

    @Test("rooms import only downward")
    func importsGoDown() {
        let refused: [(room: String, modules: Set<String>)] = [
            ("Sources/Swim/", ["Store", "Mesh", "meshd", "NIOCore", "NIOPosix", "Foundation", "Logging", "Glibc"]),
            ("Sources/Store/", ["Swim", "Mesh", "meshd", "NIOPosix", "Foundation", "Logging"]),
            ("Sources/Mesh/", ["meshd", "Hummingbird", "NIOHTTP1"]),
            ("chaos/", ["Store", "meshd"]),
        ]
        for (room, modules) in refused {
            for file in tree.under(room) {
                #expect(modules.isDisjoint(with: file.imports), "\(file.path) imports what its room must not know")
            }
        }
    }

    @Test("every danger has its one room")
    func oneRoomPerDanger() {
        let rooms: [(module: String, rooms: [String])] = [
            ("CSodium", ["Sources/Mesh/Secrets/"]),
            ("CSQLite", ["Sources/Store/"]),
            ("CXXHash", ["Sources/Store/"]),
            (
                "AsyncHTTPClient",
                ["Sources/meshd/Replication/", "Tests/meshdTests/Replication/", "Tests/meshdTests/Tenants/"]
            ),
            ("Hummingbird", ["Sources/meshd/", "Tests/meshdTests/"]),
            ("HummingbirdCore", ["Sources/meshd/", "Tests/meshdTests/"]),
            ("HTTPTypes", ["Sources/meshd/", "Tests/meshdTests/"]),
            ("NIOHTTP1", ["Sources/meshd/", "Tests/meshdTests/", "chaos/", "Tests/chaosTests/"]),
            ("NIOSSL", ["Sources/meshd/", "Tests/meshdTests/"]),
            ("NIOPosix", ["Sources/Mesh/Transport/", "Sources/meshd/", "Tests/", "chaos/"]),
        ]
        for file in tree.files {
            for module in file.imports {
                guard let rule = rooms.first(where: { $0.module == module }) else { continue }
                #expect(rule.rooms.contains { file.path.hasPrefix($0) }, "\(file.path) imports \(module)")
            }
        }
    }

    @Test("file system calls are in Store only")
    func fileSystemCallsAreInStore() {
        let calls = [
            "FileManager", "FileHandle", "fopen(", "Glibc.open(", "openat(", "pwrite(", "pread(", "fdatasync(",
            "fsync(",
            "contentsOfFile", "contentsOf: URL", "mkdir(", "unlink(", "ftruncate(",
        ]
        for file in tree.under("Sources/Swim/", "Sources/Mesh/", "Sources/meshd/") {
            for (index, line) in file.code.enumerated() {
                let call = calls.first { call in
                    line.ranges(of: call).contains { range in
                        // `spread(` is no `pread(`.
                        range.lowerBound == line.startIndex || !line[line.index(before: range.lowerBound)].isLetter
                    }
                }
                #expect(call == nil, "\(file.path):\(index + 1) calls \(call ?? "")")
            }
        }
    }

    @Test("no file is longer than 500 lines")
    func filesAreShort() {
        for file in tree.files {
            #expect(file.lines.count <= 501, "\(file.path) has \(file.lines.count) lines: it has two rooms")
        }
    }

    @Test("nothing is left behind for later")
    func noLeftovers() {
        // Put together here, so that this file does not find itself.
        let markers = ["FIX" + "ME", "TO" + "DO", "XX" + "X", "HA" + "CK"]
        for file in tree.files {
            for (index, line) in file.lines.enumerated() {
                let words = line.split { !$0.isLetter }
                let marker = markers.first { words.contains(Substring($0)) }
                #expect(marker == nil, "\(file.path):\(index + 1) says \(marker ?? "")")
            }
        }
    }

    @Test("refused words name no type, and `public` opens no door")
    func words() throws {
        let refused = try Regex("\\b(class|struct|enum|actor|protocol|typealias)\\s+\\w*(Manager|Helper|Util|Info)\\w*")
        let process = try Regex("\\bfunc\\s+process\\(")
        for file in tree.under("Sources/", "chaos/") {
            for (index, line) in file.code.enumerated() {
                #expect(line.firstMatch(of: refused) == nil, "\(file.path):\(index + 1): \(line)")
                #expect(line.firstMatch(of: process) == nil, "\(file.path):\(index + 1): \(line)")
                let words = line.split { !$0.isLetter && $0 != "_" }
                #expect(!words.contains("public"), "\(file.path):\(index + 1): \(line)")
            }
        }
    }

    @Test("what the compiler cannot prove carries a proof on the line above")
    func proofs() {
        for file in tree.under("Sources/", "chaos/") {
            for (index, line) in file.code.enumerated() {
                guard line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") else { continue }
                var above = index - 1
                // One proof may cover neighbours, and attributes may stand between.
                while above >= 0,
                    file.lines[above].drop(while: { $0 == " " }).hasPrefix("@")
                        || file.code[above].contains("nonisolated(unsafe)")
                {
                    above -= 1
                }
                let isProven = above >= 0 && file.lines[above].drop { $0 == " " }.hasPrefix("//")
                #expect(isProven, "\(file.path):\(index + 1) has no proof")
            }
        }
    }
}
