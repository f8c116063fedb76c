import Mesh
import Store
import Swim
import Synchronization

/// What this node writes down of itself.
extension Node {
    /// Between two looks of a node at itself.
    static let watchMillis: UInt64 = 10_000

    /// Notes what changes in its layout, its disk and its repair, until it is cancelled.
    func watchItself() async {
        events.note(EventDraft(.node, .note, "\(name) takes part, version \(Meshd.version)"))
        let known = Mutex(currentLayout)
        layout.observe { [weak self] now in
            guard let self else { return }
            let before = known.withLock { known in
                defer { known = now }
                return known
            }
            let names = (try? mesh())?.presence
            for draft in LayoutNews.drafts(before, now, name: { self.name(of: $0, names) }) { events.note(draft) }
        }
        var before: NodeCondition?
        while !Task.isCancelled {
            let now = await condition()
            for draft in ConditionNews.drafts(before, now) { events.note(draft) }
            before = now
            let millis = JSON.nowMillis()
            await history.sample(now, nowMillis: millis)
            // At the ends of the stretches of the history, so that each gets one sample.
            let rest = Self.watchMillis - millis % Self.watchMillis
            try? await Task.sleep(for: .milliseconds(Int64(rest)))
        }
        events.note(EventDraft(.node, .note, "\(name) stops"))
    }

    private func name(of id: NodeID, _ presence: Presence?) -> String {
        if id == identity.id { return name }
        return presence?[id]?.name ?? String(id.description.prefix(8))
    }

    /// The last that a node does.
    func closeStore() async {
        await store.close()
        history.keep()
        events.close()
    }
}
