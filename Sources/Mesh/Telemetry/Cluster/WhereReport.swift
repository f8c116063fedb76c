/// Where a key is: its partition, who should hold it, and what each of them has.
package struct WhereReport: Codable, Sendable, Equatable {
    package var bucket: String
    package var key: String
    package var partition: Int
    /// The layout epoch that this answer goes by.
    package var epoch: UInt64
    /// How many copies the bucket wants.
    package var copiesWanted: Int
    /// In the order of their slots: those of `current`, then those that `next` adds.
    package var holders: [Holder]
    /// The stamp of what a quorum would answer; nil when no holder has a row.
    package var newest: String?
    /// Holders whose newest row is that one, with its bytes.
    package var whole: Int
    /// One line for people.
    package var sentence: String

    /// What one holder has of the key.
    package struct Holder: Codable, Sendable, Equatable {
        package enum Role: String, Codable, Sendable {
            case current, next, both
        }

        package var name: String
        /// 32 hexadecimal digits.
        package var id: String
        package var zone: String
        package var role: Role
        /// Why it did not answer; nil when it did.
        package var silence: String?
        /// Newest first.
        package var rows: [Line]
        /// Names of those for whom it keeps a hint about this key.
        package var hintsFor: [String]

        package init(name: String, id: String, zone: String, role: Role) {
            self.name = name
            self.id = id
            self.zone = zone
            self.role = role
            rows = []
            hintsFor = []
        }
    }

    /// One row as a holder has it.
    package struct Line: Codable, Sendable, Equatable {
        /// `t.w.q`, hexadecimal.
        package var stamp: String
        /// Milliseconds since 1970.
        package var millis: UInt64
        /// `object`, `marker`, `tombstone`, `removal` or `tags`.
        package var kind: String
        package var size: UInt64
        /// Whether its bytes are there too; true for rows that need none.
        package var hasBytes: Bool

        package init(stamp: String, millis: UInt64, kind: String, size: UInt64, hasBytes: Bool) {
            self.stamp = stamp
            self.millis = millis
            self.kind = kind
            self.size = size
            self.hasBytes = hasBytes
        }
    }

    /// Judges what the holders said.
    package init(
        bucket: String,
        key: String,
        partition: Int,
        epoch: UInt64,
        copiesWanted: Int,
        holders: [Holder]
    ) {
        self.bucket = bucket
        self.key = key
        self.partition = partition
        self.epoch = epoch
        self.copiesWanted = copiesWanted
        self.holders = holders
        // Stamps are of one width, so that texts compare as the stamps do.
        let newest = holders.compactMap { $0.rows.first?.stamp }.max()
        self.newest = newest
        whole = holders.count { $0.rows.first.map { $0.stamp == newest && $0.hasBytes } ?? false }
        sentence = Self.sentence(holders, newest: newest, whole: whole)
    }

    private static func sentence(_ holders: [Holder], newest: String?, whole: Int) -> String {
        let silent = holders.filter { $0.silence != nil }.map(\.name)
        var parts: [String] = []
        if let newest {
            let line = holders.compactMap(\.rows.first).first { $0.stamp == newest }
            let what = line.map { $0.kind == "tombstone" || $0.kind == "marker" ? "deleted" : "there" } ?? "there"
            parts.append("\(what): \(whole) of \(holders.count) holders have the newest row and its bytes")
        } else {
            parts.append("no holder that answered has heard of this key")
        }
        let stale = holders.filter { $0.silence == nil && $0.rows.first?.stamp != newest }.map(\.name)
        if newest != nil, !stale.isEmpty {
            parts.append("\(Wording.list(stale)) \(stale.count == 1 ? "is" : "are") behind")
        }
        let bare = holders.filter { $0.rows.first.map { $0.stamp == newest && !$0.hasBytes } ?? false }.map(\.name)
        if !bare.isEmpty { parts.append("\(Wording.list(bare)) \(bare.count == 1 ? "lacks" : "lack") the bytes") }
        if !silent.isEmpty { parts.append("\(Wording.list(silent)) did not answer") }
        return parts.joined(separator: "; ")
    }
}
