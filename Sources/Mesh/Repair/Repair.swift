package import Store
package import Swim
internal import Synchronization

/// Brings copies together again: hints, read repair, bodies that are missing, comparisons, and what a change of the
/// layout moves. The door of the room.
///
/// Nothing here decides anything about a key: rows merge by union, so every repair may come late, twice, or not at all,
/// and the next one finds what is left.
package final class Repair: Sendable {
    let around: RepairSurroundings
    let mover: Mover
    let antiEntropy: AntiEntropy
    package let readRepair: ReadRepair
    package let urgent: UrgentBodies
    package let service: RepairService
    private let smallState: SmallStatePoll
    private let surplus: Surplus
    private let burial: Burial?
    let collector: Collector
    /// What a node is called; for people.
    private let name: @Sendable (NodeID) -> String

    /// - Parameters:
    ///   - epoch: the epoch that the store has taken up.
    ///   - align: brings this node and another one to the same layout; false if that is not possible now.
    ///   - alive: the other nodes that would answer now.
    package init(
        own: NodeID,
        place: OwnPlace,
        disk: any RepairDisk,
        line: any RepairLine,
        book: LayoutBook,
        gate: LayoutGate,
        wishes: any CopyWishes,
        buckets: (any BucketRegister)? = nil,
        settings: RepairSettings,
        epoch: @escaping @Sendable () -> UInt64,
        align: @escaping @Sendable (NodeID, Store.Refusal) async -> Bool,
        alive: @escaping @Sendable () -> Set<NodeID>,
        name: @escaping @Sendable (NodeID) -> String
    ) {
        let pace = Pace(limit: settings.bytesPerSecond)
        let counters = RepairCounters()
        let peers = RepairPeers(line: line, epoch: epoch, align: align, pace: pace, counters: counters)
        let around = RepairSurroundings(
            own: own,
            disk: disk,
            peers: peers,
            book: book,
            wishes: wishes,
            alive: alive,
            settings: settings,
            pace: pace,
            counters: counters
        )
        self.around = around
        self.name = name
        let mover = Mover(around)
        self.mover = mover
        antiEntropy = AntiEntropy(around)
        readRepair = ReadRepair(around)
        urgent = UrgentBodies(around)
        smallState = SmallStatePoll(around)
        let surplus = Surplus(around: around, gate: gate)
        self.surplus = surplus
        let collector = Collector(around, surplus)
        self.collector = collector
        burial = buckets.map { Burial(around, $0) }
        service = RepairService(around, place: place, collector: collector) { mover.isSynced(in: $0) }
    }

    package var pace: Pace { around.pace }
    package var counters: RepairCounters { around.counters }

    /// Whether this node has all that it is to hold in this epoch.
    package func isSynced(in epoch: UInt64) -> Bool { mover.isSynced(in: epoch) }

    /// Whether this node has heard all buckets, keys and settings of its mesh since it started.
    package var knowsSmallState: Bool { smallState.isKnown }

    /// The other nodes that would answer now.
    package func alive() -> Set<NodeID> { around.alive() }

    package var ownStatus: SyncStatus { service.status() }

    /// The highest time word among tombstones that all members have listed in this stable layout; nil: some have not, or
    /// there are none.
    func collectable(_ statuses: [NodeID: SyncStatus], in layout: Layout) -> UInt64? {
        collector.collectable(statuses, in: layout)
    }

    /// How far another node is; nil: it does not answer.
    package func status(of node: NodeID) async -> SyncStatus? { try? await around.unpaced.peers.status(node) }

    /// An operator asked: compare with everybody now.
    package func start() { antiEntropy.hurry() }

    /// Works until it is cancelled.
    package func run() async {
        let settings = around.settings
        await withTaskGroup { tasks in
            tasks.addTask { await self.repeating(settings.idleMicros) { await self.drainHints() } }
            tasks.addTask {
                await self.repeating(settings.eagerMicros) {
                    await self.smallState.step()
                    guard self.smallState.isKnown else { return }
                    try await Task.sleep(for: .microseconds(settings.smallStateMicros))
                }
            }
            tasks.addTask { await self.repeating(settings.idleMicros) { _ = try await self.mover.step() } }
            tasks.addTask { await self.repeating(settings.wantedMicros) { await self.fetchWanted() } }
            tasks.addTask { await self.urgent.run() }
            tasks.addTask { await self.repeating(settings.idleMicros) { try await self.antiEntropy.step() } }
            tasks.addTask { await self.giveUpSurplus() }
            tasks.addTask { await self.repeating(settings.idleMicros) { try await self.collector.step() } }
            tasks.addTask { await self.repeating(settings.burialMicros) { try await self.buryBuckets() } }
            for _ in 0..<settings.readRepairsAtOnce {
                tasks.addTask { await self.repeating(settings.idleMicros) { try await self.readRepair.drain() } }
            }
            await tasks.waitForAll()
        }
    }

    /// How often the budget is told how clients fare, and how much one such look counts at most.
    private static let feelMicros: Micros = 250_000
    private static let feelCountMax: UInt64 = 16

    /// Tells the budget how long requests of clients take, until it is cancelled: where they get slow, repair makes room.
    package func feel(_ metrics: QuorumMetrics) async {
        var before = metrics.foreground
        while !Task.isCancelled {
            try? await Task.sleep(for: .microseconds(Self.feelMicros))
            let now = metrics.foreground
            let count = now.count &- before.count
            if count > 0 {
                let mean = Micros(clamping: (now.micros &- before.micros) / count)
                for _ in 0..<min(count, Self.feelCountMax) { pace.note(requestMicros: mean) }
            }
            before = now
        }
    }

    /// A failure of one round is no reason to end: the next one begins anew, and what failed is counted where it did.
    private func repeating(_ micros: Micros, _ body: @Sendable () async throws -> Void) async {
        while !Task.isCancelled {
            try? await body()
            try? await Task.sleep(for: .microseconds(micros))
        }
    }

    // MARK: Single rounds

    /// Delivers the hints for everybody who is alive.
    func drainHints() async {
        // A store without a place brings nothing: others went on without it.
        guard around.book.current.member(around.own) != nil else { return }
        let waiting = around.disk.hintCounts()
        guard !waiting.isEmpty else { return }
        let alive = around.alive()
        let layout = around.book.current
        for (peer, count) in waiting where count > 0 && !Task.isCancelled {
            if alive.contains(peer), layout.member(peer) != nil {
                try? await HintDrain(around: around).drain(peer)
            } else if !layout.hasPlace(peer) {
                try? await forget(peer)
            }
        }
    }

    /// Who is no member any more needs nothing, nor who was drained and has gone: should it get a share again, the sync
    /// before that brings all.
    private func forget(_ peer: NodeID) async throws {
        while true {
            let hints = try await around.disk.hints(for: peer, limit: RepairMessage.rowsMax)
            guard !hints.isEmpty else { return }
            try await around.disk.removeHints(for: peer, hints)
        }
    }

    func fetchWanted() async {
        guard around.disk.wantedCount > 0 else { return }
        _ = try? await WantedBodies(around: around).pass()
    }

    @discardableResult
    func pollSmallState() async -> Bool { await smallState.step() }

    func buryBuckets() async throws { try await burial?.step() }

    @discardableResult
    func dropSurplus() async throws -> Surplus.Result { try await surplus.pass() }

    /// Soon after each change of the layout, and from time to time; at once again while holders lack something.
    private func giveUpSurplus() async {
        var last: (epoch: UInt64, at: Micros)?
        while !Task.isCancelled {
            let layout = around.book.current
            let now = MonotonicClock.micros
            let isDue = last.map { $0.epoch != layout.epoch || now - $0.at >= around.settings.surplusMicros } ?? true
            if isDue, !layout.isJoint, let result = try? await surplus.pass() {
                last = result.kept == 0 ? (layout.epoch, now) : nil
            }
            try? await Task.sleep(for: .microseconds(around.settings.wantedMicros))
        }
    }
}

