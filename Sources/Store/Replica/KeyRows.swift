/// Rows of one key, newest first: what they mean together, and which of them stay.
///
/// **Normal form.** The subject of a row is the version that it is about: its target if it is a removal or a retag, else
/// itself. A row is void when
/// - it is of the null class (`isNull`) and a row of the null class has a later subject: the version `null` was replaced;
/// - it is not a removal, and a later removal has the same subject;
/// - it is a removal or a retag, and a later one of the same kind has the same subject.
///
/// Void rows are dropped, with their bytes, except the newest row of the key: the newest stamp of a key never goes back,
/// because it says which Paxos instance is open. What is void depends on subjects only, and a row that makes others void
/// is never dropped before a stronger one is there; so two sets merge by union, in any order, with one result.
///
/// **Which rows a decision needs.** All rows of the key always do. Fewer do as well, see `relatives(of:)`: for a key
/// with one row (nearly all) or a new version on top of many, it is the newest row alone.
package struct KeyRows: Sendable, Equatable {
    package private(set) var rows: [RowRef]

    /// A key that nobody wrote.
    package init() { rows = [] }

    package init(_ rows: some Sequence<RowRef>) {
        self.rows = Array(rows)
        if self.rows.count > 1 { self.rows.sort { $0.stamp > $1.stamp } }
    }

    package var top: RowRef? { rows.first }

    /// The newest version, tombstones included, that was not removed. In normal form a removed version is not there, so
    /// it is the first version that a walk from the newest row meets.
    package var current: RowRef? { rows.first { $0.isVersion && !isRemoved($0) } }

    /// The version `null`: an object or a delete marker; a tombstone says that there is none.
    package var null: RowRef? {
        guard let subject = nullSubject else { return nil }
        return rows.first { $0.isVersion && $0.isNull && $0.stamp == subject && !isRemoved($0) }
    }

    /// What a version selector answers: an object or a delete marker.
    package func answer(to selector: VersionSelector) -> RowRef? {
        let row: RowRef? =
            switch selector {
            case .current: current
            case .null: null
            case .stamp(let stamp): rows.first { $0.stamp == stamp && $0.isVersion && !isRemoved($0) && !isVoid($0) }
            }
        return row?.kind == .tombstone ? nil : row
    }

    /// All objects and delete markers that were neither removed nor replaced, newest first.
    package var versions: [RowRef] {
        let removed = Set(rows.filter { $0.kind == .removal }.compactMap(\.target))
        let subject = nullSubject
        return rows.filter { row in
            guard row.isVersion, row.kind != .tombstone, !removed.contains(row.stamp) else { return false }
            return !row.isNull || subject.map { row.stamp >= $0 } ?? true
        }
    }

    /// The retag whose tags a version has; nil: those that it was written with.
    package func retag(of version: Stamp) -> RowRef? {
        rows.first { $0.kind == .retag && $0.target == version }
    }

    /// What is compared between holders, newest first. Two holders with equal chains give equal answers.
    /// - `.current`: from the newest row down to and with the current one (a tombstone too), or all rows if there is none;
    /// - `.null`: the newest row and the rows of the null class;
    /// - `.stamp`: the newest row, the rows about that version, and those of the null class: they tell a holder that
    ///   missed them whether the version was replaced.
    ///
    /// These are also the rows that have to be given for an answer. A walk from the newest row to the first version
    /// (`isVersion`) finds those of `.current`.
    package func chain(_ selector: VersionSelector) -> [RowRef] {
        switch selector {
        case .current:
            guard let current else { return rows }
            return rows.prefix { $0.stamp > current.stamp } + [current]
        case .null: return rows.enumerated().filter { $0.offset == 0 || $0.element.isNull }.map(\.element)
        case .stamp(let stamp):
            return rows.enumerated().filter {
                $0.offset == 0 || $0.element.subject == stamp || $0.element.isNull
            }.map(\.element)
        }
    }

    /// Adds rows and brings the whole into normal form.
    package mutating func merge(_ others: some Sequence<RowRef>) {
        let known = Set(rows.lazy.map(\.stamp))
        let news = others.filter { !known.contains($0.stamp) }
        guard !news.isEmpty else { return }
        rows += news
        rows.sort { $0.stamp > $1.stamp }
        normalize()
    }

    package mutating func normalize() {
        guard rows.count > 1 else { return }
        let verdict = Verdict(on: rows, nullSubject)
        let kept = rows.indices.filter { $0 == 0 || !verdict.isVoid(rows[$0]) }
        if kept.count < rows.count { rows = kept.map { rows[$0] } }
    }

    /// Whether other rows here make this one void. It need not be among them.
    package func isVoid(_ row: RowRef) -> Bool { Verdict(on: rows, nullSubject).isVoid(row) }

    /// What of the rows makes others void: gathered once, as keys may have very many versions.
    private struct Verdict {
        private let nullSubject: Stamp?
        /// The last of each by its target.
        private var removals: [Stamp: Stamp] = [:]
        private var retags: [Stamp: Stamp] = [:]

        init(on rows: [RowRef], _ nullSubject: Stamp?) {
            self.nullSubject = nullSubject
            for row in rows {
                guard let target = row.target else { continue }
                switch row.kind {
                case .removal: removals[target] = max(row.stamp, removals[target] ?? row.stamp)
                case .retag: retags[target] = max(row.stamp, retags[target] ?? row.stamp)
                case .object, .deleteMarker, .tombstone: break
                }
            }
        }

        func isVoid(_ row: RowRef) -> Bool {
            if row.isNull, let nullSubject, row.subject < nullSubject { return true }
            if let removal = removals[row.subject], removal > row.stamp { return true }
            guard row.kind == .retag, let retag = retags[row.subject] else { return false }
            return retag > row.stamp
        }
    }

    private func isRemoved(_ version: RowRef) -> Bool {
        rows.contains { $0.kind == .removal && $0.target == version.stamp }
    }

    /// The latest version `null` that any row knows of.
    private var nullSubject: Stamp? {
        var latest: Stamp?
        for row in rows where row.isNull {
            if latest.map({ row.subject > $0 }) ?? true { latest = row.subject }
        }
        return latest
    }
}

/// Which rows of a key bear on another one.
package struct Relatives: Sendable, Hashable {
    /// All rows with this subject.
    package let subject: Stamp
    /// And all rows of the null class: the version `null`, its removal and its last retag.
    package let nulls: Bool
}

extension RowRef {
    /// The version that the row is about.
    package var subject: Stamp { target ?? stamp }

    /// Objects, delete markers and tombstones; the others are changes to one of them.
    package var isVersion: Bool { kind != .removal && kind != .retag }

    /// The rows whose presence decides whether this one is void, and which this one makes void.
    package var relatives: Relatives { Relatives(subject: subject, nulls: isNull) }

    /// Whether the row makes sense alone: changes have an earlier target, versions none, tombstones are of the null class.
    package var isWellFormed: Bool {
        switch kind {
        case .object, .deleteMarker: target == nil
        case .tombstone: target == nil && isNull
        case .removal, .retag: target.map { $0 < stamp } ?? false
        }
    }
}
