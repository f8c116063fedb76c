internal import Store
package import Swim

/// The layout as people and scripts are told: the JSON of `meshd layout` and `meshd ring`, and its text. Field names are
/// a contract with scripts.
package struct LayoutReport: Codable, Sendable, Equatable {
    package struct Line: Codable, Sendable, Equatable {
        /// 32 hexadecimal digits, and the name that the member list gives it.
        package var id: String
        package var name: String
        package var zone: String
        package var weight: UInt32
        /// `active`, `draining`, `leaving`, or `replaced` for a store that is gone while another one fills its place.
        package var state: String
        package var isVoter: Bool
        package var memberSince: UInt64
        /// Shares of all keys in three copies, 0 to 1: what it should hold, holds, and holds when the change is over.
        package var fairShare: Double
        package var share: Double
        package var nextShare: Double
        /// Partitions that it holds, and that it gains and loses by the change under way.
        package var partitions: Int
        package var gains: Int
        package var loses: Int
        /// It has all that it is to hold; nil while nothing changes, or when it has nothing to fetch.
        package var isSynced: Bool?
    }

    package struct Zone: Codable, Sendable, Equatable {
        package var zone: String
        package var members: Int
        /// The part of all weight.
        package var weightShare: Double
        /// The part of all copies.
        package var share: Double
    }

    package var epoch: UInt64
    /// 16 hexadecimal digits.
    package var lineage: String
    package var isChanging: Bool
    /// Partitions of which the holders change, of 1,024.
    package var movedPartitions: Int
    /// Copies of partitions that come to a store that did not have them, and how many would have to.
    package var movedCopies: Int
    package var idealCopies: Int
    /// Buckets that get another number of copies by the change, or move to other nodes.
    package var changingBuckets: Int
    package var copiesWanted: Int
    package var copiesPossible: Int
    package var voters: [String]
    package var members: [Line]
    package var zones: [Zone]

    /// - Parameters:
    ///   - names: what members call themselves.
    ///   - synced: who reported that it has synced the change under way.
    package init(
        _ layout: Layout,
        names: [NodeID: String] = [:],
        synced: Set<NodeID> = [],
        copies: Int = Layout.copiesDefault
    ) {
        let movement = LayoutMovement(layout, copies: copies)
        let total = Double(Partition.count)
        let fair = layout.fairShares(of: Spread(copies: copies))
        let voters = layout.voters
        let syncers = Set(layout.syncers)
        epoch = layout.epoch
        let digits = String(layout.lineage, radix: 16)
        lineage = String(repeating: "0", count: 16 - digits.count) + digits
        isChanging = layout.isJoint
        movedPartitions = layout.moved.count { $0 != .system && layout.current.list($0) != layout.target.list($0) }
        changingBuckets = layout.spreads.count(where: \.span.isChanging)
        movedCopies = movement.movedCopies
        idealCopies = movement.idealCopies
        copiesWanted = copies
        copiesPossible = min(copies, layout.target.copiesMax)
        func name(_ node: NodeID) -> String { names[node] ?? String(node.description.prefix(8)) }
        self.voters = (voters.next ?? voters.current).filter { $0 != HolderSet.lost }.map(name)
        members = zip(layout.members, zip(movement.shares, fair)).map { member, values in
            let (share, fair) = values
            let isReplaced = layout.member(member.node)?.isSameStore(as: member) != true
            return Line(
                id: member.node.description,
                name: name(member.node),
                zone: member.zone,
                weight: member.weight,
                state: isReplaced ? "replaced" : "\(member.state)",
                isVoter: !isReplaced && voters.contains(member.node),
                memberSince: member.memberSince,
                fairShare: Double(fair) / Double(FairShare.unit) / total,
                share: Double(share.keeps.count + share.loses.count) / total,
                nextShare: Double(share.keeps.count + share.gains.count) / total,
                partitions: share.keeps.count + share.loses.count,
                gains: share.gains.count,
                loses: share.loses.count,
                isSynced: syncers.contains(member.node) && !isReplaced ? synced.contains(member.node) : nil
            )
        }
        let lines = members.filter { $0.state != "replaced" }
        let weight = Double(max(1, lines.reduce(UInt64(0)) { $0 + ($1.state == "active" ? UInt64($1.weight) : 0) }))
        let held = max(1 / total, lines.reduce(0) { $0 + $1.nextShare })
        zones = Set(lines.map(\.zone)).sorted().map { zone in
            let inside = lines.filter { $0.zone == zone }
            let own = inside.reduce(UInt64(0)) { $0 + ($1.state == "active" ? UInt64($1.weight) : 0) }
            return Zone(
                zone: zone,
                members: inside.count,
                weightShare: Double(own) / weight,
                share: inside.reduce(0) { $0 + $1.nextShare } / held
            )
        }
    }
}

extension LayoutReport {
    /// "wants 3, has 2", or nothing when all that is wanted is possible.
    package var shortage: String? {
        copiesPossible < copiesWanted ? "wants \(copiesWanted), has \(copiesPossible)" : nil
    }

    /// `meshd layout`: the state in one line, then each member.
    package var layoutText: String {
        var state = isChanging ? "changing" : "stable"
        if isChanging, movedPartitions > 0 || changingBuckets == 0 {
            state += ": \(movedPartitions) of \(Partition.count) partitions move, \(movedCopies) copies "
            state += "(at least \(idealCopies) have to)"
        }
        var lines = ["epoch \(epoch), \(state)"]
        if changingBuckets > 0 {
            let verb = changingBuckets == 1 ? "moves or gets" : "move or get"
            lines.append("\(Wording.count(changingBuckets, "bucket", "buckets")) \(verb) another number of copies")
        }
        if let shortage { lines.append("copies: \(shortage)") }
        lines.append("voters: \(voters.joined(separator: ", "))")
        var rows = [["NODE", "ZONE", "WEIGHT", "STATE", "PARTITIONS", "CHANGE", "SYNC"]]
        for member in members {
            let change = member.gains + member.loses == 0 ? "-" : "+\(member.gains) -\(member.loses)"
            let sync = member.isSynced.map { $0 ? "done" : "under way" } ?? "-"
            rows.append([
                member.name, member.zone, "\(member.weight)", member.state, "\(member.partitions)", change, sync,
            ])
        }
        return (lines + Self.table(rows)).joined(separator: "\n") + "\n"
    }

    /// `meshd ring`: who holds what share, by zone.
    package var ringText: String {
        var rows = [["ZONE", "NODE", "WEIGHT", "FAIR", "HAS", "WILL HAVE"]]
        for zone in zones {
            rows.append([zone.zone, "", "", Self.percent(zone.weightShare), "", Self.percent(zone.share)])
            for member in members where member.zone == zone.zone && member.state != "replaced" {
                rows.append([
                    "", member.name, "\(member.weight)", Self.percent(member.fairShare), Self.percent(member.share),
                    isChanging ? Self.percent(member.nextShare) : "",
                ])
            }
        }
        let head =
            "Of all keys each node holds, in \(copiesPossible) \(copiesPossible == 1 ? "copy" : "copies")"
            + (shortage.map { " (\($0))" } ?? "") + "; zones as parts of the whole:"
        return ([head] + Self.table(rows)).joined(separator: "\n") + "\n"
    }

    private static func percent(_ share: Double) -> String {
        let tenths = Int((share * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }

    private static func table(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
    }
}
