import Synchronization

/// The thread that tidies up: sweeps what deletes left, gives up blobs that nobody named, compacts segments, scrubs.
///
/// It sleeps until a delete rings or a second has passed; a tenth of one while it compacts.
final class Housekeeper: Sendable {
    struct Surroundings: Sendable {
        let settings: StoreSettings
        let directory: DataDirectory
        let staging: Staging
        let pins: Pins
        let active: ActiveSegments
        let segments: SegmentTable
        let published: PublishedState
        let committer: Committer
        let readers: ReaderPool
        let lanes: [Lane]
        let chunks: ChunkSource
        let condition: Condition
        let metrics: Metrics
        let digest: Digest
        let hints: HintBook
        let fencing: FencingBook
        let damage: DamageBook
    }

    /// A finished blob that no mutation has named for so long belongs to a request that is gone.
    private static let stagedMillisMax: UInt64 = 15 * 60 * 1000
    /// One that was staged for a row of another node: the row may come late, after the node was cut off.
    private static let stagedOpMillisMax: UInt64 = 24 * 60 * 60 * 1000
    private static let pauseMillis: UInt64 = 1000
    /// Between two steps of a compaction: some 40 MiB a second.
    private static let busyMillis: UInt64 = 100

    private let bell: Bell
    private let thread: StoreThread
    private let isStopping = Flag()

    init(_ around: Surroundings, _ bell: Bell) throws {
        self.bell = bell
        let isStopping = isStopping
        // The connection goes over to the new thread and is touched by no other.
        nonisolated(unsafe) let index = try IndexReader(around.directory.index, cacheKibibytes: 512)
        let start = Clock.monotonicMillis()
        // It holds statements of that connection and goes over with it; nothing here touches it again.
        nonisolated(unsafe) let first = try Scrubber(around, isStopping, index, now: start)
        thread = try StoreThread("store-upkeep") {
            var sweeper = Sweeper(around, isStopping)
            var compactor = Compactor(around, isStopping)
            var owners = OwnerSearch(around)
            var scrubber = first
            var isBusy = false
            // What the run before left behind.
            bell.ring()
            while bell.wait(millis: isBusy ? Self.busyMillis : Self.pauseMillis) {
                let now = Clock.monotonicMillis()
                around.staging.removeFinished(
                    now: now,
                    ageMillisMax: Self.stagedMillisMax,
                    agedOpMillisMax: Self.stagedOpMillisMax
                )
                sweeper.sweep()
                isBusy = compactor.step(index, now: now)
                if Self.count(around, isStopping) { isBusy = true }
                if owners.step(index) { isBusy = true }
                if Burials.purge(around, isStopping) { isBusy = true }
                Self.keepHints(around)
                EmptySegments.remove(around)
                scrubber.step(index, now: now)
            }
            scrubber.keep(Clock.monotonicMillis())
        }
    }

    /// Rows in one transaction of the count, about two milliseconds; and how long it goes on without a pause.
    private static let countRows = 1000
    private static let countMillis: UInt64 = 50

    /// Goes on with the count of rows for the digest; true when there is more.
    private static func count(_ around: Surroundings, _ isStopping: Flag) -> Bool {
        guard !around.digest.isDone else { return false }
        let end = Clock.monotonicMillis() + countMillis
        let hasMore = Flag()
        repeat {
            do {
                try around.committer.upkeep { hasMore.value = try $0.countDigest(rows: countRows) }
            } catch {
                // A store that cannot even read is tried again with the next round.
                return false
            }
        } while hasMore.value && !isStopping.value && Clock.monotonicMillis() < end
        return hasMore.value
    }

    /// Hints that no other write has taken along.
    private static func keepHints(_ around: Surroundings) {
        guard around.hints.hasWaiting else { return }
        let hints = around.hints.takeWaiting()
        // Those that cannot be kept are found by comparison.
        try? around.committer.upkeep { try $0.insert(hints: hints) }
    }

    func stop() {
        isStopping.value = true
        bell.close()
        thread.join()
    }
}
