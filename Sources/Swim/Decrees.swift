/// Every decree that this node knows, for ever: a set that only grows, so that all nodes end with the same one.
///
/// Two decrees are the same when they state the same; who signed the statement twice has still said it once.
package struct Decrees: Sendable {
    /// Enough for an expulsion and a rotation in each week of forty years, and a bound on what a stolen admin key
    /// can make others keep.
    package static var limit: Int { 4_096 }

    /// In the order of arrival.
    package private(set) var all: [Decree] = []
    /// What each adds to the view digest; the top byte is its bucket in a sync.
    private var terms: [UInt64] = []
    /// Looked up by term and by handle, and never walked.
    private var places: [UInt64: Int32] = [:]
    private var outcasts: [UInt64: Int32] = [:]
    private let digestKey: UInt64

    package init(digestKey: UInt64) { self.digestKey = digestKey }

    package var count: Int { all.count }

    package subscript(index: Int) -> Decree { all[index] }

    /// Whether the same statement is known, whoever signed it.
    package func contains(_ decree: Decree) -> Bool { places[term(decree)] != nil }

    /// The decree that expelled the owner of a handle.
    package func outlaws(_ handle: UInt64) -> Decree? { outcasts[handle].map { all[Int($0)] } }

    /// The newest epoch that any decree began; zero when none did.
    package private(set) var newestEpoch: UInt32 = 0

    /// Adds one that was verified; gives its index and its term, or nothing when it is known or there is no room.
    package mutating func add(_ decree: Decree) -> (index: Int, term: UInt64)? {
        let term = term(decree)
        guard places[term] == nil, all.count < Self.limit else { return nil }
        let index = all.count
        all.append(decree)
        terms.append(term)
        places[term] = Int32(truncatingIfNeeded: index)
        if let target = decree.target, outcasts[target.handle] == nil {
            outcasts[target.handle] = Int32(truncatingIfNeeded: index)
        }
        newestEpoch = max(newestEpoch, decree.newEpoch)
        return (index, term)
    }

    /// Where in a sync a decree is compared, of `Frame.bucketCount` buckets.
    package static func bucket(ofTerm term: UInt64) -> Int { Int(term >> 56) }

    /// The decrees of some buckets, in the order of arrival, apart from those that are `known`.
    package func inBuckets(_ isWanted: [Bool], without known: [Decree] = []) -> [Decree] {
        var isKnown = [Bool](repeating: false, count: all.count)
        for decree in known { if let place = places[term(decree)] { isKnown[Int(place)] = true } }
        return all.indices.filter { isWanted[Self.bucket(ofTerm: terms[$0])] && !isKnown[$0] }.map { all[$0] }
    }

    /// Hashes the statement and not the signature.
    private func term(_ decree: Decree) -> UInt64 {
        let bytes = decree.signedBytes
        return Random.mix(Random.fold(bytes, onto: Random.mix(digestKey ^ 0x6465_6372_6565)) ^ UInt64(bytes.count))
    }
}
