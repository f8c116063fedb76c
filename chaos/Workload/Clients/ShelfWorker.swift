import NIOCore
import NIOHTTP1
import Synchronization

/// Keys that are written once and deleted once at most, in folders, with all that is known of each.
final class Shelf: Sendable {
    static let folders = ["a", "b", "c d", "é"]
    /// Past this another shelf takes its place, so that a listing by three stays short.
    static let keysMax = 160

    let bucket: String
    let prefix: String
    private let state = Mutex<[String: Presence]>([:])

    init(bucket: String, number: Int) {
        self.bucket = bucket
        prefix = "shelf/\(number)/"
    }

    var known: [String: Presence] { state.withLock { $0 } }

    var isFull: Bool { state.withLock { $0.count >= Self.keysMax } }

    func beginMake(_ key: String, size: Int) {
        state.withLock {
            var presence = Presence(makeBegin: Clock.nanoseconds())
            presence.size = size
            $0[key] = presence
        }
    }

    func endMake(_ key: String, _ reply: Reply) {
        state.withLock {
            switch reply.outcome {
            case .answered(let response) where response.status == 200: $0[key]?.makeEnd = reply.end
            case .answered, .withoutEffect: $0[key]?.isNever = true
            case .unknown: break
            }
        }
    }

    /// A key that is surely there and that nobody deletes yet; from now on somebody does.
    func beginDelete(_ random: inout SeededRandom) -> String? {
        state.withLock { state in
            let there = state.filter { $0.value.makeEnd != nil && $0.value.deleteBegin == nil }.keys.sorted()
            guard let key = there.randomElement(using: &random) else { return nil }
            state[key]?.deleteBegin = Clock.nanoseconds()
            return key
        }
    }

    func endDelete(_ key: String, _ reply: Reply) {
        state.withLock {
            switch reply.outcome {
            case .answered(let response) where response.status == 204: $0[key]?.deleteEnd = reply.end
            case .answered, .withoutEffect: $0[key]?.deleteBegin = nil
            case .unknown: break
            }
        }
    }
}

/// The shelf that is filled at present, and all before it.
final class Shelves: Sendable {
    private let bucket: String
    private let state: Mutex<[Shelf]>

    init(bucket: String) {
        self.bucket = bucket
        state = Mutex([Shelf(bucket: bucket, number: 0)])
    }

    var all: [Shelf] { state.withLock { $0 } }

    var present: Shelf {
        state.withLock { shelves in
            if let last = shelves.last, !last.isFull { return last }
            let next = Shelf(bucket: bucket, number: shelves.count)
            shelves.append(next)
            return next
        }
    }
}

