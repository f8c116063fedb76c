import NIOCore
import NIOHTTP1
import Synchronization

/// Multipart uploads, each step through another node, that are completed, aborted, or both at once.
actor UploadWorker {
    /// The least that S3 lets a part be that is not the last.
    private static let partBytes = 5 << 20

    /// What became of an upload: to be found again at the end.
    private struct Ended {
        let key: String
        let pattern: Pattern
        let completions: [UploadCheck.Answer]
        let aborts: [UploadCheck.Answer]
    }

    private let client: MeshClient
    /// A second one, for what happens at the same time.
    private let rival: UploadRival
    private let bucket: String
    private let course: Course
    /// Of an upload of one part; nil: up to a mebibyte, and some have two parts.
    private let bytesMax: Int?
    private var ended: [Ended] = []

    init(client: sending MeshClient, rival: sending MeshClient, bucket: String, course: Course, bytesMax: Int? = nil) {
        self.bytesMax = bytesMax
        self.client = client
        self.rival = UploadRival(client: rival)
        self.bucket = bucket
        self.course = course
    }

    func work() async {
        await course.pace { await step() }
        await close()
    }

    func close() async {
        await client.close()
        await rival.close()
    }

    private func step() async {
        let number = course.number()
        let key = "upload/\(number % 5)/\(number)"
        let hasTwoParts = bytesMax == nil && client.random.oneIn(12)
        let size =
            hasTwoParts ? Self.partBytes + 70_000 : Int.random(in: 1000...(bytesMax ?? 1 << 20), using: &client.random)
        let pattern = Pattern(key: key, operation: number, size: size)
        let (bucket, client) = (bucket, client)
        let created = await client.send("create upload \(key)") { session throws(HTTPFailure) in
            try await session.createUpload(bucket, key, pattern)
        }
        guard let id = created.response.flatMap({ XMLText($0.text).first("UploadId") }) else { return }
        var etags: [String] = []
        let ranges = hasTwoParts ? [0..<Self.partBytes, Self.partBytes..<size] : [0..<size]
        for (index, range) in ranges.enumerated() {
            if client.random.oneIn(4) {
                // Other bytes for the same part first: those that come later count. Without an answer they may come
                // later still.
                let other = Pattern(key: key, operation: number + 1 << 40, size: size)
                guard await part(key, id, index + 1, other, 0..<min(size, 1000)) != nil else { return }
            }
            guard let etag = await part(key, id, index + 1, pattern, range) else { return }
            etags.append(etag)
        }
        let completions: [UploadCheck.Answer]
        let aborts: [UploadCheck.Answer]
        let end = UploadEnd(bucket: bucket, key: key, id: id, etags: etags)
        switch Int.random(in: 0..<4, using: &client.random) {
        case 0:
            completions = [await end.complete(client)]
            aborts = []
        case 1:
            async let second = rival.complete(end)
            let first = await end.complete(client)
            completions = [first, await second]
            aborts = []
        case 2:
            completions = []
            aborts = [await end.abort(client)]
        default:
            async let abort = rival.abort(end)
            let first = await end.complete(client)
            completions = [first]
            aborts = [await abort]
        }
        let ending = Ended(key: key, pattern: pattern, completions: completions, aborts: aborts)
        client.verdict.count("uploads ended")
        await judge(ending, through: nil)
        ended.append(ending)
    }

    private func part(_ key: String, _ id: String, _ number: Int, _ pattern: Pattern, _ range: Range<Int>) async
        -> String?
    {
        let bucket = bucket
        let reply = await client.send("part \(number) of \(key)") { session throws(HTTPFailure) in
            try await session.uploadPart(bucket, key, upload: id, number: number, pattern, range)
        }
        if reply.status == 404 {
            client.verdict.fail(promise: .upload, "\(key): part \(number) through n\(reply.node): no such upload")
        }
        return reply.status == 200 ? reply.response?.headers["etag"].first : nil
    }

    private func judge(_ ending: Ended, through node: ClusterNode?) async {
        let bucket = bucket
        let reply = await client.send("GET \(ending.key)", through: node) { session throws(HTTPFailure) in
            try await session.get(bucket, ending.key)
        }
        guard let response = reply.response else { return }
        let isThere: Bool
        switch ObjectReading.see(response, pattern: { $0 == ending.pattern.operation ? ending.pattern : nil }) {
        case .nothing: isThere = false
        case .write: isThere = true
        case .wrong(let what):
            return client.verdict.fail(promise: .whole, "\(ending.key) through n\(reply.node): read \(what)")
        }
        let check = UploadCheck(completions: ending.completions, aborts: ending.aborts, isThere: isThere)
        client.verdict.check(
            promise: .upload,
            check.objection == nil,
            "\(ending.key) through n\(reply.node): \(check.objection ?? "") "
                + "(completions \(ending.completions), aborts \(ending.aborts))"
        )
    }

    /// At the end, through one node.
    func inspect(through node: ClusterNode) async {
        for ending in ended { await judge(ending, through: node) }
    }
}

/// How an upload is ended.
private struct UploadEnd: Sendable {
    let bucket: String
    let key: String
    let id: String
    let etags: [String]

    nonisolated(nonsending) func complete(_ client: MeshClient) async -> UploadCheck.Answer {
        let reply = await client.send("complete \(key)") { session throws(HTTPFailure) in
            try await session.completeUpload(bucket, key, upload: id, etags: etags)
        }
        guard let response = reply.response else { return reply.isUnknown ? .unknown : .withdrawn }
        if response.status == 404 { return .refused }
        // A long completion begins its answer before it knows the outcome.
        return XMLText(response.text).first("ETag") == nil ? .unknown : .done
    }

    nonisolated(nonsending) func abort(_ client: MeshClient) async -> UploadCheck.Answer {
        let reply = await client.send("abort \(key)") { session throws(HTTPFailure) in
            try await session.abortUpload(bucket, key, upload: id)
        }
        guard let response = reply.response else { return reply.isUnknown ? .unknown : .withdrawn }
        return response.status == 404 ? .refused : .done
    }
}

/// Ends an upload at the same time as somebody else.
private actor UploadRival {
    private let client: MeshClient

    init(client: sending MeshClient) { self.client = client }

    func complete(_ end: UploadEnd) async -> UploadCheck.Answer { await end.complete(client) }

    func abort(_ end: UploadEnd) async -> UploadCheck.Answer { await end.abort(client) }

    func close() async { await client.close() }
}
