import NIOCore
import NIOHTTP1
import Testing

@testable import chaos

/// The checker is shown histories that are wrong: one that passes them all proves nothing about a daemon.
@Suite struct CheckerTests {
    private let ledger = Ledger()
    private let verdict = Verdict()
    private let key = "k"

    private func write(_ operation: UInt64, size: Int = 100, acknowledged: Bool = true) -> Pattern {
        let pattern = Pattern(key: key, operation: operation, size: size)
        ledger.beginWrite(key, operation, .object(pattern), note: "PUT")
        if acknowledged { ledger.acknowledge(key, operation) }
        return pattern
    }

    private func answer(_ pattern: Pattern, bytes: ByteBuffer? = nil, metadata: UInt64? = nil) -> HTTPResponse {
        var response = HTTPResponse(
            status: 200,
            headers: ["x-amz-meta-operation": String(metadata ?? pattern.operation)]
        )
        response.body = bytes ?? pattern.bytes
        return response
    }

    /// Whether the checker lets this answer pass.
    private func passes(_ response: HTTPResponse) -> Bool {
        let failures = verdict.failed
        Sighting.judge(response, key, among: ledger.possible(key), ledger, verdict)
        return verdict.failed == failures
    }

    private let missing = HTTPResponse(status: 404, headers: [:])

    @Test("what is right passes: nothing before the first write, the last acknowledged one after it")
    func right() {
        #expect(passes(missing))
        let first = write(1)
        #expect(passes(answer(first)))
        let second = write(2)
        #expect(passes(answer(second)))
    }

    @Test("a lost acknowledged write is an anomaly, and so is an older one in its place")
    func lost() {
        let first = write(1)
        #expect(!passes(missing))
        _ = write(2)
        #expect(!passes(answer(first)))
    }

    @Test("a flipped byte, a missing end, another's bytes and another's metadata are anomalies")
    func torn() {
        let pattern = write(1)
        for offset in [0, 30, 99] {
            var bytes = pattern.bytes
            let byte: UInt8 = bytes.getInteger(at: bytes.readerIndex + offset) ?? 0
            bytes.setInteger(byte ^ 1, at: bytes.readerIndex + offset)
            #expect(!passes(answer(pattern, bytes: bytes)), "byte \(offset)")
        }
        #expect(!passes(answer(pattern, bytes: pattern.bytes.getSlice(at: 0, length: 99))))
        #expect(!passes(answer(pattern, bytes: Pattern(key: key, operation: 9, size: 100).bytes)))
        #expect(!passes(answer(pattern, metadata: 9)))
        #expect(!passes(HTTPResponse(status: 500, headers: [:])))
    }

    @Test("a write without an answer may or may not have happened, until somebody has seen which")
    func unknown() {
        let first = write(1)
        let second = write(2, acknowledged: false)
        ledger.lose(key, 2, note: "cut off")
        #expect(passes(answer(first)) && passes(answer(second)))
        ledger.settle()
        #expect(passes(answer(first)) && passes(answer(second)))
        ledger.pin(key, .object(first))
        #expect(passes(answer(first)))
        #expect(!passes(answer(second)))
    }

    @Test("a refused write never shows, and a read may see what began beside it but nothing that was over before")
    func beside() {
        let refused = write(1, acknowledged: false)
        ledger.refuse(key, 1, note: "412")
        #expect(!passes(answer(refused)))
        let old = write(2)
        let new = write(3)
        ledger.beginRead(key, 10)
        let beside = write(4)
        let possible = ledger.endRead(key, 10)
        #expect(possible.contains(.object(new)) && possible.contains(.object(beside)))
        #expect(!possible.contains(.object(old)) && !possible.contains(.absent))
    }
}
