import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Store
import Swim
import Testing

@testable import Mesh
@testable import meshd

/// Rules at work: two stores, each with a bucket, over HTTP.
@Suite(.serialized) struct ReplicationTests {
    /// Two stores and a client for both.
    private struct Pair: Sendable {
        let a: LiveNode
        let b: LiveNode
        let http: HTTPClient

        static func run(_ body: @escaping @Sendable (Pair) async throws -> Void) async throws {
            let http = S3Target.client()
            let result = await Task {
                try await LiveNode.run { a in
                    try await LiveNode.run { b in
                        let pair = Pair(a: a, b: b, http: http)
                        for live in [a, b] {
                            let new = try JSON.bytes(NewBucket(name: "photos"))
                            _ = try await live.client().call(.POST, "buckets", body: new, as: BucketAnswer.self)
                        }
                        try await body(pair)
                    }
                }
            }.result
            try await http.shutdown()
            try result.get()
        }

        func target(_ live: LiveNode, bucket: String = "photos") throws -> S3Target {
            let key = try #require(live.node.accessKeys.all().first)
            return try S3Target(
                ReplicationRule.Target(
                    endpoint: "http://" + live.endpoints.s3,
                    region: "us-east-1",
                    bucket: bucket,
                    prefix: "",
                    accessKey: key.id,
                    secret: key.secret
                ),
                client: http
            )
        }

        func newRule(to live: LiveNode, _ change: (inout NewRule) -> Void = { _ in }) throws -> NewRule {
            let key = try #require(live.node.accessKeys.all().first)
            var rule = NewRule(
                bucket: "photos",
                endpoint: "http://" + live.endpoints.s3,
                accessKey: key.id,
                secretKey: key.secret.revealed
            )
            change(&rule)
            return rule
        }

        func add(_ rule: NewRule, at live: LiveNode) async throws -> RuleAnswer {
            try await live.client().call(.POST, "replication", body: JSON.bytes(rule), as: RuleAnswer.self)
        }

        /// Waits until a rule says so.
        @discardableResult
        func wait(
            _ rule: RuleAnswer,
            at live: LiveNode,
            until isSo: (RuleAnswer) -> Bool = { $0.state == .caughtUp }
        ) async throws -> RuleAnswer {
            var last = rule
            for _ in 0..<300 {
                last = try await live.client().call(.GET, "replication/\(rule.id)", as: RuleAnswer.self)
                if isSo(last) { return last }
                try await Task.sleep(for: .milliseconds(100))
            }
            Issue.record("the rule says \(last)")
            return last
        }

        /// A write by a client: without the header of a rule.
        func put(_ key: String, _ bytes: [UInt8], at live: LiveNode, tags: String? = nil) async throws {
            let bucket = try #require(live.node.store.bucket(named: "photos"))
            var attributes = ObjectAttributes()
            attributes.contentType = "text/x-test"
            attributes.metadata = [.init(name: "colour", value: "green")]
            let digest = BodyDigest(checksum: nil, sha256: false)
            digest.update(ByteBuffer(bytes: bytes))
            let draft = Draft(
                bucket: bucket.id,
                key: Key(key),
                size: UInt64(bytes.count),
                etag: ETag(md5: digest.finish().md5),
                body: bytes.isEmpty ? .empty : .inline(ByteBuffer(bytes: bytes)),
                attributes: attributes.encoded,
                tags: try tags.map { try TagSet(header: $0.utf8).encoded } ?? []
            )
            _ = try await live.node.coordinator.commit(.put(draft, .none))
        }

        func delete(_ key: String, at live: LiveNode) async throws {
            let bucket = try #require(live.node.store.bucket(named: "photos"))
            _ = try await live.node.coordinator.commit(.delete(bucket.id, Key(key), .none))
        }

