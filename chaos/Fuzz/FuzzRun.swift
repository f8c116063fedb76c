import NIOCore
import NIOHTTP1
import NIOPosix

/// One daemon, fuzzed by a few threads for a while, then asked what it holds and told to stop.
struct FuzzRun {
    private static let workers = 4

    let settings: Daemon.Settings
    let seconds: Int
    let seed: UInt64
    let verdict: Verdict
    let group: any EventLoopGroup

    func run() async throws {
        let daemon = try await Daemon.start(settings, on: group)
        let target = try await daemon.ready()
        let session = S3Session(target, on: group)
        let requests = try await prepare(session, target)
        let granted = try await fuzz(requests)
        if let exit = daemon.process.ending {
            return verdict.fail("meshd ended with \(exit)", around: [daemon.logTail()])
        }
        try await inspect(session, granted)
        // A flip that changes nothing, in a header's name say, may have completed it already.
        if granted.contains("upload") { return try await stop(session, daemon) }
        // What was broken so often would have been granted whole.
        let completed = try await session.completeUpload(
            FuzzRequests.bucket,
            "upload",
            upload: requests.upload,
            etags: [requests.partETag]
        )
        verdict.check(completed.status == 200, "complete the upload: \(completed.status) \(completed.text)")
        try await stop(session, daemon)
    }

    private func stop(_ session: S3Session, _ daemon: Daemon) async throws {
        await session.close()
        let exit = try await daemon.stop()
        verdict.check(exit == .code(0), "a graceful stop ended with \(exit)", around: [daemon.logTail()])
    }

    /// The bucket, the first canary, and an upload that only a whole and right request completes.
    private func prepare(_ session: S3Session, _ target: S3Target) async throws -> FuzzRequests {
        var requests = FuzzRequests(target)
        let made = try await session.createBucket(FuzzRequests.bucket)
        verdict.check(made.status == 200, "create a bucket: \(made.status) \(made.text)")
        let part = FuzzRequests.pattern("upload")
        let upload = try await session.createUpload(FuzzRequests.bucket, "upload", part)
        requests.upload = XMLText(upload.text).first("UploadId") ?? ""
        let put = try await session.uploadPart(
            FuzzRequests.bucket,
            "upload",
            upload: requests.upload,
            number: 1,
            part,
            0..<part.size
        )
        requests.partETag = put.headers.first(name: "etag") ?? ""
        verdict.check(put.status == 200, "upload a part: \(put.status) \(put.text)")
        return requests
    }

    private func fuzz(_ requests: FuzzRequests) async throws -> Set<String> {
        let pool = NIOThreadPool(numberOfThreads: Self.workers)
        pool.start()
        let deadline = Clock.nanoseconds() + UInt64(seconds) * 1_000_000_000
        let granted = try await withThrowingTaskGroup(of: Set<String>.self) { tasks in
            for number in 0..<Self.workers {
                tasks.addTask {
                    try await pool.runIfActive {
                        var worker = FuzzWorker(requests, seed: seed, number: number, verdict: verdict)
                        worker.work(until: deadline)
                        return worker.granted
                    }
                }
            }
            return try await tasks.reduce(into: Set<String>()) { $0.formUnion($1) }
        }
        try await pool.shutdownGracefully()
        return granted
    }

    /// What is listed must be what was granted, no more and no less, and hold the right bytes.
    private func inspect(_ session: S3Session, _ granted: Set<String>) async throws {
        var listed: Set<String> = []
        var token: String?
        repeat {
            let page = try await session.list(FuzzRequests.bucket, after: token)
            guard page.status == 200 else { return verdict.fail("list: \(page.status) \(page.text)") }
            let text = XMLText(page.text)
            listed.formUnion(text.elements("Contents").compactMap { $0.firstKey("Key") })
            token = text.first("NextContinuationToken")
        } while token != nil
        verdict.count("objects", listed.count)
        for key in listed.subtracting(granted).sorted() { verdict.fail("\(key) is listed, its PUT was not granted") }
        for key in granted.subtracting(listed).sorted() { verdict.fail("\(key) was granted and is not listed") }
        for key in listed.sorted() {
            let answer = try await session.get(FuzzRequests.bucket, key)
            verdict.check(
                answer.status == 200 && Array(answer.body.readableBytesView) == FuzzRequests.body(key),
                "\(key) came back with status \(answer.status) and \(answer.bytesReceived) bytes that are not its own"
            )
        }
    }
}
