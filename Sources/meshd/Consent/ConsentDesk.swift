import Mesh

/// Decides about the code by which a node that is alone may be invited into a mesh: when there is one, when it is over,
/// and whose knocks prove that they know it.
///
/// A value without a clock or chance: the caller says what time it is, and draws codes and names.
struct ConsentDesk: Sendable {
    static let codeMillis: UInt64 = 15 * 60_000
    static let triesMax = 5
    /// After a code was guessed at too often there is none for a while, longer each time: five guesses at a hundred
    /// million codes every quarter of an hour lead nowhere.
    static let restMillisFirst: UInt64 = 60_000
    static let restMillisMax: UInt64 = 15 * 60_000
    /// Knocks that are under way; of more, the oldest is forgotten, one that proved itself last.
    static let knocksMax = 8
    static let knockMillis: UInt64 = 60_000
    static let knocksPerMinute = 30
    static let wrongWordsPerMinute = 30
    /// Who proved the code has so long to send the token: other nodes are proven and checked meanwhile.
    static let provenMillis: UInt64 = 5 * 60_000

    struct Code: Sendable {
        let text: String
        let endsAtMillis: UInt64
        fileprivate(set) var triesLeft: Int
    }

    private struct Knock {
        let name: String
        let keys: CodeKeys
        let inviter: String
        let sinceMillis: UInt64
        var isProven = false
    }

    /// Of what comes within a minute.
    private struct Count {
        private var beganMillis: UInt64 = 0
        private var number = 0

        mutating func isWithin(_ numberMax: Int, at nowMillis: UInt64) -> Bool {
            if nowMillis >= beganMillis + 60_000 { (beganMillis, number) = (nowMillis, 0) }
            number += 1
            return number <= numberMax
        }
    }

    enum Proof: Sendable {
        /// The answer to it.
        case right([UInt8])
        /// How often the code may still be guessed at.
        case wrong(triesLeft: Int)
        /// No such knock, or one that took too long.
        case unknown
    }

    private var code: Code?
    private var knocks: [Knock] = []
    private var knockCount = Count()
    private var wrongWords = Count()
    private var restsUntilMillis: UInt64 = 0
    private var burnt = 0

    /// The code of this moment, a new one if the last is over; nil while there is to be none.
    mutating func code(at nowMillis: UInt64, draw: () -> String) -> (code: Code, isNew: Bool)? {
        if let code, code.endsAtMillis > nowMillis, code.triesLeft > 0 { return (code, false) }
        guard nowMillis >= restsUntilMillis else { return nil }
        let fresh = Code(text: draw(), endsAtMillis: nowMillis + Self.codeMillis, triesLeft: Self.triesMax)
        code = fresh
        // Knocks at the former code have nothing to prove any more.
        knocks.removeAll { !$0.isProven }
        return (fresh, true)
    }

    /// Milliseconds until there may be a code again.
    func rest(at nowMillis: UInt64) -> UInt64 { restsUntilMillis > nowMillis ? restsUntilMillis - nowMillis : 0 }

    /// Whether a knock is looked at: anybody on the network can send them, and each costs some calculation and a line of
    /// the log.
    mutating func mayKnock(at nowMillis: UInt64) -> Bool {
        knockCount.isWithin(Self.knocksPerMinute, at: nowMillis)
    }

    /// Whether a word about the end that bore no right mark is still told of. Right ones are always heard.
    mutating func mayTellOfWrongWord(at nowMillis: UInt64) -> Bool {
        wrongWords.isWithin(Self.wrongWordsPerMinute, at: nowMillis)
    }

    /// Somebody knocked, and has keys if his code is right.
    mutating func note(_ name: String, _ keys: CodeKeys, from inviter: String, at nowMillis: UInt64) {
        forgetOld(nowMillis)
        if knocks.count >= Self.knocksMax {
            knocks.remove(at: knocks.firstIndex { !$0.isProven } ?? 0)
        }
        knocks.append(Knock(name: name, keys: keys, inviter: inviter, sinceMillis: nowMillis))
    }

    /// Somebody shows that his keys are the same. Each knock has one try.
    mutating func prove(_ name: String, _ proof: [UInt8], at nowMillis: UInt64) -> Proof {
        forgetOld(nowMillis)
        guard let index = knocks.firstIndex(where: { $0.name == name && !$0.isProven }), code != nil else {
            return .unknown
        }
        guard knocks[index].keys.isProof(proof) else {
            knocks.remove(at: index)
            code?.triesLeft -= 1
            let left = code?.triesLeft ?? 0
            if left <= 0 { burn(at: nowMillis) }
            return .wrong(triesLeft: max(0, left))
        }
        knocks[index].isProven = true
        return .right(knocks[index].keys.proof)
    }

    /// Opens what a proven inviter sealed. Each proof opens once.
    mutating func open(_ name: String, _ sealed: [UInt8], at nowMillis: UInt64) -> (Secret, bond: Secret, String)? {
        forgetOld(nowMillis)
        guard let index = knocks.firstIndex(where: { $0.name == name && $0.isProven }) else { return nil }
        let knock = knocks.remove(at: index)
        return knock.keys.open(sealed).map { (Secret(bytes: $0), knock.keys.bond, knock.inviter) }
    }

    private mutating func burn(at nowMillis: UInt64) {
        code = nil
        knocks.removeAll { !$0.isProven }
        restsUntilMillis = nowMillis + min(Self.restMillisMax, Self.restMillisFirst << UInt64(min(burnt, 10)))
        burnt += 1
    }

    private mutating func forgetOld(_ nowMillis: UInt64) {
        knocks.removeAll { nowMillis >= $0.sinceMillis + ($0.isProven ? Self.provenMillis : Self.knockMillis) }
    }
}