        func bytes(_ key: String, at live: LiveNode) async throws -> [UInt8]? {
            let bucket = try #require(live.node.store.bucket(named: "photos"))
            guard let found = try await live.node.coordinator.find(bucket.id, Key(key), .current, body: true) else {
                return nil
            }
            if let inline = found.inlineBody { return Array(inline.readableBytesView) }
            guard found.record.size > 0 else { return [] }
            let source = try await live.node.coordinator.openBody(of: found.record)
            var all: [UInt8] = []
            while UInt64(all.count) < found.record.size {
                all += Array(try await source.read(at: UInt64(all.count), limit: found.record.size).readableBytesView)
            }
            return all
        }

        func record(_ key: String, at live: LiveNode) async throws -> Store.Record? {
            let bucket = try #require(live.node.store.bucket(named: "photos"))
            return try await live.node.coordinator.find(bucket.id, Key(key), .current, body: false)?.record
        }
    }

    @Test("what is there, what changes and what goes is sent, with all that describes it")
    func oneWay() async throws {
        try await Pair.run { pair in
            let (a, b) = (pair.a, pair.b)
            try await pair.put("old one/ä+%", Array("bytes".utf8), at: a, tags: "k=v%20w")
            try await pair.put("empty", [], at: a)
            // In parts: it has no MD5 of its own.
            let large = (0..<(9 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try await pair.target(a).put(
                OutgoingObject(
                    key: "large",
                    size: UInt64(large.count),
                    md5: nil,
                    headers: [(name: "content-type", value: "a/b")],
                    tagging: nil,
                    origin: ReplicationOrigin(millis: 1, path: ["else/where"])
                ) { offset, limit in ByteBuffer(bytes: large[Int(offset)..<min(Int(limit), Int(offset) + 300_000)]) }
            )
            let rule = try await pair.add(pair.newRule(to: b), at: a)
            #expect(rule.bucket == "photos" && rule.intervalSeconds == 0 && !rule.paused)
            let done = try await pair.wait(rule, at: a) { $0.state == .caughtUp && $0.objectsSent == 3 }
            #expect(done.queued == 0 && done.sentence == "everything is there" && done.failures == 0)
            #expect(done.bytesSent == UInt64(large.count + 5))

            #expect(try await pair.bytes("old one/ä+%", at: b) == Array("bytes".utf8))
            #expect(try await pair.bytes("empty", at: b) == [])
            #expect(try await pair.bytes("large", at: b) == large)
            let record = try #require(try await pair.record("old one/ä+%", at: b))
            let attributes = try #require(ObjectAttributes(encoded: record.attributes))
            #expect(attributes.contentType == "text/x-test" && attributes.metadata.map(\.value) == ["green"])
            #expect(TagSet(encoded: record.tags)?.tags.map(\.value) == ["v w"])
            #expect(attributes.origin?.path.count == 1)

            try await pair.put("empty", [1, 2, 3], at: a)
            try await pair.delete("large", at: a)
            try await pair.delete("never there", at: a)
            try await pair.wait(rule, at: a) { $0.state == .caughtUp && $0.deletesSent == 1 && $0.objectsSent == 4 }
            #expect(try await pair.bytes("empty", at: b) == [1, 2, 3])
            #expect(try await pair.record("large", at: b) == nil)

            // Looked at once more, all is there already but what cannot be compared.
            let again = try await a.client().call(.POST, "replication/\(rule.id)/resync", as: RuleAnswer.self)
            try await pair.wait(again, at: a) { $0.state == .caughtUp && $0.objectsSent + $0.skipped >= 2 }
        }
    }

    @Test("two stores that send to each other come to the same, and nothing goes in circles")
    func bothWays() async throws {
        try await Pair.run { pair in
            let (a, b) = (pair.a, pair.b)
            let there = try await pair.add(pair.newRule(to: b), at: a)
            let back = try await pair.add(pair.newRule(to: a), at: b)
            for index in 0..<10 {
                try await pair.put("a\(index)", [1, UInt8(index)], at: a)
                try await pair.put("b\(index)", [2, UInt8(index)], at: b)
                try await pair.put("both", [3, UInt8(index)], at: index % 2 == 0 ? a : b)
            }
            try await pair.delete("a3", at: a)
            // Deleted by the one that did not write it.
            try await pair.wait(back, at: b) { $0.state == .caughtUp && $0.objectsSent >= 11 }
            try await pair.delete("b4", at: a)
            // Written again as soon as the other store has deleted it, too: that deletion does not come back.
            try await pair.delete("a5", at: a)
            for _ in 0..<200 where try await pair.record("a5", at: b) != nil {
                try await Task.sleep(for: .milliseconds(20))
            }
            try await pair.put("a5", [1, 5], at: a)
            var sent: [UInt64] = []
            for _ in 0..<4 {
                let one = try await pair.wait(there, at: a)
                let two = try await pair.wait(back, at: b)
                sent.append(one.objectsSent + two.objectsSent + one.deletesSent + two.deletesSent)
                try await Task.sleep(for: .milliseconds(1_500))
            }
            #expect(sent[2] == sent[3], "\(sent)")
            for key in (0..<10).flatMap({ ["a\($0)", "b\($0)"] }) + ["both"] {
                let bytes = try await pair.bytes(key, at: a)
                #expect(try await pair.bytes(key, at: b) == bytes, "\(key)")
                #expect((bytes == nil) == ["a3", "b4"].contains(key), "\(key)")
            }
            #expect(try await pair.bytes("both", at: a) == [3, 9])
        }
    }

    @Test("a store takes nothing older than what it has, and nothing that it had before")
    func superseded() async throws {
        try await Pair.run { pair in
            let target = try pair.target(pair.b)
            let place = try #require(try await target.place())
            #expect(place.hasSuffix("/photos"))
            func object(_ millis: UInt64, _ path: [String], byte: UInt8) -> OutgoingObject {
                OutgoingObject(
                    key: "k",
                    size: 1,
                    md5: nil,
                    headers: [(name: "content-type", value: "a/b")],
                    tagging: nil,
                    origin: ReplicationOrigin(millis: millis, path: path)
                ) { _, _ in ByteBuffer(bytes: [byte]) }
            }
            try await target.put(object(20_000, ["x/y"], byte: 2))
            for refused in [object(9_999, ["x/y"], byte: 1), object(30_000, ["x/y", place], byte: 3)] {
                await #expect(throws: ReplicationFailure.superseded) { try await target.put(refused) }
            }
            await #expect(throws: ReplicationFailure.superseded) {
                try await target.delete("k", ReplicationOrigin(millis: 9_999, path: ["x/y"]))
            }
            #expect(try await pair.bytes("k", at: pair.b) == [2])
            let look = try #require(try await target.look("k"))
            #expect(look.origin == ReplicationOrigin(millis: 20_000, path: ["x/y"]) && look.size == 1)
            try await target.delete("k", ReplicationOrigin(millis: 20_001, path: ["x/y"]))
            #expect(try await target.look("k") == nil)
            // What a client wrote itself counts as of then.
            try await pair.put("k", [9], at: pair.b)
            await #expect(throws: ReplicationFailure.superseded) {
                try await target.put(object(40_000, ["x/y"], byte: 4))
            }
        }
    }

