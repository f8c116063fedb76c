import NIOCore
import Store
import Testing

@testable import Mesh

@Suite struct S3ValuesTests {
    @Test("a version id is 32 characters, sorts as its stamp, and comes back")
    func versionIDs() {
        var random = S3Random(7)
        var last: (Stamp, String)?
        for _ in 0..<200 {
            let stamp = Stamp(t: random.next(), w: random.next(), q: UInt32(truncatingIfNeeded: random.next()))
            let text = VersionID.text(stamp)
            #expect(text.utf8.count == 32)
            #expect(VersionID.parse(text) == .stamp(stamp))
            if let (other, otherText) = last { #expect((stamp < other) == (text < otherText)) }
            last = (stamp, text)
        }
        #expect(VersionID.parse("null") == .null)
        #expect(VersionID.parse("") == nil)
        #expect(VersionID.parse(String(repeating: "z", count: 32)) == nil)
    }

    @Test("upload ids and entity tags come back from their texts")
    func ids() {
        let id = UploadID(high: 0x0123_4567_89AB_CDEF, low: 42)
        #expect(UploadID(text: id.text) == id)
        #expect(UploadID(text: "nosuchupload") == nil)
        let tag = ETag(high: 0xD41D_8CD9_8F00_B204, low: 0xE980_0998_ECF8_427E, parts: 12)
        #expect(tag.text == "d41d8cd98f00b204e9800998ecf8427e-12")
        #expect(ETag(text: Array(tag.quoted.utf8)) == tag && ETag(md5: tag.md5, parts: 12) == tag)
        #expect(ETag(text: Array("0123".utf8)) == nil)
    }

    @Test("ranges: all forms, and what S3 ignores")
    func ranges() {
        func range(_ text: String?, _ size: UInt64 = 100) -> ByteRange {
            ByteRange(text.map { ArraySlice($0.utf8) }, size: size)
        }
        #expect(range(nil) == .whole)
        #expect(range("bytes=0-0") == .part(0..<1))
        #expect(range("bytes=5-99") == .part(5..<100))
        #expect(range("bytes=95-") == .part(95..<100))
        #expect(range("bytes=-7") == .part(93..<100))
        #expect(range("bytes=-700") == .part(0..<100))
        #expect(range("bytes=10-900") == .part(10..<100))
        #expect(range("bytes=10-99999999999999999999999") == .part(10..<100))
        #expect(range("bytes=100-") == .unsatisfiable)
        #expect(range("bytes=-0") == .unsatisfiable)
        #expect(range("bytes=0-", 0) == .unsatisfiable)
        for ignored in ["bytes=5-4", "bytes=a-b", "bytes=", "bytes=-", "chars=0-1", "0-1", "bytes=0-1,3-4", "bytes=1"] {
            #expect(range(ignored) == .whole, "\(ignored)")
        }
    }

    @Test("conditions that S3 has for reads only are refused on writes and deletes, not passed over")
    func conditionsOfReadsOnly() throws {
        let date = "Sat, 21 Nov 2026 00:00:00 GMT"
        for name in ["if-modified-since", "if-unmodified-since"] {
            let headers = HeaderTable([(name, date)])
            #expect(throws: S3Error.self) { try WriteConditions.precondition(headers) }
            #expect(throws: S3Error.self) { try WriteConditions.deletePrecondition(headers) }
        }
        do {
            _ = try WriteConditions.deletePrecondition(HeaderTable([("If-None-Match", "*")]))
            Issue.record("a delete with If-None-Match went on")
        } catch {
            #expect(error.code == .notImplemented && error.details == [.init("Header", "if-none-match")])
        }
        #expect(try WriteConditions.precondition(HeaderTable([("If-None-Match", "*")])) == .absent)
        #expect(try WriteConditions.deletePrecondition(HeaderTable([("If-Match", "*")])) == .present)
    }

    @Test("conditions of reads: tags outweigh dates")
    func conditions() {
        let tag = ETag(high: 1, low: 2)
        func judge(_ headers: [(String, String)]) -> ReadConditions.Verdict {
            ReadConditions(HeaderTable(headers)).judge(etag: tag, modifiedMillis: 1_700_000_000_900)
        }
        let before = S3Date.http(seconds: 1_699_999_999)
        let same = S3Date.http(seconds: 1_700_000_000)
        #expect(judge([]) == .proceed)
        #expect(judge([("If-Match", tag.quoted), ("If-Unmodified-Since", before)]) == .proceed)
        #expect(judge([("If-Match", "\"no\", \(tag.text)")]) == .proceed)
        #expect(judge([("If-Match", "*")]) == .proceed)
        #expect(judge([("If-Match", "\"0123\"")]) == .failed(condition: "If-Match"))
        #expect(judge([("If-Unmodified-Since", before)]) == .failed(condition: "If-Unmodified-Since"))
        #expect(judge([("If-Unmodified-Since", same)]) == .proceed)
        #expect(judge([("If-None-Match", "W/\(tag.quoted)")]) == .notModified)
        #expect(judge([("If-None-Match", "\"0\""), ("If-Modified-Since", same)]) == .proceed)
        #expect(judge([("If-Modified-Since", same)]) == .notModified)
        #expect(judge([("If-Modified-Since", before)]) == .proceed)
        #expect(judge([("If-Modified-Since", "yesterday")]) == .proceed)
    }

    @Test("dates: three HTTP forms, ISO and basic, there and back")
    func dates() {
        #expect(S3Date.parseHTTP(Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)) == 784_111_777)
        #expect(S3Date.parseHTTP(Array("Sunday, 06-Nov-94 08:49:37 GMT".utf8)) == 784_111_777)
        #expect(S3Date.parseHTTP(Array("Sun Nov  6 08:49:37 1994".utf8)) == 784_111_777)
        #expect(S3Date.http(seconds: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(S3Date.parseBasic(Array("20130524T000000Z".utf8)) == 1_369_353_600)
        #expect(S3Date.iso(millis: 1_767_323_045_678) == "2026-01-02T03:04:05.678Z")
        #expect(S3Date.parseBasic(Array("20230229T000000Z".utf8)) == nil)
        var random = S3Random(3)
        for _ in 0..<500 {
            let seconds = random.next() % (S3Date.secondsMax + 1)
            #expect(S3Date.parseBasic(Array(S3Date.basic(seconds: seconds).utf8)) == seconds)
            #expect(S3Date.parseHTTP(Array(S3Date.http(seconds: seconds).utf8)) == seconds)
            #expect(S3Date.parseISO(Array(S3Date.iso(millis: seconds * 1000 + 7).utf8)) == seconds * 1000 + 7)
            let junk = random.mangled(Array(S3Date.http(seconds: seconds).utf8))
            _ = S3Date.parseHTTP(junk)
        }
    }

    @Test("an error's document carries code, message, details, resource and request")
    func errorDocument() {
        var buffer = ByteBuffer()
        S3Error.argument("a<b", "\u{1}", "no").write(into: &buffer, resource: "/b/k&", requestID: "R1")
        let text = String(buffer: buffer)
        #expect(text.contains("<Error><Code>InvalidArgument</Code><Message>no</Message><ArgumentName>a&lt;b<"))
        #expect(text.contains("<ArgumentValue>&#x1;</ArgumentValue><Resource>/b/k&amp;</Resource><RequestId>R1<"))
    }

    @Test("a continuation token that was changed is refused")
    func tokens() {
        let place = Array("dir/é".utf8)
        let token = ContinuationToken.encode(place)
        #expect(ContinuationToken.decode(token) == place)
        var random = S3Random(11)
        for _ in 0..<500 {
            let junk = random.mangled(Array(token.utf8))
            if let text = String(validating: junk, as: UTF8.self), text != token {
                let decoded = ContinuationToken.decode(text)
                #expect(decoded == nil || text.lowercased() == token)
            }
        }
    }
}
