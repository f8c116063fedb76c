/// Holds a listing, all its pages, against what was made and deleted before, beside and after it.
struct ListingCheck {
    struct Query: Sendable, CustomStringConvertible {
        var prefix: String
        var delimiter: String?
        var keysMax = 1000

        var description: String { "\(prefix)*, \(delimiter.map { "by \($0), " } ?? "")\(keysMax) at a time" }
    }

    struct Entry: Sendable {
        let key: String
        let size: Int
    }

    struct Answer: Sendable {
        var entries: [Entry] = []
        var prefixes: [String] = []
        let begin: UInt64
        var end: UInt64 = 0
    }

    let query: Query
    let known: [String: Presence]

    /// What is wrong with it; nothing when it is right.
    func objections(_ answer: Answer) -> [String] {
        var found: [String] = []
        found += disorder(answer.entries.map(\.key), "key")
        found += disorder(answer.prefixes, "common prefix")
        let listed = Dictionary(answer.entries.map { ($0.key, $0.size) }) { first, _ in first }
        let folded = Set(answer.prefixes)
        var allowed: [String: Bool] = [:]
        for (key, presence) in known where key.hasPrefix(query.prefix) {
            let must = presence.must(answer.begin, answer.end)
            let may = presence.may(answer.begin, answer.end)
            if let prefix = fold(key) {
                allowed[prefix] = allowed[prefix] == true || may
                if must, !folded.contains(prefix) { found.append("\(prefix) is missing, \(key) is below it") }
                if listed[key] != nil { found.append("\(key) is listed and should be folded into \(prefix)") }
            } else if let size = listed[key] {
                if !may { found.append("\(key) is listed, \(Self.why(presence))") }
                if size != presence.size {
                    found.append("\(key) is listed with \(size) bytes and has \(presence.size)")
                }
            } else if must {
                found.append("\(key) is missing, which was acknowledged and not deleted")
            }
        }
        for prefix in answer.prefixes where allowed[prefix] != true {
            found.append("\(prefix) is listed, nothing can be below it")
        }
        for entry in answer.entries where known[entry.key] == nil {
            found.append("\(entry.key) is listed, which nobody wrote")
        }
        return found.sorted()
    }

    private func fold(_ key: String) -> String? {
        guard let delimiter = query.delimiter?.first else { return nil }
        let rest = key.dropFirst(query.prefix.count)
        return rest.firstIndex(of: delimiter).map { query.prefix + rest[...$0] }
    }

    private func disorder(_ names: [String], _ what: String) -> [String] {
        zip(names, names.dropFirst())
            .filter { !$0.utf8.lexicographicallyPrecedes($1.utf8) }
            .map { "\(what) \($0) comes before \($1)" }
    }

    private static func why(_ presence: Presence) -> String {
        if presence.isNever { return "whose PUT was refused" }
        return presence.deleteEnd == nil ? "which was written later" : "whose deletion was acknowledged before"
    }
}
