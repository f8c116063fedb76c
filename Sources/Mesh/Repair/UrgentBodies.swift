internal import Store
internal import Swim
internal import Synchronization

/// Fetches the bytes of rows that a writer has given to this node twice without them: the body was on its way to others
/// before this node had a place, and the write waits for one copy more.
///
/// The first time says nothing: a holder that was cut loose, or that a read brings up to date, gets its row in the same
/// way, and nobody waits for its bytes. A round over all that is wanted may be fetching the same name: it may also be held
/// back by a pause, so it is not waited for, and whichever comes second is thrown away.
package final class UrgentBodies: Sendable {
    private struct State {
        /// Rows that came without bytes, the oldest first, and whether they came again.
        var recent: [RowName] = []
        var cameAgain: [RowName: Bool] = [:]

        /// Whether this is the second time.
        mutating func note(_ name: RowName) -> Bool {
            if let before = cameAgain.updateValue(true, forKey: name) { return !before }
            cameAgain[name] = false
            if recent.count == UrgentBodies.recentMax { cameAgain[recent.removeFirst()] = nil }
            recent.append(name)
            return false
        }
    }

    private static let recentMax = 256
    /// Names that wait; those beyond are fetched with all that is wanted, some seconds later.
    private static let waitingMax = 64
    /// Names that are fetched at once: one holder that hangs keeps few others waiting.
    static let workers = 4
    /// A longer body takes longer than a write waits.
    private static let bytesMax: UInt64 = 64 << 20
    /// Each further holder is asked this much later, unless the bytes are here by then.
    private static let hedgeMillis: Int64 = 200

    private let around: RepairSurroundings
    private let state = Mutex(State())
    private let names: [AsyncStream<RowName>]
    private let queues: [AsyncStream<RowName>.Continuation]

    init(_ around: RepairSurroundings) {
        // A pause or a budget is for what nobody waits for.
        self.around = around.unpaced
        let streams = (0..<Self.workers).map { _ in
            let perWorker = Self.waitingMax / Self.workers
            return AsyncStream.makeStream(of: RowName.self, bufferingPolicy: .bufferingNewest(perWorker))
        }
        names = streams.map(\.stream)
        queues = streams.map(\.continuation)
    }

    /// A coordinator gave this node the row, and its bytes are not here. Costs a lock.
    package func offer(_ name: RowName) {
        guard state.withLock({ $0.note(name) }) else { return }
        queues[Int(truncatingIfNeeded: name.address.hash & 0xffff) % Self.workers].yield(name)
    }

    /// Works until it is cancelled.
    func run() async {
        await withTaskGroup { tasks in
            for names in names { tasks.addTask { for await name in names { await self.fetch(name) } } }
            await tasks.waitForAll()
        }
    }

    /// Asks the holders that keep bytes, one a little after the other, until one of them had the bytes; whether they are
    /// here now.
    @discardableResult
    func fetch(_ name: RowName) async -> Bool {
        guard let row = try? await around.disk.row(name), row.record.size <= Self.bytesMax else { return false }
        if case .parts = row.body { return false }
        let alive = around.alive()
        let keepers = around.holders(of: name.address, around.book.current).keepers
        let sources = keepers.filter { $0 != around.own && alive.contains($0) }
        return await withTaskGroup(of: Bool.self) { tasks in
            for (index, source) in sources.enumerated() {
                tasks.addTask { [around] in
                    let rest = Duration.milliseconds(Self.hedgeMillis * Int64(index))
                    guard (try? await Task.sleep(for: rest)) != nil else { return false }
                    let outcome = try? await BodyFetch(around: around).fetch(name, from: [source])
                    if case .supplied = outcome { return true }
                    return false
                }
            }
            for await isHere in tasks where isHere {
                tasks.cancelAll()
                return true
            }
            return false
        }
    }
}
