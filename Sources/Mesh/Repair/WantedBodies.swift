internal import Store
internal import Swim

/// Fetches what rows say should be here and is not: after a repair, a move, or when the scrub found damage.
struct WantedBodies: Sendable {
    struct Pass: Sendable {
        var supplied = 0
        /// Somebody who may have them did not answer.
        var waiting = 0
        var unobtainable = 0
    }

    private static let namesAtOnce = 256

    let around: RepairSurroundings

    /// One pass over all that is wanted in these partitions; nil: everywhere.
    func pass(_ partitions: Set<Partition>? = nil) async throws -> Pass {
        var pass = Pass()
        var after: RowName?
        while true {
            let names = try await around.disk.wanted(after: after, limit: Self.namesAtOnce)
            guard let last = names.last else { return pass }
            let meant = names.filter { partitions?.contains($0.address.partition) ?? true }
            for outcome in try await fetch(meant) {
                switch outcome {
                case .supplied: pass.supplied += 1
                case .waiting: pass.waiting += 1
                case .unobtainable: pass.unobtainable += 1
                case .pointless: break
                }
            }
            after = last
        }
    }

    /// One that fails keeps none of the others waiting.
    private func one(_ name: RowName) async throws -> BodyFetch.Outcome {
        do {
            return try await BodyFetch(around: around).fetch(name)
        } catch let error as StoreError {
            guard case .corrupt = error else { throw error }
            return .waiting
        }
    }

    private func fetch(_ names: [RowName]) async throws -> [BodyFetch.Outcome] {
        var outcomes: [BodyFetch.Outcome] = []
        var rest = names[...]
        try await withThrowingTaskGroup(of: BodyFetch.Outcome.self) { tasks in
            for name in rest.prefix(around.settings.bodiesAtOnce) {
                tasks.addTask { try await one(name) }
            }
            rest = rest.dropFirst(around.settings.bodiesAtOnce)
            while let outcome = try await tasks.next() {
                outcomes.append(outcome)
                if let name = rest.popFirst() { tasks.addTask { try await one(name) } }
            }
        }
        around.counters.bodiesUnobtainable.add(UInt64(outcomes.count { $0 == .unobtainable }))
        return outcomes
    }
}
