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
    }

    /// A finished blob that no mutation has named for so long belongs to a request that is gone.
    private static let stagedMillisMax: UInt64 = 15 * 60 * 1000
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
            var scrubber = first
            var isBusy = false
            // What the run before left behind.
            bell.ring()
            while bell.wait(millis: isBusy ? Self.busyMillis : Self.pauseMillis) {
                let now = Clock.monotonicMillis()
                around.staging.removeFinished(before: now - min(now, Self.stagedMillisMax))
                sweeper.sweep()
                isBusy = compactor.step(index, now: now)
                EmptySegments.remove(around)
                scrubber.step(index, now: now)
            }
            scrubber.keep(Clock.monotonicMillis())
        }
    }

    func stop() {
        isStopping.value = true
        bell.close()
        thread.join()
    }
}
