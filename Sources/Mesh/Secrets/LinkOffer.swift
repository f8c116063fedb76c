/// What the caller of a data link asks for, in the clear part of its first message, and what a listener can do: class
/// of traffic, versions of the link protocol, ciphers.
/// `traffic 1 | version from 1 | version to 1 | suites 1`
package struct LinkOffer: Sendable, Equatable {
    static let encodedBytes = 4

    /// Which of the links to a peer this is; the number is the links' own.
    package var traffic: UInt8
    package var versions: ClosedRange<UInt8>
    package var suites: RecordSuite.Offer

    package init(traffic: UInt8, versions: ClosedRange<UInt8>, suites: RecordSuite.Offer = .own) {
        self.traffic = traffic
        self.versions = versions
        self.suites = suites
    }

    var encoded: [UInt8] { [traffic, versions.lowerBound, versions.upperBound, suites.rawValue] }

    /// nil for bytes that are no offer.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.encodedBytes, bytes[1] <= bytes[2] else { return nil }
        self.init(traffic: bytes[0], versions: bytes[1]...bytes[2], suites: RecordSuite.Offer(rawValue: bytes[3]))
    }

    /// The highest version that both ends speak, and the best cipher; nil when there is no such version.
    func terms(for theirs: LinkOffer) -> LinkTerms? {
        let version = min(versions.upperBound, theirs.versions.upperBound)
        guard version >= versions.lowerBound, version >= theirs.versions.lowerBound,
            let suite = suites.intersection(theirs.suites).best
        else { return nil }
        return LinkTerms(traffic: theirs.traffic, version: version, suite: suite)
    }
}

/// What both ends of a data link agreed upon; a handshake in which one end read anything else fails.
package struct LinkTerms: Sendable, Equatable {
    package let traffic: UInt8
    package let version: UInt8
    package let suite: RecordSuite
}
