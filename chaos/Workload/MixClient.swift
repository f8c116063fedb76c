import NIOCore
import NIOHTTP1

/// A client that does a bit of everything, one request after the other, and notes what it was promised.
///
/// It lives through many lives of the daemon: an upload that it began before a kill goes on after it.
actor MixClient {
    private struct Upload {
        let key: String
        let pattern: Pattern
        let id: String
        var etags: [String] = []

        var nextRange: Range<Int> {
            let start = min(etags.count * MixClient.partBytes, pattern.size)
            return start..<min(start + MixClient.partBytes, pattern.size)
        }
    }

    /// The least that S3 lets a part be that is not the last.
    private static let partBytes = 5 << 20

    private let ledger: Ledger
    private let verdict: Verdict
    private let space: KeySpace
    private var random: SeededRandom
    private var upload: Upload?

    init(number: Int, seed: UInt64, space: KeySpace, ledger: Ledger, verdict: Verdict) {
        random = SeededRandom(seed: seed, label: UInt64(number))
        self.space = space
        self.ledger = ledger
        self.verdict = verdict
    }

    /// Works until the daemon is gone.
    func work(_ round: Round) async {
        let session = round.session()
        while !round.isOver {
            do {
                try await step(session)
                verdict.count("operations")
            } catch {
                verdict.count("unknown")
                if round.isDoomed || round.isOver { break }
                if case .timedOut = error { verdict.fail("no answer: \(error)", around: [round.daemon.logTail()]) }
                // A dying daemon closes its connections a moment before it can be waited for.
                try? await Task.sleep(for: .milliseconds(200))
                if round.isDoomed || round.isOver { break }
                verdict.fail("a living daemon broke a connection: \(error)", around: [round.daemon.logTail()])
            }
        }
        await session.close()
    }

    private func step(_ session: S3Session) async throws(HTTPFailure) {
        let key = space.next(&random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<46: try await put(session, key, inlineSize())
        case 46..<52: try await put(session, key, largeSize())
        case 52..<64: try await delete(session, key)
        case 64..<70: try await put(session, key, inlineSize(), onlyNew: true)
        case 70..<72: try await multipart(session, key)
        default: try await get(session, key)
        }
    }

    private func inlineSize() -> Int { size(1, 16 << 10) }

    private func largeSize() -> Int { size(64 << 10, 3 << 20) }

    /// Every power of two is as likely as the next.
    private func size(_ least: Int, _ most: Int) -> Int {
        var bound = least
        while bound < most, random.oneIn(2) || bound == least { bound *= 2 }
        return Int.random(in: least...min(most, max(bound, least + 1)), using: &random)
    }

    // MARK: Calls

    private func put(_ session: S3Session, _ key: String, _ size: Int, onlyNew: Bool = false) async throws(HTTPFailure)
    {
        let pattern = Pattern(key: key, operation: ledger.operation(), size: size)
        try await write(key, pattern.operation, .object(pattern), onlyNew ? "create" : "put") {
            () throws(HTTPFailure) in
            try await session.put(
                KeySpace.bucket,
                key,
                pattern,
                headers: onlyNew ? [("If-None-Match", "*")] : []
            )
        }
    }

    private func delete(_ session: S3Session, _ key: String) async throws(HTTPFailure) {
        try await write(key, ledger.operation(), .absent, "delete") { () throws(HTTPFailure) in
            try await session.delete(KeySpace.bucket, key)
        }
    }

    private func get(_ session: S3Session, _ key: String) async throws(HTTPFailure) {
        let read = ledger.operation()
        ledger.beginRead(key, read)
        let response: HTTPResponse
        do {
            response = try await session.get(KeySpace.bucket, key)
        } catch {
            _ = ledger.endRead(key, read)
            throw error
        }
        if response.status == 503 { return verdict.count("busy") }
        Sighting.judge(response, key, among: ledger.endRead(key, read), ledger, verdict)
        verdict.count("reads under load")
    }

    /// One step of an upload of two parts: begin it, send a part, complete or abort it.
    private func multipart(_ session: S3Session, _ key: String) async throws(HTTPFailure) {
        guard let upload else {
            let size = Self.partBytes + Int.random(in: 1...1 << 20, using: &random)
            let pattern = Pattern(key: key, operation: ledger.operation(), size: size)
            let response = try await session.createUpload(KeySpace.bucket, key, pattern)
            guard expect(response, [200], "create an upload of \(key)") else { return }
            guard let id = XMLText(response.text).first("UploadId") else {
                return verdict.fail("no UploadId in \(response.text)")
            }
            self.upload = Upload(key: key, pattern: pattern, id: id)
            return
        }
        let range = upload.nextRange
        if !range.isEmpty {
            let number = upload.etags.count + 1
            let response = try await session.uploadPart(
                KeySpace.bucket,
                upload.key,
                upload: upload.id,
                number: number,
                upload.pattern,
                range
            )
            guard expect(response, [200], "part \(number) of an upload of \(upload.key)") else { return }
            guard let etag = response.headers["etag"].first else { return verdict.fail("a part without an ETag") }
            self.upload?.etags.append(etag)
            return
        }
        self.upload = nil
        if random.oneIn(4) {
            let response = try await session.abortUpload(KeySpace.bucket, upload.key, upload: upload.id)
            _ = expect(response, [204], "abort an upload of \(upload.key)")
            return
        }
        let operation = upload.pattern.operation
        try await write(upload.key, operation, .object(upload.pattern), "complete") { () throws(HTTPFailure) in
            var response = try await session.completeUpload(
                KeySpace.bucket,
                upload.key,
                upload: upload.id,
                etags: upload.etags
            )
            // A long completion begins its answer before it knows the outcome.
            if response.status == 200, XMLText(response.text).first("ETag") == nil { response.status = 500 }
            return response
        }
    }

    private func write(
        _ key: String,
        _ operation: UInt64,
        _ content: KeyHistory.Content,
        _ note: String,
        _ call: () async throws(HTTPFailure) -> HTTPResponse
    ) async throws(HTTPFailure) {
        let isConditional = note == "create"
        ledger.beginWrite(key, operation, content, note: note)
        if isConditional { ledger.beginRead(key, operation) }
        do {
            let response = try await call()
            let seen = isConditional ? ledger.endRead(key, operation) : []
            switch response.status {
            case 200, 204:
                ledger.acknowledge(key, operation)
                verdict.count("acknowledged")
                if isConditional {
                    verdict.check(
                        seen.contains(.absent),
                        "\(key): If-None-Match: * succeeded though the key was taken",
                        around: ledger.events(key)
                    )
                }
            case 412 where isConditional, 409 where isConditional:
                ledger.refuse(key, operation, note: "\(response.status)")
                verdict.check(
                    response.status == 409 || seen.contains { !$0.isAbsent },
                    "\(key): If-None-Match: * failed though the key was free",
                    around: ledger.events(key)
                )
            case 503:
                ledger.lose(key, operation, note: "503")
                verdict.count("busy")
            default:
                ledger.lose(key, operation, note: "\(response.status)")
                verdict.fail("\(note) \(key): \(response.status) \(response.text)", around: ledger.events(key))
            }
        } catch .refused(let why) {
            ledger.refuse(key, operation, note: "never sent: \(why)")
            throw .refused(why)
        } catch {
            ledger.lose(key, operation, note: "\(error)")
            throw error
        }
    }

    private func expect(_ response: HTTPResponse, _ allowed: [Int], _ what: String) -> Bool {
        if response.status == 503 {
            verdict.count("busy")
            return false
        }
        verdict.check(allowed.contains(response.status), "\(what): \(response.status) \(response.text)")
        if !allowed.contains(response.status) { upload = nil }
        return allowed.contains(response.status)
    }
}