    @Test("who refuses something older sends its own once more, also where that sorts below it")
    func sentAgain() async throws {
        try await Pair.run { pair in
            let (a, b) = (pair.a, pair.b)
            let there = try await pair.add(pair.newRule(to: b), at: a)
            try await pair.put("k", [1], at: a)
            try await pair.wait(there, at: a) { $0.state == .caughtUp && $0.objectsSent == 1 }
            // It was written before, elsewhere, and comes to light above what the rule has brought.
            let bucket = try #require(b.node.store.bucket(named: "photos"))
            var attributes = ObjectAttributes()
            attributes.origin = ReplicationOrigin(millis: 1, path: ["x/y"])
            let late = Draft(
                bucket: bucket.id,
                key: Key("k"),
                size: 1,
                etag: ETag(md5: [UInt8](repeating: 7, count: 16)),
                body: .inline(ByteBuffer(bytes: [2])),
                attributes: attributes.encoded,
                tags: []
            )
            _ = try await b.node.coordinator.commit(.put(late, .none))
            #expect(try await pair.bytes("k", at: b) == [2])
            let back = try await pair.add(pair.newRule(to: a), at: b)
            try await pair.wait(back, at: b)
            try await pair.wait(there, at: a) { $0.state == .caughtUp && $0.objectsSent == 2 }
            #expect(try await pair.bytes("k", at: a) == [1])
            #expect(try await pair.bytes("k", at: b) == [1])
        }
    }