extension Repair {
    // MARK: For people

    package var report: RepairReport {
        let hints = around.disk.hintCounts().filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { peer, count in
            RepairReport.Backlog(
                peer: peer.description,
                name: name(peer),
                objects: count,
                sentence: "\(Self.objects(count)) \(count == 1 ? "waits" : "wait") for \(name(peer))"
            )
        }
        let movement = movementReport
        let wanted = around.disk.wantedCount
        var sentences = hints.map(\.sentence)
        if wanted > 0 { sentences.append("the bytes of \(Self.objects(wanted)) are still to be fetched") }
        if readRepair.backlog > 0 {
            sentences.append("\(Self.objects(readRepair.backlog)) wait to be mended after a read")
        }
        if let movement, !movement.isDone { sentences.append(movement.sentence) }
        if let collection = collectionReport, !collection.waitsFor.isEmpty { sentences.append(collection.sentence) }
        if pace.isPaused { sentences.append("repair is paused") }
        return RepairReport(
            isPaused: pace.isPaused,
            bytesPerSecondLimit: pace.limit,
            bytesPerSecondNow: pace.rate,
            hints: hints,
            wanted: wanted,
            readRepairsWaiting: readRepair.backlog,
            movement: movement,
            collection: collectionReport,
            comparisons: comparisonReports,
            counters: counters.values,
            sentences: sentences
        )
    }

