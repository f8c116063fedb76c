import NIOCore
import Store
import Testing

@testable import Mesh

/// Rules, where objects come from, and what holders tell each other of the outbox: as bytes, and what is refused.
@Suite struct ReplicationRuleTests {
    static func rule(_ change: (inout ReplicationRule) -> Void = { _ in }) -> ReplicationRule {
        var rule = ReplicationRule(
            id: 0xAB,
            bucket: BucketID(rawValue: 5),
            createdMillis: 1_700_000_000_000,
            target: ReplicationRule.Target(
                endpoint: "https://s3.example.com:9000",
                region: "eu-central-1",
                bucket: "copy",
                prefix: "from/here/",
                accessKey: "AKEXAMPLE",
                secret: Secret("very secret"),
                certificate: "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"
            ),
            prefix: "photos/ä",
            schedule: .interval(600),
            copiesDeletes: false,
            copiesMetadata: true,
            copiesExisting: false,
            isPaused: true,
            round: 3
        )
        change(&rule)
        return rule
    }

    @Test("a rule comes out of its bytes as it went in, and out of no others")
    func codec() {
        for rule in [Self.rule(), Self.rule { $0.schedule = .continuous }, Self.rule { $0.target.certificate = nil }] {
            let bytes = rule.encoded
            #expect(ReplicationRule(encoded: bytes) == rule)
            for count in 0..<bytes.count { #expect(ReplicationRule(encoded: Array(bytes.prefix(count))) == nil) }
            // A field that a later build knows may be a restriction.
            #expect(ReplicationRule(encoded: bytes + [99, 0, 0]) == nil)
        }
        #expect(Self.rule().name == "00000000000000ab" && ReplicationRule.id(named: "00000000000000ab") == 0xAB)
        for wrong in ["", "ab", "00000000000000AB", "00000000000000a\u{E9}", "+0000000000000ab"] {
            #expect(ReplicationRule.id(named: wrong) == nil, "\(wrong)")
        }
        #expect(!"\(Self.rule())".contains("very secret"))
    }

    @Test("what is wrong with a rule is said in a sentence")
    func faults() {
        #expect(Self.rule().fault == nil)
        let ends = [
            "s3.example.com", "ftp://x", "http://", "http://x/path", "http://user@x", "http://x:0", "http://x:70000",
            "http://x:y", "http://x y", "http://x?a", "https://x#a", "http://:80",
        ]
        for endpoint in ends {
            #expect(Self.rule { $0.target.endpoint = endpoint }.fault?.contains("endpoint") == true, "\(endpoint)")
        }
        for endpoint in ["https://10.0.0.1:9000", "https://[::1]:9000", "https://[::1]", "https://host"] {
            #expect(Self.rule { $0.target.endpoint = endpoint }.fault == nil, "\(endpoint)")
        }
        let wrong: [(inout ReplicationRule) -> Void] = [
            { $0.target.bucket = "" }, { $0.target.bucket = "a/b" }, { $0.target.region = "" },
            { $0.target.accessKey = "a b" }, { $0.target.secret = Secret("") }, { $0.schedule = .interval(9) },
            { $0.prefix = String(repeating: "x", count: 1_025) }, { $0.target.certificate = "x" },
            { $0.target.endpoint = "http://x" },
        ]
        for change in wrong { #expect(Self.rule(change).fault != nil) }
    }

    @Test("what is there goes to a feed unless the rule wants new objects only, and then with a resync")
    func feeds() {
        let only = Self.rule { $0.round = 0 }
        #expect(only.feed.sinceMillis == only.createdMillis - 60_000 && only.feed.prefix == Array("photos/ä".utf8))
        #expect(Self.rule { ($0.copiesExisting, $0.round) = (true, 0) }.feed.sinceMillis == 0)
        #expect(Self.rule().feed.sinceMillis == 0 && Self.rule().feed != only.feed)
    }

    @Test("where an object comes from is read back as written; what is not is refused")
    func origins() throws {
        let origin = ReplicationOrigin(millis: 5, path: ["aa/one", "bb/two"])
        #expect(origin.text == "5 aa/one,bb/two" && ReplicationOrigin(text: origin.text) == origin)
        let order = ReplicationOrigin.Order(scope: 0x1F, stamp: Stamp(t: 10, w: .max, q: 3))
        let passed = origin.passing(through: "cc/three", at: order)
        #expect(passed.path == ["aa/one", "bb/two", "cc/three"])
        #expect(passed.text == "5 aa/one,bb/two,cc/three 1f.a.ffffffffffffffff.3")
        #expect(ReplicationOrigin(text: passed.text) == passed)
        for wrong in [
            "", "5", "5 ", "x aa/b", "5 aa", "5 aa/b,", "5 /b", "5 a/", "5 a/b/c", "5 a/b c/d", "-1 a/b", "5  a/b",
            "5 " + Array(repeating: "a/b", count: 9).joined(separator: ","), "5 a/\u{1}", "5 a/b 1.2.3",
            "5 a/b 1.2.3.4.5", "5 a/b 1.2.3.g", "5 a/b 1.2.3.ffffffffff", "5 a/b 01.2.3.4",
            "5 a/b +1.2.3.4", "5 a/b ", "5 a/b 1.2.3.4 x",
        ] { #expect(ReplicationOrigin(text: wrong) == nil, "\(wrong)") }
        var attributes = ObjectAttributes()
        attributes.origin = origin
        #expect(ObjectAttributes(encoded: attributes.encoded) == attributes)
        let table = HeaderTable([("x-mesh-replica", "nonsense")])
        #expect(throws: S3Error.self) { try ObjectAttributes(table) }
    }

    @Test("of two writes the newer wins, and of two in one millisecond the same one everywhere")
    func newer() {
        let a = ReplicationOrigin(millis: 5, path: ["aa/x"])
        let b = ReplicationOrigin(millis: 5, path: ["bb/x"])
        let later = ReplicationOrigin(millis: 6, path: ["aa/x"])
        #expect(b.isSuperseded(by: later) && !later.isSuperseded(by: b))
        #expect(a.isSuperseded(by: b) && !b.isSuperseded(by: a) && !a.isSuperseded(by: a))
    }

    @Test("what comes the same way as what is there is in its sender's order, whatever clocks say")
    func ordered() {
        func sent(_ millis: UInt64, _ stamp: UInt64, bucket: UInt64 = 1, path: [String] = ["aa/x"]) -> ReplicationOrigin
        {
            let order = ReplicationOrigin.Order(scope: bucket, stamp: Stamp(t: stamp, w: 0, q: 0))
            return ReplicationOrigin(millis: millis, path: path, order: order)
        }
        let known = sent(50_000, 7)
        #expect(!sent(1, 8).isSuperseded(by: known) && !sent(1, 7).isSuperseded(by: known))
        #expect(sent(60_000, 6).isSuperseded(by: known))
        // It had come by way of another store before.
        #expect(!sent(1, 8).isSuperseded(by: sent(50_000, 7, path: ["xx/x", "aa/x"])))
        #expect(sent(60_000, 6, path: ["xx/x", "aa/x"]).isSuperseded(by: known))
        // A bucket of the same name, and somebody else: their stamps say nothing here.
        #expect(!sent(50_001, 6, bucket: 2).isSuperseded(by: known))
        #expect(!sent(50_001, 6, path: ["bb/x"]).isSuperseded(by: known))
    }

    @Test("a sender that tells no order is believed, unless it is much older")
    func unordered() {
        let known = ReplicationOrigin(millis: 20_000, path: ["aa/x", "bb/x"])
        for (millis, isSuperseded) in [(20_000, false), (10_000, false), (9_999, true), (0, true)] as [(UInt64, Bool)] {
            let sent = ReplicationOrigin(millis: millis, path: known.path)
            #expect(sent.isSuperseded(by: known) == isSuperseded, "\(millis)")
        }
        #expect(!ReplicationOrigin(millis: 0, path: ["aa/x"]).isSuperseded(by: .init(millis: 5_000, path: ["aa/x"])))
    }

    @Test("notices of the outbox survive their road, and cut or long ones are refused")
    func notices() throws {
        let entries = (0..<3).map {
            OutboxEntry(
                key: Key("k\($0)"),
                stamp: Stamp(t: UInt64($0), w: 2, q: 3),
                changedMillis: 4,
                deletion: [5],
                askedMicros: 6
            )
        }
        let notice = OutboxNotice(feed: 9, entries)
        #expect(try OutboxNotice(wire: notice.wireBytes) == notice)
        let bytes = notice.wireBytes
        for count in 0..<bytes.readableBytes {
            let cut = try #require(bytes.getSlice(at: 0, length: count))
            #expect(throws: WireError.self) { try OutboxNotice(wire: cut) }
        }
        let many = OutboxNotice(
            feed: 9,
            (0..<257).map { OutboxEntry(key: Key("k\($0)"), stamp: .zero, changedMillis: 0) }
        )
        #expect(throws: WireError.self) { try OutboxNotice(wire: many.wireBytes) }
        #expect(try OutboxAnswer(wire: OutboxAnswer(isDone: true, fresh: 7).wireBytes).fresh == 7)
    }

    @Test("a target has the same object only if nothing of it could differ")
    func equal() {
        let md5 = [UInt8](repeating: 0xAB, count: 16)
        let tag = String(repeating: "ab", count: 16)
        func object(md5: [UInt8]?, tagging: String? = nil) -> OutgoingObject {
            OutgoingObject(
                key: "k",
                size: 5,
                md5: md5,
                headers: [(name: "content-type", value: "a/b"), (name: "x-amz-meta-c", value: "d")],
                tagging: tagging,
                origin: ReplicationOrigin(millis: 1, path: ["a/b"])
            ) { _, _ in ByteBuffer() }
        }
        var there = TargetObject(
            size: 5,
            etag: tag,
            origin: nil,
            tagsCount: 0,
            headers: ["content-type": "a/b", "x-amz-meta-c": "d", "date": "x"]
        )
        #expect(there.equals(object(md5: md5)))
        #expect(!there.equals(object(md5: nil)) && !there.equals(object(md5: md5, tagging: "a=b")))
        there.tagsCount = 1
        #expect(!there.equals(object(md5: md5)))
        there.tagsCount = 0
        there.headers["x-amz-meta-c"] = "e"
        #expect(!there.equals(object(md5: md5)))
        there.origin = ReplicationOrigin(millis: 1, path: ["a/b"])
        #expect(there.equals(object(md5: nil)))
        there.origin = ReplicationOrigin(millis: 2, path: ["a/b"])
        #expect(!there.equals(object(md5: nil)))
    }
}
