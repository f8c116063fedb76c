internal import Store
internal import Swim
internal import Synchronization

/// Obeys the steward: tells it who is there and who has synced, proposes what it wants proposed, and tells operators
/// what became of their wishes.
package final class LayoutConduct: Sendable {
    /// What an operator is told.
    package enum WishAnswer: Sendable, Hashable {
        /// Decided; the notes say what will be different.
        case decided(notes: [String])
        case alreadySo
        /// Only with force, and this is what it would cost.
        case needsForce(WishLoss)
        /// Why not, as a sentence.
        case refused(String)
        /// Proposed, and not decided yet: the voters do not answer. It goes on.
        case undecided
    }

    private struct State {
        var steward: LayoutSteward
        var directives: [LayoutSteward.Directive] = []
        var seen: [NodeID: StorePresence] = [:]
        var wishes: [UInt64: UnsafeContinuation<WishVerdict?, Never>] = [:]
        var nextWish: UInt64 = 1
        var hasMetMajority = false
    }

    private static let tickMicros: Micros = 1_000_000
    /// The same until the others have answered once, but no longer than `eagerMicrosMax`.
    private static let eagerMicros: Micros = 100_000
    private static let eagerMicrosMax: Micros = 10_000_000
    /// How long an operator's command waits for a decision.
    private static let wishMicrosMax: Micros = 20_000_000
    /// Writes go on between the proposal of a second node and its adoption: stamps of the next half minute count as given
    /// out. Blind writes of that time get later ones.
    private static let settledMarginMillis: UInt64 = 30_000

    let driver: LayoutDriver
    private let register: any LayoutRegister
    private let around: Repair
    private let wishes: any CopyWishes
    private let state: Mutex<State>
    let membersMax: Int

    package init(
        _ driver: LayoutDriver,
        register: any LayoutRegister,
        around: Repair,
        wishes: any CopyWishes,
        settings: LayoutSteward.Settings = LayoutSteward.Settings()
    ) {
        self.driver = driver
        self.register = register
        self.around = around
        self.wishes = wishes
        membersMax = settings.membersMax
        let steward = LayoutSteward(
            node: driver.own,
            layout: driver.book.current,
            seed: .random(in: 0 ... .max),
            settings: settings
        )
        state = Mutex(State(steward: steward))
        driver.observe { [weak self] layout in
            self?.tell { $0.adopted(layout, now: $1, into: &$2) }
        }
    }

    // MARK: Work

    /// Works until it is cancelled.
    package func run() async {
        let begun = MonotonicClock.micros
        while !Task.isCancelled {
            await step()
            let isEager = !hasMetMajority && MonotonicClock.micros - begun < Self.eagerMicrosMax
            try? await Task.sleep(for: .microseconds(isEager ? Self.eagerMicros : Self.tickMicros))
        }
    }

    /// Whether most members of the layout, this node among them if it is one, have answered at the same time since it
    /// started.
    package var hasMetMajority: Bool { state.withLock { $0.hasMetMajority } }

    /// By the newest layout that any of them knows: in an older one a single node may be a majority.
    private func noteMet(_ answers: [NodeID: SyncStatus]) {
        let layout = driver.book.current
        guard !hasMetMajority, answers.values.allSatisfy({ $0.epoch <= layout.epoch }) else { return }
        let members = Set(layout.members.map(\.node))
        if 2 * answers.keys.count(where: members.contains) > members.count {
            state.withLock { $0.hasMetMajority = true }
        }
    }

    /// One round: looks around, and does what the steward says.
    package func step() async {
        guard driver.isReady else { return await learn() }
        let found = await look()
        let layout = driver.book.current
        let surroundings = await surroundings(found.presence, spent: found.spent)
        tell { steward, now, outbox in
            steward.saw(surroundings, now: now, into: &outbox)
            for node in found.synced { steward.synced(node, epoch: layout.epoch, now: now, into: &outbox) }
        }
        await obey()
    }

    /// What there is beside the layout, at this moment.
    func surroundings() async -> LayoutSurroundings { await surroundings(look().presence) }

    private func surroundings(
        _ presence: [NodeID: StorePresence],
        spent: UInt64? = nil
    ) async -> LayoutSurroundings {
        let layout = driver.book.current
        let isSole = layout.isSole == driver.own
        return LayoutSurroundings(
            presence: presence,
            copiesInUse: wishes.copiesInUse.sorted(),
            lastTime: isSole ? await settledTime() : 0,
            spent: spent,
            goneBuckets: wishes.goneBuckets
        )
    }

    /// A node that comes into a mesh asks everybody it meets for the layout.
    private func learn() async {
        for node in around.alive().sorted() where await driver.fetch(from: node) { return }
    }

    private func settledTime() async -> UInt64 {
        max(await driver.disk.lastTime, (WallClock.unixMillis + Self.settledMarginMillis) << 16)
    }

    private struct Look {
        let presence: [NodeID: StorePresence]
        let synced: [NodeID]
        let spent: UInt64?
    }

    /// Who is there with which store, who has synced the present epoch, and which tombstones may go in it.
    private func look() async -> Look {
        let layout = driver.book.current
        let alive = around.alive()
        var answers = [driver.own: around.ownStatus]
        await withTaskGroup(of: (NodeID, SyncStatus?).self) { tasks in
            for node in alive { tasks.addTask { (node, await self.around.status(of: node)) } }
            for await (node, status) in tasks { answers[node] = status }
        }
        let ahead = answers.filter { $0.value.epoch > layout.epoch }.min { $0.key < $1.key }
        if let ahead { await driver.fetch(from: ahead.key) }
        noteMet(answers)
        let known = answers
        let presence = state.withLock { state in
            for (node, status) in known {
                state.seen[node] = StorePresence(
                    node: node,
                    storeID: status.storeID,
                    zone: status.zone,
                    weight: status.weight,
                    isAlive: true
                )
            }
            for node in state.seen.keys where known[node] == nil && !alive.contains(node) {
                state.seen[node]?.isAlive = false
            }
            return state.seen
        }
        let synced = known.filter { $0.value.epoch == layout.epoch && $0.value.isSynced }.map(\.key).sorted()
        return Look(presence: presence, synced: synced, spent: around.collectable(known, in: layout))
    }

    private func obey() async {
        // Who stops proposes no more: another member's steward sees the same need, and an operator's wish ends undecided
        // when its time is over.
        while !Task.isCancelled,
            let directive = state.withLock({ $0.directives.isEmpty ? nil : $0.directives.removeFirst() })
        {
            switch directive {
            case .propose(let layout):
                if let row = await register.propose(layout) { await driver.take(row) }
                tell { steward, now, _ in steward.proposalEnded(now: now) }
            case .close(let wish, let verdict):
                state.withLock { $0.wishes.removeValue(forKey: wish) }?.resume(returning: verdict)
            }
        }
    }

    private func tell(_ event: (inout LayoutSteward, UInt64, inout [LayoutSteward.Directive]) -> Void) {
        let now = UInt64(MonotonicClock.micros)
        state.withLock { state in
            var outbox: [LayoutSteward.Directive] = []
            event(&state.steward, now, &outbox)
            state.directives += outbox
        }
    }

    // MARK: Operators

    /// Judges a wish at once, and waits until it is decided if it is one that can be.
    package func wish(_ wish: LayoutWish, isForced: Bool = false) async -> WishAnswer {
        guard driver.isReady else { return .refused("This node has not come into its mesh yet.") }
        guard !driver.isRemoved else { return .refused("This node was removed from the mesh: ask a member.") }
        let id = state.withLock { state in
            defer { state.nextWish += 1 }
            return state.nextWish
        }
        var verdict = WishVerdict.alreadySo
        // Resumed exactly once: by who takes it out of the state, a closed wish or the end of patience.
        let outcome: WishVerdict? = await withUnsafeContinuation { continuation in
            let now = UInt64(MonotonicClock.micros)
            verdict = state.withLock { state in
                var outbox: [LayoutSteward.Directive] = []
                let verdict = state.steward.wish(wish, id: id, isForced: isForced, now: now, into: &outbox)
                if case .propose = verdict { state.wishes[id] = continuation }
                state.directives += outbox
                return verdict
            }
            guard case .propose = verdict else { return continuation.resume(returning: nil) }
            Task {
                try? await Task.sleep(for: .microseconds(Self.wishMicrosMax))
                self.state.withLock { $0.wishes.removeValue(forKey: id) }?.resume(returning: nil)
            }
        }
        guard case .propose(_, let notes) = verdict else { return Self.answer(verdict) }
        switch outcome {
        case .none: return .undecided
        // What was wished for is so: it was decided.
        case .alreadySo: return .decided(notes: notes)
        case .some(let other): return Self.answer(other)
        }
    }

    private static func answer(_ verdict: WishVerdict) -> WishAnswer {
        switch verdict {
        case .propose(_, let notes): .decided(notes: notes)
        case .alreadySo: .alreadySo
        case .needsForce(let loss): .needsForce(loss)
        case .refused(let sentence): .refused(sentence)
        }
    }
}
