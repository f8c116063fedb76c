import Store

/// One operation of a client, and what it was told.
struct KeyEntry: Sendable {
    enum Kind: Sendable, Hashable {
        /// `isNull`: the version null is replaced.
        case put(isNull: Bool)
        /// Without versioning.
        case delete
        case deleteMarker(isNull: Bool)
        case get
        case getVersion(UInt8)
        /// Version nil: only if there is no object.
        case conditionalPut(ifVersion: UInt8?, isNull: Bool)
        case conditionalDelete(ifVersion: UInt8)
        case conditionalMarker(ifVersion: UInt8, isNull: Bool)
        case removeVersion(UInt8)
        case setTags(UInt8, tag: UInt8)
    }

    enum Result: Sendable, Hashable {
        case done
        /// What a read returned, or what made a condition false.
        case found(UInt8, tag: UInt8)
        case absent
        /// The condition was false, and this was current (0: nothing).
        case refused(current: UInt8)
        /// Nobody knows, or not yet.
        case unknown
        /// Certain to have had no effect.
        case nothing
    }

    /// The version that it writes is named by this, from 1.
    let id: UInt8
    let key: Int
    let kind: Kind
    let begun: Int
    var ended = Int.max
    var result = Result.unknown

    /// It was told something that only fits some states, and changed nothing.
    var isAnswered: Bool { result != .unknown && result != .done }

    var isRead: Bool {
        switch kind {
        case .get, .getVersion: true
        default: false
        }
    }
}

/// A key as S3 describes it, one operation after the other: the versions, oldest first.
struct KeyState: Hashable, Sendable {
    struct Version: Hashable, Sendable {
        var id: UInt8
        var tag: UInt8
        var isNull: Bool
        var isMarker: Bool
    }

    private(set) var versions: [Version] = []

    private var current: Version? { versions.last.flatMap { $0.isMarker ? nil : $0 } }

    private func version(_ id: UInt8) -> Version? { versions.first { $0.id == id && !$0.isMarker } }

    private mutating func place(_ id: UInt8, isNull: Bool, isMarker: Bool = false) {
        if isNull { versions.removeAll { $0.isNull } }
        versions.append(Version(id: id, tag: 0, isNull: isNull, isMarker: isMarker))
    }

    /// Carries an operation out and says what it answers.
    mutating func apply(_ entry: KeyEntry) -> KeyEntry.Result {
        switch entry.kind {
        case .put(let isNull): place(entry.id, isNull: isNull)
        case .delete: versions.removeAll { $0.isNull }
        case .deleteMarker(let isNull): place(entry.id, isNull: isNull, isMarker: true)
        case .get: return current.map { .found($0.id, tag: $0.tag) } ?? .absent
        case .getVersion(let id): return version(id).map { .found($0.id, tag: $0.tag) } ?? .absent
        case .conditionalPut(let wanted, let isNull):
            guard current?.id == wanted else { return .refused(current: current?.id ?? 0) }
            place(entry.id, isNull: isNull)
        case .conditionalDelete(let wanted):
            guard current?.id == wanted else { return .refused(current: current?.id ?? 0) }
            versions.removeAll { $0.isNull }
        case .conditionalMarker(let wanted, let isNull):
            guard current?.id == wanted else { return .refused(current: current?.id ?? 0) }
            place(entry.id, isNull: isNull, isMarker: true)
        case .removeVersion(let id):
            guard version(id) != nil else { return .absent }
            versions.removeAll { $0.id == id }
        case .setTags(let id, let tag):
            guard let index = versions.firstIndex(where: { $0.id == id && !$0.isMarker }) else { return .absent }
            versions[index].tag = tag
        }
        return .done
    }
}

/// Decides whether a history of one key is linearizable: whether each operation can be placed at one moment between its
/// beginning and its end so that all answers are right. Operations of unknown outcome may be placed anywhere after
/// their beginning, or nowhere. The search of Wing and Gong with Lowe's memory of states that led nowhere.
struct Linearizer {
    enum Verdict: Equatable {
        case linearizable
        case impossible
        /// More states than the limit.
        case undecided
    }

    private struct Memory: Hashable {
        let placed: UInt64
        let state: KeyState
    }

    private let entries: [KeyEntry]
    private let certain: UInt64
    /// Those of known outcome, in the order of their ends.
    private let byEnd: [Int]
    private var seen: Set<Memory> = []
    private var isExhausted = false
    private static let statesMax = 20_000

    init(_ history: [KeyEntry]) {
        let entries = history.filter { entry in
            entry.result != .nothing && !(entry.isRead && entry.result == .unknown)
        }.sorted { $0.begun < $1.begun }
        self.entries = entries
        byEnd = entries.indices.filter { entries[$0].result != .unknown }.sorted {
            entries[$0].ended < entries[$1].ended
        }
        precondition(entries.count <= 64, "a history has at most 64 operations")
        certain = entries.indices.reduce(0) { entries[$1].result == .unknown ? $0 : $0 | 1 << UInt64($1) }
    }

    mutating func decide() -> Verdict {
        if search(0, KeyState()) { return .linearizable }
        return isExhausted ? .undecided : .impossible
    }

    private mutating func search(_ before: UInt64, _ state: KeyState) -> Bool {
        var placed = before
        // What only reads, and fits, can be placed at once: it takes no other order away.
        var isAdvancing = true
        while isAdvancing {
            isAdvancing = false
            let horizon = horizon(placed)
            for index in entries.indices {
                if entries[index].begun > horizon { break }
                guard placed & 1 << UInt64(index) == 0, entries[index].isAnswered else { continue }
                var next = state
                if next.apply(entries[index]) == entries[index].result {
                    placed |= 1 << UInt64(index)
                    isAdvancing = true
                }
            }
        }
        if placed & certain == certain { return true }
        guard seen.insert(Memory(placed: placed, state: state)).inserted else { return false }
        if seen.count > Self.statesMax {
            isExhausted = true
            return false
        }
        let horizon = horizon(placed)
        for pass in 0..<2 {
            for index in entries.indices {
                if entries[index].begun > horizon { break }
                guard placed & 1 << UInt64(index) == 0 else { continue }
                let isUnknown = entries[index].result == .unknown
                guard isUnknown == (pass == 1), isUnknown || entries[index].result == .done else { continue }
                var next = state
                let result = next.apply(entries[index])
                // One of unknown outcome that changes nothing can as well be left out.
                guard isUnknown ? next != state : result == .done else { continue }
                if search(placed | 1 << UInt64(index), next) { return true }
                if isExhausted { return false }
            }
        }
        return false
    }

    /// What began behind this cannot come next: something that is not placed yet had ended before.
    private func horizon(_ placed: UInt64) -> Int {
        for index in byEnd where placed & 1 << UInt64(index) == 0 { return entries[index].ended }
        return .max
    }
}
