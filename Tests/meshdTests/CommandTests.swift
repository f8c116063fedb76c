import ArgumentParser
import Mesh
import Swim
import Testing

@testable import meshd

@Suite struct CommandTests {
    @Test("every command of the contract parses, each with --json")
    func contract() throws {
        let lines = [
            "bucket list", "bucket create b", "bucket delete b", "bucket show b", "bucket versioning b enabled",
            "key list", "key create", "key import id", "key show id", "key disable id", "key enable id",
            "key delete id", "key grant id b --read", "key revoke id b --owner", "status", "doctor", "config",
            "version", "members", "members --sort", "members --watch", "member n1", "why n1", "agree", "diff a b",
            "probe n1 --via n2", "probe n1 --from n2 --count 3", "keys", "keys list", "keys rotate --reason x",
            "expel n1 --reason stolen --admin-key f", "leave", "token create",
            "token create --expires 1h --zone a --address 10.0.0.1:9002 --address n.example:1", "discover --wait 2s",
            "node", "node list", "node show n1", "node drain n1", "node resume n1", "node remove n1 --force",
            "node replace n1 n2", "node replace n1 n2 --force", "node join n1", "node forget n1 --force",
            "node set n1 --weight 0", "node set n1 --zone b --weight 40", "where b/a/key",
            "ring", "layout", "layout show", "repair", "repair status", "repair start", "repair pause", "repair resume",
            "repair limit 50MiB", "repair limit 0",
        ]
        for line in lines {
            let arguments = line.split(separator: " ").map(String.init)
            #expect(throws: Never.self, "\(line)") { try Meshd.parseAsRoot(arguments) }
            #expect(throws: Never.self, "\(line) --json") { try Meshd.parseAsRoot(arguments + ["--json"]) }
        }
    }

    @Test("wrong use is refused before any node is asked")
    func wrongUse() {
        for line in [
            "bucket create", "key grant id b", "bucket versioning b on", "status --admin u --data-dir d", "fly",
            "member", "diff a", "probe n1 --via a --from b", "probe n1 --count 0", "expel n1", "join", "join meshd1.x",
            "token create --expires 5", "token create --expires 91d", "token create --address 10.0.0.1",
            "token create --address [::1]", "token create --zone a/b", "discover --wait 1h", "keys fly",
            "node drain", "node replace a", "node set n1", "node set n1 --weight -1", "node set n1 --zone a/b", "where",
            "where bucket", "where /key", "where bucket/", "node fly",
            "repair limit", "repair limit 5x", "repair limit 1KiB", "layout fly",
        ] {
            #expect(throws: (any Error).self, "\(line)") {
                try Meshd.parseAsRoot(line.split(separator: " ").map(String.init))
            }
        }
    }

    @Test("a name becomes one segment of a path, whatever is in it")
    func segments() {
        #expect(ClientOptions.segment("a/b ?%é") == "a%2Fb%20%3F%25%C3%A9")
    }

    @Test("only the whole of an id is one") func wholeIDs() {
        let text = "00112233445566778899aabbccddeeff"
        #expect(NodeID(hexadecimal: text)?.description == text)
        for wrong in ["", "n1", String(text.dropLast(2)), text + "00", text.replacing("f", with: "g")] {
            #expect(NodeID(hexadecimal: wrong) == nil, "\(wrong)")
        }
    }

    @Test("tables line up")
    func tables() {
        #expect(Table.text(header: ["A", "B"], rows: [["long", "x"]]) == "A     B\nlong  x")
    }
}
