import NIOCore
import NIOHTTP1

/// Keys that are overwritten while a node sleeps, and read through that node in the moment in which it wakes: it may fail,
/// but not answer with what is over.
struct LateKeys {
    /// Of the holders of a key, three of five nodes, two are two given ones for three keys of ten.
    private static let count = 48
    /// All are asked for at once: the first of them are answered before the node has heard any news.
    private static let readersAtOnce = 48
    private static let secondsMax: Int64 = 4

    let cluster: Cluster
    let course: Course
    let verdict: Verdict
    private let keys: [String]
    private var newest: [UInt64]

    init(_ cluster: Cluster, _ course: Course, _ verdict: Verdict) {
        self.cluster = cluster
        self.course = course
        self.verdict = verdict
        let number = course.number()
        keys = (0..<Self.count).map { "late/\(number)/\($0)" }
        newest = keys.map { _ in 0 }
    }

    /// Writes all of them, or writes them anew. What is not acknowledged is left out from then on.
    mutating func write(through node: ClusterNode) async {
        let session = S3Session(node.target, on: cluster.group)
        for (index, key) in keys.enumerated() {
            let pattern = Pattern(key: key, operation: course.number(), size: 200)
            let reply = try? await session.put(MeshTrial.bucket, key, pattern, secondsMax: Self.secondsMax)
            newest[index] = reply?.status == 200 ? pattern.operation : .max
        }
        await session.close()
    }

    func read(through node: ClusterNode) async {
        let known = Array(zip(keys, newest)).filter { $0.1 != .max }
        await withTaskGroup(of: Void.self) { tasks in
            for reader in 0..<Self.readersAtOnce {
                tasks.addTask { [cluster, verdict] in
                    let session = S3Session(node.target, on: cluster.group)
                    for (key, newest) in known.enumerated().filter({ $0.offset % Self.readersAtOnce == reader })
                        .map(\.element)
                    {
                        let request = HTTPRequest(
                            method: .GET,
                            target: S3Session.path(MeshTrial.bucket, key),
                            secondsMax: Self.secondsMax
                        )
                        guard let response = try? await session.send(request),
                            response.status == 200 || response.status == 404
                        else {
                            verdict.count("reads that a late node could not answer")
                            continue
                        }
                        let seen = response.headers["x-amz-meta-operation"].first.flatMap { UInt64($0) }
                        verdict.check(
                            promise: .linearizable,
                            seen == newest,
                            "\(key) through \(node.name), which is late: \(response.status) "
                                + "#\(seen ?? 0), when #\(newest) was acknowledged before"
                        )
                    }
                    await session.close()
                }
            }
        }
    }
}
