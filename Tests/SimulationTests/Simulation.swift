import Swim

/// What a node under simulation wants sent.
struct Parcel<Body> {
    let body: Body
    let to: Int
    /// The port that the sender believes in; a node that moved listens at another.
    var port: UInt16 = 7946
    let isStream: Bool
    /// Bytes on the wire, seal included.
    let bytes: Int
}

/// One change of one node's view, in numbers.
struct Note {
    enum Kind: UInt8 { case alive, suspect, dead, left, usable, unusable, expelled }
    let at: Micros
    let observer: Int32
    let subject: Int32
    let kind: Kind
}

/// A protocol that can be simulated: ours, or the reference rules.
protocol Station {
    associatedtype Body
    /// Mutating, so that no copy of a large machine is made to ask.
    var nextDeadline: Micros { mutating get }
    mutating func receive(_ body: Body, isStream: Bool, from: Int, at: Micros, into: inout Post<Body>)
    mutating func advance(to: Micros, into: inout Post<Body>)
    /// A stream to that node was refused by its machine.
    mutating func refused(by: Int, at: Micros, into: inout Post<Body>)
    static func fingerprint(_ body: Body) -> UInt64
}

extension Station {
    mutating func refused(by: Int, at: Micros, into: inout Post<Body>) {}
}

/// What one call of a station gave back; reused.
struct Post<Body> {
    var parcels: [Parcel<Body>] = []
    var notes: [Note] = []
}

/// Whole clusters in one thread and in virtual time. The same seed and the same script give the same trace hash.
final class Simulation<S: Station> {
    enum Condition { case running, paused, down }

    private struct Event {
        enum Kind: UInt8 { case wake, datagram, stream, refusal, act }
        let at: Micros
        let order: UInt64
        let kind: Kind
        let node: Int32
        let from: Int32
        let payload: Int32

        func isBefore(_ other: Event) -> Bool { at != other.at ? at < other.at : order < other.order }
    }

    let count: Int
    var stations: [S]
    var conditions: [Condition]
    var network: Network
    var ports: [UInt16]
    var random: Random
    /// Nodes whose view nobody asks for.
    var outside: Set<Int> = []
    /// Nodes whose machine refuses streams, whether or not the node runs. Asked, never walked.
    var isRefusing: Set<Int> = []
    private(set) var now: Micros = 0
    private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var notes: [Note] = []
    private(set) var delivered = 0
    private(set) var packets = 0
    private(set) var bytes = 0
    private(set) var streamBytes = 0
    /// Datagrams of the busiest node in the busiest second.
    private(set) var packetsPerSecondMax = 0
    private var packetsInSecond: [Int32]
    private var second: [Int32]
    /// Called after each change, for the invariants.
    var check: ((Int, [Note]) -> Void)?

    private var heap: [Event] = []
    private var order: UInt64 = 0
    private var bodies: [S.Body?] = []
    private var freeBodies: [Int32] = []
    private var wakes: [Micros]
    private var inboxes: [[(body: S.Body, from: Int, isStream: Bool)]]
    private var acts: [(Simulation<S>) -> Void] = []
    private var post = Post<S.Body>()

    init(stations: [S], seed: UInt64) {
        self.stations = stations
        count = stations.count
        conditions = Array(repeating: .running, count: stations.count)
        network = Network(count: stations.count)
        ports = Array(repeating: 7946, count: stations.count)
        random = Random(seed: seed ^ 0x5eed)
        wakes = Array(repeating: .max, count: stations.count)
        inboxes = Array(repeating: [], count: stations.count)
        packetsInSecond = Array(repeating: 0, count: stations.count)
        second = Array(repeating: -1, count: stations.count)
        for node in stations.indices { setWake(node) }
    }

    // MARK: Script

    func at(_ time: Micros, _ act: @escaping (Simulation<S>) -> Void) {
        acts.append(act)
        push(.act, node: 0, from: 0, payload: acts.count - 1, at: time)
    }

    /// The whole machine goes: nothing answers any more.
    func crash(_ node: Int) { conditions[node] = .down }

    /// The process goes and its machine stays: it refuses streams.
    func kill(_ node: Int) {
        conditions[node] = .down
        isRefusing.insert(node)
    }

    func pause(_ node: Int) { if conditions[node] == .running { conditions[node] = .paused } }

    func resume(_ node: Int) {
        guard conditions[node] == .paused else { return }
        conditions[node] = .running
        let inbox = inboxes[node]
        inboxes[node] = []
        // A loop that wakes up finds its timers overdue before it reads its socket.
        wake(node)
        for (body, from, isStream) in inbox { deliver(body, to: node, from: from, isStream: isStream) }
    }

    /// Puts a fresh machine in a node's place, as a restart does.
    func restart(_ node: Int, _ station: S) {
        stations[node] = station
        conditions[node] = .running
        isRefusing.remove(node)
        inboxes[node] = []
        wakes[node] = .max
        setWake(node)
    }

    /// Runs one call against a station and carries out what it asks for.
    func with(_ node: Int, _ body: (inout S, inout Post<S.Body>) -> Void) {
        body(&stations[node], &post)
        settle(node)
    }

    func run(until end: Micros) {
        while let first = heap.first, first.at <= end {
            pop()
            now = first.at
            handle(first)
        }
        now = end
    }

