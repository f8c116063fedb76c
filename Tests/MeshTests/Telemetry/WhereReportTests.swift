import NIOCore
import Swim
import Testing

@testable import Mesh

/// Where a key is, in words, and the questions by which nodes find out.
@Suite struct WhereReportTests {
    private static func line(_ stamp: String, kind: String = "object", bytes: Bool = true) -> WhereReport.Line {
        WhereReport.Line(stamp: stamp, millis: 1, kind: kind, size: 5, hasBytes: bytes)
    }

    private static func report(_ rows: [String: [WhereReport.Line]?]) -> WhereReport {
        let holders = rows.keys.sorted().map { name -> WhereReport.Holder in
            var holder = WhereReport.Holder(name: name, id: name, zone: "", role: .current)
            if let given = rows[name], let lines = given { holder.rows = lines } else { holder.silence = "timed out" }
            return holder
        }
        return WhereReport(bucket: "b", key: "k", partition: 1, epoch: 1, copiesWanted: 3, holders: holders)
    }

    @Test("holders that agree are counted, those that do not are named")
    func sentences() {
        let same = Self.report(["a": [Self.line("02")], "b": [Self.line("02")], "c": [Self.line("02")]])
        #expect(same.whole == 3 && same.newest == "02")
        #expect(same.sentence == "there: 3 of 3 holders have the newest row and its bytes")
        let mixed = Self.report(["a": [Self.line("02")], "b": [Self.line("01")], "c": nil])
        #expect(
            mixed.sentence
                == "there: 1 of 3 holders have the newest row and its bytes; b is behind; c did not answer"
        )
        let bare = Self.report(["a": [Self.line("02", bytes: false)], "b": [Self.line("02")], "c": []])
        #expect(bare.sentence.hasSuffix("c is behind; a lacks the bytes") && bare.whole == 1)
        let deleted = Self.report(["a": [Self.line("03", kind: "tombstone")]])
        #expect(deleted.sentence.hasPrefix("deleted: 1 of 1"))
        #expect(Self.report(["a": []]).sentence == "no holder that answered has heard of this key")
    }

    @Test("questions and answers survive the road, garbage and later versions are refused")
    func codecs() {
        let questions: [Enquiry] = [
            .condition, .holding(bucket: .max, key: Array(repeating: 255, count: 1_024)), .pauseRepair,
            .limitRepair(bytesPerSecond: nil), .limitRepair(bytesPerSecond: 7),
        ]
        for question in questions { #expect(Enquiry(encoded: question.encoded) == question) }
        let answer = EnquiryAnswer.holding(Holding(rows: [Self.line("01")], hintsFor: ["a"]))
        #expect(EnquiryAnswer(encoded: answer.encoded) == answer)
        for text in ["", "{}", "{\"fly\":{}}", "{\"condition\":{}", "\u{0}\u{1}"] {
            #expect(Enquiry(encoded: ByteBuffer(string: text)) == nil, "\(text)")
        }
        #expect(Enquiry(encoded: ByteBuffer(repeating: 32, count: 100_000)) == nil)
    }

    @Test("all are asked, and who does not answer is told apart from who refuses")
    func asking() async {
        struct Cut: Error, CustomStringConvertible {
            var description: String { "cut off" }
        }
        let ids = (1...3).map { NodeID(high: UInt64($0), low: 0) }
        let own = Enquiries(
            ownID: ids[0],
            road: { node, bytes, _ in
                guard node == ids[1] else { throw Cut() }
                return Enquiry(encoded: bytes) == .condition ? EnquiryAnswer.refused("busy").encoded : ByteBuffer()
            },
            answer: { _, _ in .condition(NodeCondition(id: "1", name: "own")) }
        )
        let answers = await own.ask(.condition, of: ids)
        #expect(answers[ids[0]] == .condition(NodeCondition(id: "1", name: "own")))
        #expect(answers[ids[1]] == .refused("busy") && answers[ids[2]] == .refused("cut off"))
        let served = await withCheckedContinuation { done in
            own.serve(Enquiry.condition.encoded, from: ids[1]) { done.resume(returning: EnquiryAnswer(encoded: $0)) }
        }
        #expect(served == .condition(NodeCondition(id: "1", name: "own")))
        let unknown = await withCheckedContinuation { done in
            own.serve(ByteBuffer(string: "?"), from: ids[1]) { done.resume(returning: EnquiryAnswer(encoded: $0)) }
        }
        #expect(unknown == .refused("it does not know this question"))
    }
}