    private static func objects(_ count: Int) -> String { count == 1 ? "1 object" : "\(count) objects" }

    private var collectionReport: RepairReport.Collection? {
        let (rows, waitsFor, since) = collector.backlog
        guard rows > 0 else { return nil }
        let names = waitsFor.sorted().map { name($0) }
        var sentence = rows == 1 ? "1 tombstone waits to be collected" : "\(rows) tombstones wait to be collected"
        if !names.isEmpty { sentence += ", until all members answer: " + names.joined(separator: ", ") }
        return RepairReport.Collection(rows: rows, waitsFor: names, sinceMillis: since, sentence: sentence)
    }

    private var movementReport: RepairReport.Movement? {
        let progress = around.movement.progress
        guard progress.epoch > 0 else { return nil }
        let micros = max(1, (progress.endedMicros ?? MonotonicClock.micros) - progress.startedMicros)
        let rate = UInt64(Double(progress.bytes) * 1_000_000 / Double(micros))
        let left = progress.bytesExpected > progress.bytes ? progress.bytesExpected - progress.bytes : 0
        let waits = mover.obstacles.keys.sorted().map { name($0) }
        var sentence = "\(progress.partitionsDone) of \(progress.partitions) shares are here, "
        sentence += "\(progress.objects) objects and \(progress.bytes) bytes came"
        if !waits.isEmpty { sentence += "; it waits for " + waits.joined(separator: ", ") }
        return RepairReport.Movement(
            epoch: progress.epoch,
            isDone: progress.isSynced,
            partitions: progress.partitions,
            partitionsDone: progress.partitionsDone,
            objects: progress.objects,
            objectsExpected: progress.objectsExpected,
            bytes: progress.bytes,
            bytesExpected: progress.bytesExpected,
            bytesPerSecond: rate,
            secondsLeft: progress.isSynced ? 0 : rate > 0 && left > 0 ? left / rate : nil,
            bodiesUnobtainable: progress.bodiesUnobtainable,
            waitsFor: waits,
            sentence: sentence
        )
    }

    private var comparisonReports: [RepairReport.Comparison] {
        antiEntropy.log.all.sorted { $0.key < $1.key }.map { peer, entry in
            RepairReport.Comparison(
                peer: peer.description,
                name: name(peer),
                atMillis: entry.atMillis,
                leavesDifferent: entry.leavesDifferent,
                rowsPulled: entry.rowsPulled,
                rowsPushed: entry.rowsPushed,
                bytes: entry.bytes,
                failure: entry.failure.map(\.sentence)
            )
        }
    }
}

extension RepairFailure {
    package var sentence: String {
        switch self {
        case .unreachable: "the node did not answer"
        case .unserved: "the node does not serve this question"
        case .refused(let refusal): "the node refused: \(refusal)"
        case .malformed: "the node's answer was not understood"
        case .disk(let what): "this node's disk: \(what)"
        case .superseded: "the layout changed meanwhile"
        }
    }
}