    func clearStatistics() {
        notes.removeAll()
        packets = 0
        bytes = 0
        streamBytes = 0
        packetsPerSecondMax = 0
    }

    // MARK: Events

    private func handle(_ event: Event) {
        let node = Int(event.node)
        switch event.kind {
        case .wake:
            guard wakes[node] == event.at else { return }
            wakes[node] = .max
            guard conditions[node] == .running else { return }
            wake(node)
        case .datagram, .stream:
            let index = Int(event.payload)
            guard let body = bodies[index] else { return }
            bodies[index] = nil
            freeBodies.append(event.payload)
            switch conditions[node] {
            case .running:
                deliver(body, to: node, from: Int(event.from), isStream: event.kind == .stream)
            case .paused where inboxes[node].count < 512:
                inboxes[node].append((body, Int(event.from), event.kind == .stream))
            case .paused, .down: break
            }
        case .refusal:
            guard conditions[node] == .running else { return }
            stations[node].refused(by: Int(event.from), at: now, into: &post)
            settle(node)
        case .act: acts[Int(event.payload)](self)
        }
    }

    private func wake(_ node: Int) {
        stations[node].advance(to: now, into: &post)
        settle(node)
    }

    private func deliver(_ body: S.Body, to node: Int, from: Int, isStream: Bool) {
        delivered += 1
        trace = Random.mix(trace ^ UInt64(bitPattern: now) ^ UInt64(node) << 40 ^ UInt64(from) << 20)
        trace = Random.mix(trace ^ S.fingerprint(body))
        stations[node].receive(body, isStream: isStream, from: from, at: now, into: &post)
        settle(node)
    }

    private func settle(_ node: Int) {
        for parcel in post.parcels { transmit(parcel, from: node) }
        post.parcels.removeAll(keepingCapacity: true)
        if !post.notes.isEmpty {
            for note in post.notes {
                trace = Random.mix(trace ^ UInt64(note.kind.rawValue) << 8 ^ UInt64(note.subject) << 16)
            }
            notes.append(contentsOf: post.notes)
            check?(node, post.notes)
            post.notes.removeAll(keepingCapacity: true)
        }
        setWake(node)
    }

    private func setWake(_ node: Int) {
        guard conditions[node] == .running else { return }
        let next = max(now, stations[node].nextDeadline)
        guard next < wakes[node] else { return }
        wakes[node] = next
        push(.wake, node: node, from: 0, payload: 0, at: next)
    }

    private func transmit(_ parcel: Parcel<S.Body>, from: Int) {
        guard parcel.to >= 0, parcel.to < count, ports[parcel.to] == parcel.port else { return }
        if parcel.isStream {
            streamBytes += parcel.bytes
            guard !network.isCut(from, parcel.to), !network.isCut(parcel.to, from) else { return }
            // TCP: a lost segment waits for its timer, which doubles; after some tries nobody waits any more.
            var wait: Micros = 0
            for attempt in 0..<6 {
                let there = network.carries(from, parcel.to, now: now + wait, random: &random)
                let back = network.carries(parcel.to, from, now: now + wait, random: &random)
                if there && back {
                    let delay = wait + 3 * network.delay(random: &random)
                    if isRefusing.contains(parcel.to) {
                        push(.refusal, node: from, from: parcel.to, payload: 0, at: now + delay)
                        return
                    }
                    put(parcel.body, .stream, to: parcel.to, from: from, at: now + delay)
                    return
                }
                wait += 200_000 << Micros(attempt)
            }
            return
        }
        packets += 1
        bytes += parcel.bytes
        let second = Int32(truncatingIfNeeded: now / 1_000_000)
        if self.second[from] != second {
            self.second[from] = second
            packetsInSecond[from] = 0
        }
        packetsInSecond[from] += 1
        packetsPerSecondMax = max(packetsPerSecondMax, Int(packetsInSecond[from]))
        guard network.carries(from, parcel.to, now: now, random: &random) else { return }
        put(parcel.body, .datagram, to: parcel.to, from: from, at: now + network.delay(random: &random))
        if network.duplication > 0, random.unit() < network.duplication {
            put(parcel.body, .datagram, to: parcel.to, from: from, at: now + network.delay(random: &random))
        }
    }

    private func put(_ body: S.Body, _ kind: Event.Kind, to: Int, from: Int, at: Micros) {
        let index: Int
        if let free = freeBodies.popLast() {
            index = Int(free)
            bodies[index] = body
        } else {
            index = bodies.count
            bodies.append(body)
        }
        push(kind, node: to, from: from, payload: index, at: at)
    }

    // MARK: The heap of events

    private func push(_ kind: Event.Kind, node: Int, from: Int, payload: Int, at: Micros) {
        order += 1
        let event = Event(
            at: at,
            order: order,
            kind: kind,
            node: Int32(truncatingIfNeeded: node),
            from: Int32(truncatingIfNeeded: from),
            payload: Int32(truncatingIfNeeded: payload)
        )
        heap.append(event)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 4
            guard event.isBefore(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = event
    }

    private func pop() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        var parent = 0
        while true {
            let first = 4 * parent + 1
            guard first < heap.count else { break }
            var least = first
            for child in first + 1..<max(first + 1, min(first + 4, heap.count)) where heap[child].isBefore(heap[least])
            {
                least = child
            }
            guard heap[least].isBefore(last) else { break }
            heap[parent] = heap[least]
            parent = least
        }
        heap[parent] = last
    }
}
