internal import FoundationEssentials
package import NIOCore

/// What a node asks another one for its operator, or tells it on his behalf. JSON: it is rare, and grows with versions.
package enum Enquiry: Codable, Sendable, Equatable {
    /// How are you?
    case condition
    /// What do you have under this key?
    case holding(bucket: UInt64, key: [UInt8])
    /// Compare with all peers now.
    case startRepair
    /// Move nothing more, neither for repair nor for a change of the layout, or go on.
    case pauseRepair, resumeRepair
    /// What both may move together; nil: what clients leave over.
    case limitRepair(bytesPerSecond: Int64?)
    /// What happened at your place?
    case events(EventQuery)
    /// What did clients do with you lately?
    case history(MetricsHistory.Span)
    /// What do you find wrong with the ways to others?
    case diagnose
    /// How far are you with the rules?
    case replication
    /// Try this rule again at once.
    case retryReplication(UInt64)
    /// What do you have of each bucket behind this id?
    case usage(after: UInt64?)
    /// Take part in a rehearsal.
    case rehearse(RehearsalCall)

    /// How long an answer may take: a person waits for it, and one node that is away must not cost him more. A diagnosis
    /// waits itself for members that do not answer.
    package var patienceMicros: UInt64 { self == .diagnose ? Self.diagnosisMicros : Self.answerMicros }

    private static let answerMicros: UInt64 = 2_000_000
    private static let diagnosisMicros: UInt64 = 8_000_000

    /// Longer than the longest key as a list of numbers, and far below a frame's limit.
    package static let bytesMax = 16 << 10

    package var encoded: ByteBuffer { EnquiryCodec.encode(self) }

    /// Nil for anything that is no enquiry of this version.
    package init?(encoded bytes: ByteBuffer) {
        guard bytes.readableBytes <= Self.bytesMax, let value = EnquiryCodec.decode(Self.self, bytes) else {
            return nil
        }
        self = value
    }
}

package enum EnquiryAnswer: Codable, Sendable, Equatable {
    case condition(NodeCondition)
    case holding(Holding)
    case done
    case events(EventPage)
    case history(HistoryReport)
    /// One for each look.
    case diagnoses([Diagnosis])
    case rules([ReplicationReport])
    case usage(UsagePage)
    /// In words for people.
    case refused(String)

    package static let bytesMax = 1 << 20

    package var encoded: ByteBuffer { EnquiryCodec.encode(self) }

    package init?(encoded bytes: ByteBuffer) {
        guard bytes.readableBytes <= Self.bytesMax, let value = EnquiryCodec.decode(Self.self, bytes) else {
            return nil
        }
        self = value
    }
}

/// What a node has of one key.
package struct Holding: Codable, Sendable, Equatable {
    /// Newest first.
    package var rows: [WhereReport.Line]
    /// Ids of those for whom it keeps a hint about the key, 32 hexadecimal digits each.
    package var hintsFor: [String]

    package init(rows: [WhereReport.Line], hintsFor: [String]) {
        self.rows = rows
        self.hintsFor = hintsFor
    }
}

private enum EnquiryCodec {
    static func encode(_ value: some Encodable) -> ByteBuffer {
        let encoder = JSONEncoder()
        // What is no number becomes a text; the values hold none that JSON could refuse.
        guard let data = try? encoder.encode(value) else { return ByteBuffer() }
        return ByteBuffer(bytes: data)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: ByteBuffer) -> Value? {
        try? JSONDecoder().decode(type, from: Data(bytes.readableBytesView))
    }
}