    @Test("a rule whose target fails says why, and goes on by itself; one that cannot work is not taken")
    func failing() async throws {
        try await Pair.run { pair in
            let a = pair.a
            let client = try a.client()
            try await pair.put("k", [1], at: a)
            func refusal(_ change: @escaping (inout NewRule) -> Void) async -> String? {
                do {
                    _ = try await pair.add(pair.newRule(to: pair.b, change), at: a)
                    return nil
                } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
            }
            #expect(await refusal { $0.bucket = "nothing" } == "no_such_bucket")
            #expect(await refusal { $0.endpoint = "here" } == "invalid")
            #expect(await refusal { $0.endpoint = "http://127.0.0.1:1" } == "target_refused")
            #expect(await refusal { $0.targetBucket = "nothing" } == "target_refused")
            #expect(await refusal { $0.secretKey = "wrong" } == "target_refused")
            #expect(await refusal { $0.intervalSeconds = 3 } == "invalid")
            let own = try #require(a.node.accessKeys.all().first)
            let itself = await refusal {
                ($0.endpoint, $0.accessKey, $0.secretKey) =
                    ("http://" + a.endpoints.s3, own.id, own.secret.revealed)
            }
            #expect(itself == "loop")

            let wrong = try pair.newRule(to: pair.b) { ($0.secretKey, $0.unchecked) = ("wrong", true) }
            let rule = try await pair.add(wrong, at: a)
            let failing = try await pair.wait(rule, at: a) { $0.state == .failing }
            #expect(failing.queued == 1 && failing.lastFailure?.message.contains("403") == true, "\(failing)")
            #expect(await refusal { _ in } == "invalid", "twice the same")
            let shown = String(decoding: try JSON.bytes(failing), as: UTF8.self)
            #expect(!shown.contains("wrong"))

            let key = try #require(pair.b.node.accessKeys.all().first)
            let change = RuleChange(accessKey: key.id, secretKey: key.secret.revealed)
            let path = "replication/\(rule.id)"
            _ = try await client.call(.PATCH, path, body: JSON.bytes(change), as: RuleAnswer.self)
            try await pair.wait(rule, at: a)
            #expect(try await pair.bytes("k", at: pair.b) == [1])

            _ = try await client.call(.PATCH, path, body: JSON.bytes(RuleChange(paused: true)), as: RuleAnswer.self)
            try await pair.put("later", [2], at: a)
            let paused = try await pair.wait(rule, at: a) { $0.state == .paused && $0.queued == 1 }
            #expect(paused.sentence == "it is paused, and 1 change waits")
            try await Task.sleep(for: .milliseconds(700))
            #expect(try await pair.bytes("later", at: pair.b) == nil)
            _ = try await client.call(.PATCH, path, body: JSON.bytes(RuleChange(paused: false)), as: RuleAnswer.self)
            try await pair.wait(rule, at: a)
            #expect(try await pair.bytes("later", at: pair.b) == [2])
            _ = try await client.call(.DELETE, path, as: Nothing.self)
            #expect(try await client.call(.GET, "replication", as: RulesAnswer.self).rules.isEmpty)
            await #expect(throws: CommandFailure.self) { try await client.call(.GET, path, as: RuleAnswer.self) }
        }
    }
}