/// Fills shelves, takes things away, and lists them whole, by folders, and three at a time.
actor ShelfWorker {
    private let client: MeshClient
    private let shelves: Shelves
    private let course: Course

    init(client: sending MeshClient, shelves: Shelves, course: Course) {
        self.client = client
        self.shelves = shelves
        self.course = course
    }

    func work() async {
        await course.pace { await step() }
        await close()
    }

    func close() async { await client.close() }

    private func step() async {
        let shelf = shelves.present
        switch Int.random(in: 0..<100, using: &client.random) {
        case 0..<56: await put(shelf)
        case 56..<74: await delete(shelf)
        default:
            // Also one that is full: what was deleted there must not come back.
            let shelf = client.random.oneIn(3) ? shelves.all.randomElement(using: &client.random) ?? shelf : shelf
            var query = ListingCheck.Query(prefix: shelf.prefix)
            switch Int.random(in: 0..<4, using: &client.random) {
            case 0: query.delimiter = "/"
            case 1:
                query.prefix += (Shelf.folders.randomElement(using: &client.random) ?? "a") + "/"
                query.keysMax = 3
            case 2: query.keysMax = 50
            default: break
            }
            await list(shelf, query)
        }
    }

    private func put(_ shelf: Shelf) async {
        let number = course.number()
        let folder = Shelf.folders.randomElement(using: &client.random) ?? "a"
        let key = "\(shelf.prefix)\(folder)/\(number)"
        let size = client.random.oneIn(12) ? 40 << 10 : Int.random(in: 24...300, using: &client.random)
        let pattern = Pattern(key: key, operation: number, size: size)
        shelf.beginMake(key, size: size)
        let reply = await client.send("PUT \(key)") { session throws(HTTPFailure) in
            try await session.put(shelf.bucket, key, pattern, secondsMax: MeshClient.secondsMax)
        }
        shelf.endMake(key, reply)
        if reply.status == 200 { client.verdict.count("writes acknowledged") }
    }

    private func delete(_ shelf: Shelf) async {
        guard let key = shelf.beginDelete(&client.random) else { return }
        let reply = await client.send("DELETE \(key)") { session throws(HTTPFailure) in
            try await session.send(
                HTTPRequest(
                    method: .DELETE,
                    target: S3Session.path(shelf.bucket, key),
                    secondsMax: MeshClient.secondsMax
                )
            )
        }
        shelf.endDelete(key, reply)
        if reply.status == 204 { client.verdict.count("writes acknowledged") }
    }

    /// Lists all pages, each through another node, and judges what came.
    func list(_ shelf: Shelf, _ query: ListingCheck.Query) async {
        var answer = ListingCheck.Answer(begin: Clock.nanoseconds())
        var token: String?
        var nodes: [Int] = []
        repeat {
            let reply = await client.send("list \(query)") { session throws(HTTPFailure) in
                try await session.list(shelf.bucket, query, after: token, secondsMax: MeshClient.secondsMax)
            }
            guard let response = reply.response, response.status == 200 else { return }
            nodes.append(reply.node)
            token = answer.add(page: response.text)
        } while token != nil
        answer.end = Clock.nanoseconds()
        let objections = ListingCheck(query: query, known: shelf.known).objections(answer)
        client.verdict.count("listings")
        client.verdict.count("pages listed", nodes.count)
        client.verdict.check(
            promise: .listing,
            objections.isEmpty,
            "the listing of \(query) through nodes \(nodes): \(objections.prefix(6).joined(separator: "; "))",
            around: Array(objections.dropFirst(6).prefix(20))
        )
    }

    /// At the end: each key through one node, byte by byte, and the whole listing.
    func inspect(_ shelf: Shelf, through node: ClusterNode) async {
        for (key, presence) in shelf.known.sorted(by: { $0.key < $1.key }) {
            let reply = await client.send("GET \(key)", through: node) { session throws(HTTPFailure) in
                try await session.get(shelf.bucket, key)
            }
            guard let response = reply.response else { continue }
            let number = key.split(separator: "/").last.flatMap { UInt64($0) } ?? 0
            let pattern = Pattern(key: key, operation: number, size: presence.size)
            switch ObjectReading.see(response, pattern: { $0 == number ? pattern : nil }) {
            case .nothing:
                client.verdict.check(
                    promise: .durable,
                    !presence.must(reply.begin, reply.end),
                    "\(key) is not there through \(node.name); its PUT was acknowledged and nobody deleted it"
                )
            case .write:
                client.verdict.check(
                    promise: .deleted,
                    presence.may(reply.begin, reply.end),
                    "\(key) is there through \(node.name); "
                        + (presence.isNever ? "its PUT was refused" : "its deletion was acknowledged")
                )
            case .wrong(let what): client.verdict.fail(promise: .whole, "\(key) through \(node.name): read \(what)")
            }
        }
        await list(shelf, ListingCheck.Query(prefix: shelf.prefix))
    }
}

extension ListingCheck.Answer {
    /// Takes one page of ListObjectsV2; returns the token of the next.
    mutating func add(page: String) -> String? {
        let text = XMLText(page)
        for entry in text.elements("Contents") {
            guard let key = entry.firstKey("Key"), let size = entry.first("Size").flatMap({ Int($0) }) else { continue }
            entries.append(ListingCheck.Entry(key: key, size: size))
        }
        prefixes += text.elements("CommonPrefixes").compactMap { $0.firstKey("Prefix") }
        return text.first("NextContinuationToken")
    }
}
