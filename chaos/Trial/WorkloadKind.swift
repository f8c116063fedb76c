/// What the clients of a mesh trial do, all at once; a sentence each for `chaos list`.
enum WorkloadKind: String, CaseIterable, Sendable {
    case registers
    case shelves
    case counters
    case uploads
    case versions
    case races
    case buckets

    var text: String {
        switch self {
        case .registers:
            "a few hot keys are read, written, deleted and swapped, with and without conditions, up to 3 MiB"
        case .shelves: "keys come and go on shelves that are listed whole, by folder and three at a time"
        case .counters: "objects that count are raised by compare-and-swap"
        case .uploads: "uploads in parts are completed and aborted at once"
        case .versions: "objects of a versioned bucket are written, deleted, listed and read by version"
        case .races: "many clients make or swap one key at once, through different nodes"
        case .buckets: "buckets are made by several at once, filled, and deleted while something is put into them"
        }
    }
}
