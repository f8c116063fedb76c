import ArgumentParser

/// What is done to a mesh on purpose.
enum FaultKind: String, CaseIterable, Sendable, Codable, ExpressibleByArgument {
    /// `kill -9`, a start some time later.
    case kill
    /// A graceful stop, and a start.
    case restart
    /// A graceful stop, and a start with the other of two builds: what a rolling upgrade does to each node in turn, and
    /// its way back. Needs the other build.
    case upgrade
    /// SIGSTOP, and SIGCONT: a node that is there and does not move.
    case stop
    /// One node is cut off from the others, both ways; clients still reach it.
    case isolate
    /// One node hears nobody and is heard by all, or the other way round.
    case oneway
    /// One node loses one packet of five.
    case lossy
    /// Two halves that do not hear one another.
    case partition
    /// `kill -9` of all at once: a power cut.
    case blackout
    /// The same, and what was written and not synced is lost: the disks had no power either.
    case powercut
    /// One node's time of day jumps, up to a quarter of an hour, or goes too fast or too slow.
    case clock
    /// A node that holds nothing sleeps while two others give up their places, and wakes with a layout that is over.
    /// Needs six.
    case late
    /// One node is cut off while it writes: some of the writes reach nobody else, and are read when it is back.
    case doubt

    /// One node loses all that it stored: it comes back with nothing but its name and its keys.
    case wipe
    /// Bits flip in the data files of one node, always the same, or a file is cut short.
    case rot
    /// One node's disk is full.
    case full
    /// One node's disk stands still, three times a second for most of the time.
    case slow
    /// One node's links are narrow: a quarter of a megabit a second in and out.
    case narrow
    /// Two halves that do not hear one another, and one node that hears both.
    case bridge
    /// Each node hears its two neighbours only.
    case ring

    /// Whether it takes namespaces of the run's own, for links or for mounts: what only root may make.
    var needsNetwork: Bool {
        switch self {
        case .isolate, .oneway, .lossy, .partition, .narrow, .bridge, .ring, .doubt: true
        case .kill, .restart, .upgrade, .stop, .blackout, .clock, .late, .wipe, .rot: false
        case .powercut, .full, .slow: needsDisk
        }
    }

    /// Whether each node is to have a disk of its own.
    var needsDisk: Bool { self == .powercut || self == .full || self == .slow }

    /// Whether it is one of `all`: not when the machine lacks what it takes, when it takes six nodes or a second build,
    /// when it hurts one node for good, so that it does not go with all others, or when it cuts half of the links and
    /// more.
    var isCommon: Bool {
        switch self {
        case .clock: FalseClock.isPossible
        case .upgrade, .late, .wipe, .rot, .bridge, .ring: false
        default: true
        }
    }

    /// Whether only root can do it: the others work on loopback and on the disk that is there, for anybody.
    var needsRoot: Bool { needsNetwork }

    /// A sentence for `chaos list` and the report.
    var text: String {
        switch self {
        case .kill: "a node is killed (kill -9) and started some time later"
        case .restart: "a node is stopped gracefully and started again"
        case .upgrade: "a node is stopped gracefully and started with the build of --meshd-next, or back with the other"
        case .stop: "a node is frozen (SIGSTOP) and goes on some time later: it is there and does not move"
        case .isolate: "a node is cut off from all others, both ways; clients still reach it"
        case .oneway: "a node hears nobody and is heard by all, or the other way round"
        case .lossy: "a node loses one packet of five"
        case .partition: "the nodes are parted into two halves that do not hear one another"
        case .blackout: "all nodes are killed at once and started again"
        case .powercut: "all nodes are killed at once and what they had not synced is lost: a power cut"
        case .clock: "a node's time of day jumps, up to a quarter of an hour, or goes a tenth too fast or too slow"
        case .late: "a node without a share sleeps through a change of the layout and wakes; needs six nodes"
        case .doubt: "a node is cut off while it writes: some writes reach nobody else, and are read when it is back"
        case .wipe: "a node loses all that it stored, and comes back with nothing but its name and its keys"
        case .rot: "bits flip in the data files of one node, always the same, or a file is cut short"
        case .full: "a node's disk is full"
        case .slow: "a node's disk stands still for a quarter of a second, again and again"
        case .narrow: "a node's links are narrow: 256 kbit/s in and out, clients included"
        case .bridge: "the nodes are parted into two halves that do not hear one another, and one that hears both"
        case .ring: "each node hears its two neighbours only"
        }
    }

    /// Whether it strikes more than one node, so that a majority of some key's holders may be out of reach.
    var isWide: Bool { isTotal || self == .partition || self == .bridge || self == .ring }

    /// Whether it strikes all nodes at once.
    var isTotal: Bool { self == .blackout || self == .powercut }

    /// Whether it ends with a node that says by itself when it is ready.
    var startsNode: Bool { [.kill, .restart, .upgrade, .wipe].contains(self) }

    /// `kill,stop`, `all`, `none`.
    static func list(_ text: String) throws -> [FaultKind] {
        switch text {
        case "none": return []
        case "all": return allCases.filter(\.isCommon)
        default:
            return try text.split(separator: ",").map { name in
                guard let kind = FaultKind(rawValue: String(name)) else {
                    let known = allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("no fault is called \(name); there are \(known), all and none")
                }
                return kind
            }
        }
    }
}
