package import Swim

/// When to send with a new key epoch, whom to ask for a secret that is missing, and who may be given one.
///
/// A decree announces an epoch; the node where it was given has the secret, and the others ask peers at random until
/// one gives it over an authenticated stream. A secret is held for a while before it is used, or until every peer is
/// known to hold it: so nobody is cut off who is only slow. An old epoch opens datagrams for a day, and after that it
/// opens one door only: a known, unexpelled member may ask for the new secret with it.
///
/// A machine: events in, directives out. It never sees a secret.
package struct KeyTransfer: Sendable {
    /// What the driver has to do.
    package enum Directive: Sendable, Equatable {
        /// Ask a peer for anything newer than this epoch.
        case ask(NodeID, newerThan: UInt32)
        /// From now on, seal with this epoch.
        case send(epoch: UInt32)
    }

    /// What to do with somebody who asks for a secret.
    package enum Verdict: Sendable, Equatable {
        case give(epoch: UInt32)
        /// Unknown, expelled, in want of nothing, or one of too many.
        case refuse
    }

    /// Gifts in one second: each is small, but each is also a frame that somebody asked for.
    private static let giftsPerSecondMax = 256
    /// Asks become rarer when nobody answers, down to one in this many intervals.
    private static let patienceMax = 30
    /// A datagram under an epoch that is not held proves nothing; it makes this node ask, but not more often than this.
    private static let hintMicros: Micros = 5_000_000
    private static let peersMax = 65_536

    private let settleMicros: Micros
    private let askMicros: Micros
    /// The newest epoch that is held, that is used, and that was announced.
    package private(set) var newest: UInt32
    package private(set) var sending: UInt32
    package private(set) var announced: UInt32
    private var sendFrom: Micros = .max
    private var askFrom: Micros = .max
    private var hintFrom: Micros = .min
    private var fruitlessAsks = 0
    private var giftSecond: Micros = .min
    private var gifts = 0
    /// What peers were last heard to use.
    private var heard: [NodeID: UInt32] = [:]

    package init(
        newest: UInt32,
        sending: UInt32,
        announced: UInt32,
        settleMicros: Micros,
        askMicros: Micros,
        now: Micros
    ) {
        self.newest = newest
        self.sending = min(sending, newest)
        self.announced = max(announced, newest)
        self.settleMicros = settleMicros
        self.askMicros = askMicros
        if self.sending < newest { sendFrom = now + settleMicros }
        if self.announced > newest { askFrom = now }
    }

    /// An announced secret is missing here.
    package var isWaiting: Bool { announced > newest }

    package var nextDeadline: Micros { min(sendFrom, askFrom) }

    /// The newest epoch that a peer was seen to hold.
    package func epoch(heardFrom peer: NodeID) -> UInt32? { heard[peer] }

    // MARK: Events

    /// A decree says that this epoch begins.
    package mutating func announce(_ epoch: UInt32, at now: Micros) {
        guard epoch > announced else { return }
        announced = epoch
        fruitlessAsks = 0
        if isWaiting { askFrom = now }
    }

    /// A proved datagram or stream of a peer used this epoch, or this node gave it the secret.
    package mutating func hear(_ epoch: UInt32, from peer: NodeID) {
        if let known = heard[peer] {
            if known < epoch { heard[peer] = epoch }
        } else if heard.count < Self.peersMax {
            heard[peer] = epoch
        }
    }

    /// Something came under an epoch that is not held here. It may be noise, or the news of a rotation that this node
    /// slept through.
    package mutating func hint(at now: Micros) {
        guard now >= hintFrom else { return }
        hintFrom = now + Self.hintMicros
        askFrom = min(askFrom, now)
    }

    /// The peer is no member any more.
    package mutating func forget(_ peer: NodeID) { heard[peer] = nil }

    /// Whether a secret that a peer offers is one that is missing here.
    package func wants(_ epoch: UInt32) -> Bool { epoch > newest && epoch <= announced }

    /// The secret of this epoch is held and on disk. When the giver uses it already, it is used here at once.
    package mutating func hold(_ epoch: UInt32, isInUse: Bool, at now: Micros) {
        guard epoch > newest else { return }
        newest = epoch
        announced = max(announced, epoch)
        sendFrom = isInUse ? now : now + settleMicros
        fruitlessAsks = 0
        askFrom = isWaiting ? now + askMicros : .max
    }

    /// Somebody proved who it is, and asks for anything newer than what it has.
    package mutating func judge(holding epoch: UInt32, isMember: Bool, isExpelled: Bool, at now: Micros) -> Verdict {
        guard isMember, !isExpelled, epoch < newest else { return .refuse }
        if giftSecond == .min || now - giftSecond >= 1_000_000 {
            giftSecond = now
            gifts = 0
        }
        guard gifts < Self.giftsPerSecondMax else { return .refuse }
        gifts += 1
        return .give(epoch: newest)
    }

    // MARK: Time

    /// Lets everything happen that is due. `peers` are the present members but this node, `absent` those who are held
    /// dead: when a partition heals, it is they who have the secret.
    package mutating func advance(
        to now: Micros,
        peers: [NodeID],
        absent: [NodeID],
        random: inout Random,
        into outbox: inout [Directive]
    ) {
        if sendFrom != .max, now >= sendFrom || peers.allSatisfy({ heard[$0].map { $0 >= newest } ?? false }) {
            sendFrom = .max
            sending = newest
            outbox.append(.send(epoch: sending))
        }
        guard now >= askFrom else { return }
        // The first ten asks come at full speed: a rotation is over before.
        fruitlessAsks = min(fruitlessAsks + 1, Self.patienceMax)
        askFrom = isWaiting ? now + askMicros * Micros(max(1, fruitlessAsks - 9)) : .max
        for group in [peers, absent] where !group.isEmpty {
            outbox.append(.ask(group[random.below(group.count)], newerThan: newest))
        }
    }
}
