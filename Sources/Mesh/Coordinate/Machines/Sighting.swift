import Store
import Swim

/// What one holder showed of a key.
struct Sighting: Sendable {
    /// The part of the chain that the operation cares for.
    var rows: KeyRows
    /// The end of a chain of the current version: what the holder has below was not shown. Nil: it showed all it has.
    var end: Stamp?
    var found: Row?
}

/// What an operation looks for, and how much of a chain matters to it.
struct LookAim: Sendable {
    let selector: VersionSelector
    let depth: LookDepth
    /// A change is placed behind the newest row of the key, so holders have to agree on that one too, whichever version
    /// it is about.
    let withTop: Bool

    func sighting(of view: KeyView) -> Sighting {
        let rows = KeyRows(view.chain)
        guard case .current = selector else { return Sighting(rows: relevant(rows), end: nil, found: view.found) }
        return Sighting(rows: rows, end: rows.current?.stamp, found: view.found)
    }

    /// The union of what holders showed, cut to what matters.
    func merged(_ sightings: some Sequence<Sighting>) -> KeyRows {
        var union = KeyRows()
        for sighting in sightings { union.merge(sighting.rows.rows) }
        return relevant(KeyRows(union.chain(selector)))
    }

    private func relevant(_ rows: KeyRows) -> KeyRows {
        if withTop { return rows }
        switch selector {
        case .current: return rows
        case .null: return KeyRows(rows.rows.filter(\.isNull))
        case .stamp(let stamp): return KeyRows(rows.rows.filter { $0.subject == stamp || $0.isNull })
        }
    }

    /// The answered version as it is now, from raw rows; nil if one of them is missing.
    func found(_ rows: KeyRows, in raw: [Row]) -> Row? {
        guard let answer = rows.answer(to: selector), var row = raw.first(where: { $0.stamp == answer.stamp }) else {
            return nil
        }
        if let retag = rows.retag(of: answer.stamp) {
            guard let tags = raw.first(where: { $0.stamp == retag.stamp }) else { return nil }
            row.record.tags = tags.record.tags
        }
        return row
    }
}
