import NIOCore
import NIOHTTP1

/// Buckets that are made by several at once, used through other nodes at once, and filled and deleted at once.
actor BucketWorker {
    private static let keys = ["first", "second", "third"]

    private let client: MeshClient
    private let rivals: [BucketRival]
    private let course: Course

    /// Each rival is a client of its own.
    init(client: sending MeshClient, rivals: [BucketRival], course: Course) {
        self.client = client
        self.rivals = rivals
        self.course = course
    }

    func work() async {
        await course.pace { await step() }
        await client.close()
        for rival in rivals { await rival.close() }
    }

    private func step() async {
        let bucket = "chaos-bucket-\(course.number())"
        guard await create(bucket) else { return }
        client.verdict.count("buckets made")
        guard await fill(bucket) else { return }
        for key in Self.keys {
            let reply = await client.send("DELETE \(bucket)/\(key)") { session throws(HTTPFailure) in
                try await session.delete(bucket, key)
            }
            guard reply.status == 204 else { return }
        }
        await contend(bucket)
    }

    /// All of those that make it at once are told that it is there: its owner may make it again.
    private func create(_ bucket: String) async -> Bool {
        let rivals = rivals
        let answers = await withTaskGroup(of: BucketCheck.Answer.self) { tasks in
            for rival in rivals { tasks.addTask { await rival.create(bucket) } }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        client.verdict.check(
            promise: .bucket,
            !answers.contains(.refused),
            "\(bucket): some of those that made it at once were refused: \(answers)"
        )
        return answers.contains(.done)
    }

    /// It is known to all nodes as soon as it is acknowledged, and it is one: what one node put into it another lists.
    private func fill(_ bucket: String) async -> Bool {
        var sizes: [String: Presence] = [:]
        for key in Self.keys {
            let pattern = Pattern(key: key, operation: course.number(), size: 30)
            sizes[key] = Presence(makeBegin: Clock.nanoseconds())
            sizes[key]?.size = pattern.size
            let reply = await client.send("PUT \(bucket)/\(key)") { session throws(HTTPFailure) in
                try await session.put(bucket, key, pattern, secondsMax: MeshClient.secondsMax)
            }
            guard reply.status == 200 else { return false }
            sizes[key]?.makeEnd = reply.end
        }
        var answer = ListingCheck.Answer(begin: Clock.nanoseconds())
        let query = ListingCheck.Query(prefix: "")
        let reply = await client.send("list \(bucket)") { session throws(HTTPFailure) in
            try await session.list(bucket, query, after: nil, secondsMax: MeshClient.secondsMax)
        }
        guard let response = reply.response, response.status == 200 else { return false }
        _ = answer.add(page: response.text)
        answer.end = reply.end
        let objections = ListingCheck(query: query, known: sizes).objections(answer)
        client.verdict.check(
            promise: .bucket,
            objections.isEmpty,
            "\(bucket), just made, listed through n\(reply.node): \(objections.joined(separator: "; "))"
        )
        return true
    }

    /// One deletes it, one writes into it.
    private func contend(_ bucket: String) async {
        let pattern = Pattern(key: "late", operation: course.number(), size: 30)
        async let put = rivals[0].put(bucket, "late", pattern)
        async let deletion = rivals[1].delete(bucket)
        let (wasPut, wasDeleted) = (await put, await deletion)
        // Asked twice: once each through nodes that may differ.
        let isOpen = await rivals[0].put(bucket, "later", Pattern(key: "later", operation: course.number(), size: 30))
        let late = await client.send("GET \(bucket)/late", mayLackBucket: true) { session throws(HTTPFailure) in
            try await session.get(bucket, "late")
        }
        let check = BucketCheck(
            deletion: wasDeleted,
            put: wasPut,
            isOpen: isOpen == .unknown ? nil : isOpen == .done,
            isThere: late.status.map { $0 == 200 }
        )
        client.verdict.check(
            promise: .bucket,
            check.objection == nil,
            "\(bucket), deletion \(wasDeleted), put \(wasPut): \(check.objection ?? "")"
        )
    }
}

/// One of those that do things to one bucket at once.
actor BucketRival {
    private let client: MeshClient

    init(client: sending MeshClient) { self.client = client }

    func create(_ bucket: String) async -> BucketCheck.Answer {
        let reply = await client.send("create \(bucket)", takes: [409]) { session throws(HTTPFailure) in
            try await session.createBucket(bucket)
        }
        return answer(reply, done: 200)
    }

    func delete(_ bucket: String) async -> BucketCheck.Answer {
        let target = "/\(bucket)"
        let reply = await client.send("delete \(bucket)", takes: [409]) { session throws(HTTPFailure) in
            try await session.send(
                HTTPRequest(method: .DELETE, target: target, secondsMax: MeshClient.secondsMax)
            )
        }
        return answer(reply, done: 204)
    }

    func put(_ bucket: String, _ key: String, _ pattern: Pattern) async -> BucketCheck.Answer {
        let reply = await client.send("PUT \(bucket)/\(key)", mayLackBucket: true) { session throws(HTTPFailure) in
            try await session.put(bucket, key, pattern, secondsMax: MeshClient.secondsMax)
        }
        return answer(reply, done: 200)
    }

    private func answer(_ reply: Reply, done: Int) -> BucketCheck.Answer {
        switch reply.outcome {
        case .answered(let response): response.status == done ? .done : .refused
        // What came to nothing does not say that somebody was first.
        case .withoutEffect, .unknown: .unknown
        }
    }

    func close() async { await client.close() }
}
