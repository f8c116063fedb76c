internal import Store
internal import Swim

/// Fetches the bytes of rows that a coordinator has just given to this node without them: the body was on its way to
/// others before this node had a place, or it was cut loose for a moment. A client may wait for one copy more.
package final class UrgentBodies: Sendable {
    /// Names that wait; those beyond are fetched with all that is wanted, some seconds later.
    private static let countMax = 64
    /// The others are given the row at the same time, and have its bytes to give once they have it.
    private static let restMillis: [Int64] = [20, 50, 100, 200, 400]

    let around: RepairSurroundings
    private let names: AsyncStream<RowName>
    private let queue: AsyncStream<RowName>.Continuation

    init(_ around: RepairSurroundings) {
        // A pause or a budget is for what nobody waits for.
        self.around = around.unpaced
        (names, queue) = AsyncStream.makeStream(of: RowName.self, bufferingPolicy: .bufferingOldest(Self.countMax))
    }

    /// Costs a lock; what is too much is left to later rounds.
    package func offer(_ name: RowName) { queue.yield(name) }

    /// Works until it is cancelled.
    func run() async {
        for await name in names { await fetch(name) }
    }

    /// Asks those that may have the bytes, a few times; whether they are here now, or not wanted any more.
    @discardableResult
    func fetch(_ name: RowName) async -> Bool {
        for rest in Self.restMillis {
            switch try? await BodyFetch(around: around).fetch(name) {
            case .supplied, .pointless: return true
            case .waiting, .unobtainable, nil:
                guard (try? await Task.sleep(for: .milliseconds(rest))) != nil else { return false }
            }
        }
        return false
    }
}
