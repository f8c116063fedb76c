import NIOCore

/// Reads everything back while nobody writes: each key must be what it may be, and the listing must agree.
struct Inspection {
    let ledger: Ledger
    let verdict: Verdict
    /// Readers at once.
    let width: Int

    /// Reads these keys and pins what was seen.
    func read(_ keys: [String], _ round: Round) async {
        await withTaskGroup(of: Void.self) { group in
            for lane in 0..<width {
                group.addTask {
                    let session = round.session()
                    for index in stride(from: lane, to: keys.count, by: width) {
                        await read(keys[index], session, round)
                    }
                    await session.close()
                }
            }
        }
    }

    private func read(_ key: String, _ session: S3Session, _ round: Round) async {
        do {
            let response = try await session.get(KeySpace.bucket, key)
            let found = Sighting.judge(response, key, among: ledger.possible(key), ledger, verdict)
            if let found { ledger.pin(key, found) }
            verdict.count("verified")
        } catch {
            verdict.fail("\(key): no answer to a read: \(error)", around: [round.daemon.logTail()])
        }
    }

    /// Compares the whole listing with what the keys hold: all that must be there, nothing that must not, in order.
    func list(_ round: Round) async {
        let session = round.session()
        do {
            let listed = try await pages(session)
            for (key, next) in zip(listed, listed.dropFirst()) {
                verdict.check(
                    key.key.utf8.lexicographicallyPrecedes(next.key.utf8),
                    "the listing has \(key.key) before \(next.key)"
                )
            }
            // By bytes: Swift's strings hold keys to be the same that S3 holds apart.
            let sizes = Dictionary(listed.map { (Array($0.key.utf8), $0.size) }) { first, _ in first }
            let known = ledger.keys
            for key in known { compare(key, sizes[Array(key.utf8)]) }
            for key in Set(sizes.keys).subtracting(known.map { Array($0.utf8) }) {
                verdict.fail("the listing has \(String(decoding: key, as: UTF8.self)), which nobody wrote")
            }
            verdict.count("listings")
        } catch {
            verdict.fail("no whole listing: \(error)", around: [round.daemon.logTail()])
        }
        await session.close()
    }

    private func compare(_ key: String, _ size: Int?) {
        let possible = ledger.possible(key)
        let agrees = possible.contains { content in
            switch content {
            case .absent: size == nil
            case .object(let pattern): size == pattern.size
            }
        }
        verdict.check(
            agrees,
            "the listing has \(key) \(size.map { "with \($0) bytes" } ?? "not"), expected "
                + possible.map(KeyHistory.name).joined(separator: ", or "),
            around: ledger.events(key)
        )
    }

    private func pages(_ session: S3Session) async throws(HTTPFailure) -> [(key: String, size: Int)] {
        var listed: [(key: String, size: Int)] = []
        var token: String?
        repeat {
            let response = try await session.list(KeySpace.bucket, after: token)
            guard response.status == 200 else { throw .malformed("\(response.status) \(response.text)") }
            let text = XMLText(response.text)
            for entry in text.elements("Contents") {
                guard let key = entry.firstKey("Key"), let size = entry.first("Size").flatMap({ Int($0) }) else {
                    throw .malformed("a listing entry without key or size")
                }
                listed.append((key, size))
            }
            token = text.first("NextContinuationToken")
        } while token != nil
        return listed
    }

    /// Ends every upload that is still open, so that nothing unfinished is left to explain.
    func abortUploads(_ round: Round) async {
        let session = round.session()
        do {
            for _ in 0..<100 {
                let response = try await session.listUploads(KeySpace.bucket)
                guard response.status == 200 else { throw HTTPFailure.malformed("\(response.status) \(response.text)") }
                let uploads = XMLText(response.text).elements("Upload")
                if uploads.isEmpty { break }
                for upload in uploads {
                    guard let key = upload.firstKey("Key"), let id = upload.first("UploadId") else { continue }
                    let answer = try await session.abortUpload(KeySpace.bucket, key, upload: id)
                    verdict.check(
                        answer.status == 204,
                        "abort of upload \(id) of \(key): \(answer.status) \(answer.text)"
                    )
                }
            }
        } catch {
            verdict.fail("cannot end open uploads: \(error)")
        }
        await session.close()
    }
}
