import Synchronization

/// The thread that tidies up: sweeps what deletes left, gives up blobs that nobody named, compacts segments, scrubs.
///
/// It sleeps until a delete rings or a second has passed while there is scrubbing to do.
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

    private let bell: Bell
    private let thread: StoreThread
    private let isStopping = Flag()

    init(_ around: Surroundings, _ bell: Bell) throws {
        self.bell = bell
        let isStopping = isStopping
        thread = try StoreThread("store-upkeep") {
            var sweeper = Sweeper(around, isStopping)
            // What the run before left behind.
            bell.ring()
            while bell.wait(millis: Self.pauseMillis) {
                let now = Clock.monotonicMillis()
                around.staging.removeFinished(before: now - min(now, Self.stagedMillisMax))
                sweeper.sweep()
                EmptySegments.remove(around)
            }
        }
    }

    func stop() {
        isStopping.value = true
        bell.close()
        thread.join()
    }
}
