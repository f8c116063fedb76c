@testable import Mesh
import Swim
import Testing

@Suite struct TransportPartsTests {
    private let a = NodeID(high: 1, low: 1)
    private let b = NodeID(high: 2, low: 1)

    @Test("a newcomer's line waits for its name, not longer than it may, and is written again when the name comes late")
    func newcomer() {
        var log = MemberLog(waitMicros: 3_000_000)
        #expect(log.change(a, to: .alive, isNamed: false, at: 0) == [])
        #expect(log.name(a) == [MemberLog.Line(id: a, status: .alive)])
        #expect(log.change(b, to: .alive, isNamed: false, at: 0) == [])
        #expect(log.advance(to: 2_999_999) == [])
        #expect(log.advance(to: 3_000_000) == [MemberLog.Line(id: b, status: .alive)])
        #expect(log.name(b) == [MemberLog.Line(id: b, status: .alive)])
        #expect(log.name(b) == [])
    }

    @Test("bad news never waits, and versions of one who stays alive are no news")
    func badNews() {
        var log = MemberLog(waitMicros: 3_000_000)
        #expect(log.change(a, to: .alive, isNamed: true, at: 0).count == 1)
        #expect(log.change(a, to: .alive, isNamed: true, at: 1) == [])
        #expect(log.change(a, to: .suspect, isNamed: false, at: 2) == [MemberLog.Line(id: a, status: .suspect)])
        #expect(log.change(a, to: .alive, isNamed: true, at: 3) == [MemberLog.Line(id: a, status: .alive)])
        #expect(log.change(b, to: .alive, isNamed: false, at: 4) == [])
        #expect(log.change(b, to: .dead, isNamed: false, at: 5) == [MemberLog.Line(id: b, status: .dead)])
        #expect(log.advance(to: .max) == [])
    }

    @Test("a description survives its journey, and what a stranger makes of it stays one printable word")
    func description() throws {
        let told = Description(name: "n1", zone: "z", s3: "10.0.0.1:9000", version: "1", capacityBytes: 7, freeBytes: 5)
        #expect(Description(bytes: try #require(told.bytes)) == told)
        let rude = Description(name: "a b\nmember n2 is dead\u{1b}[2J")
        #expect(Description(bytes: try #require(rude.bytes))?.name == "a_b_member_n2_is_dead_[2J")
        let turned = Description(name: "a\u{9b}b\u{202e}c\u{2028}d")
        #expect(Description(bytes: try #require(turned.bytes))?.name == "a_b_c_d")
        #expect(Description(bytes: Array("{}".utf8)) == nil)
        #expect(Description(bytes: Array(#"{"name":"x","later":[1]}"#.utf8))?.name == "x")
        #expect(Description(name: String(repeating: "x", count: 5_000)).bytes == nil)
    }

    @Test("only a notable difference is told again")
    func notable() {
        let told = Description(name: "n", capacityBytes: 1 << 40, freeBytes: 1 << 39, wallMillis: 1)
        var now = told
        now.wallMillis = 99
        now.freeBytes -= 1 << 30
        #expect(!now.differsNotably(from: told))
        now.freeBytes -= 1 << 35
        #expect(now.differsNotably(from: told))
        var moved = told
        moved.s3 = "10.0.0.2:9000"
        #expect(moved.differsNotably(from: told))
    }

    @Test("addresses are read and written alike, and nonsense is none")
    func endpoints() throws {
        for text in ["10.0.0.1:7946", "[fd00:0:0:0:0:0:0:1]:1", "255.255.255.255:65535"] {
            #expect(Endpoint(parsing: text)?.description == text)
        }
        #expect(Endpoint(parsing: "[fd00::1]:1") == Endpoint(ipv6High: 0xfd00 << 48, low: 1, port: 1))
        #expect(Endpoint(parsing: "[::ffff:10.0.0.1]:5") == Endpoint(ipv4: 0x0a00_0001, port: 5))
        for text in ["", ":1", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "[::1]", "[::1", "::1:5", "host:1", "[]:1"] {
            #expect(Endpoint(parsing: text) == nil, "\(text)")
        }
        #expect(Endpoint.split("host")?.port == nil && Endpoint.split("[::1]:9")?.host == "::1")
        #expect(Resolver.endpoints(of: "localhost:9").contains(Endpoint(ipv4: 0x7f00_0001, port: 9)))
        #expect(Resolver.endpoints(of: "no-such-host.invalid:9").isEmpty)
    }

    @Test("views differ where facts differ, and a suspicion is no fact")
    func diff() {
        func view(_ name: String, _ lines: [(String, MemberLine.State, UInt32)]) -> ViewReport {
            ViewReport(
                name: name,
                id: name,
                epoch: 1,
                viewDigest: "",
                lines: lines.map { id, state, incarnation in
                    ViewLine(
                        id: id,
                        name: id,
                        address: "",
                        state: state,
                        generation: 1,
                        incarnation: incarnation,
                        flaps: 0,
                        reach: "direct"
                    )
                }
            )
        }
        let report = DiffReport(
            view("a", [("x", .alive, 1), ("y", .suspect, 1), ("z", .dead, 1)]),
            view("b", [("x", .alive, 2), ("y", .alive, 1), ("w", .alive, 1)])
        )
        #expect(report.differences.map(\.id) == ["w", "x", "z"])
        #expect(report.differences[0].a == nil && report.differences[2].b == nil)
    }

    @Test("a socket for IPv4 only is told to nobody under an IPv6 address") func primaryFamily() {
        let bound = Endpoint(ipv4: 0, port: 9002)
        #expect(Resolver.primaryAddress(of: bound).map { !$0.isIPv6 && $0.port == 9002 } ?? true)
    }
}
