import Mesh
import NIOCore
import Store
import Testing

/// The tables of what travels between nodes.
@Suite struct WireTests {
    // MARK: Samples

    static func row(_ body: RowBody, kind: Record.Kind = .object, target: Stamp? = nil, key: String = "a/b") -> Row {
        var record = Record(
            bucket: BucketID(rawValue: 7),
            key: Key(key),
            stamp: Stamp(t: 1 << 60, w: 5, q: 9),
            kind: kind,
            isNull: kind == .tombstone,
            size: 1 << 40,
            etag: ETag(high: 1, low: 2, parts: 3),
            body: .empty,
            attributes: [1, 2, 3],
            tags: [9],
            modifiedMillis: 1_700_000_000_000
        )
        record.op = OpID(high: 11, low: 12)
        record.target = target
        return Row(record: record, body: body)
    }

    static let rows: [Row] = [
        row(.empty), row(.inline(ByteBuffer(string: "small body"))), row(.inline(ByteBuffer())), row(.staged),
        row(.absent, kind: .tombstone), row(.empty, kind: .retag, target: Stamp(t: 4, w: 5, q: 6)),
        row(
            .parts([
                PartName(number: 1, op: OpID(high: 1, low: 2), size: 5 << 20, attributes: [7, 7]),
                PartName(number: 10_000, op: OpID(high: 3, low: 4), size: 1, attributes: []),
            ])
        ),
        row(.empty, key: ""), row(.empty, key: String(repeating: "k", count: 2_100)),
    ]

    static var calls: [ReplicaCall] {
        let address = RowAddress(BucketID(rawValue: 3), Key("key"))
        var query = ScanQuery(bucket: BucketID(rawValue: 3), limit: 1_000)
        query.prefix = [1]
        query.delimiter = [47]
        query.after = []
        query.before = [2, 3]
        query.inside = Stamp(t: 5, w: 6, q: 7)
        query.allVersions = true
        query.digestSeed = 9
        let stamp = Stamp(t: 1, w: 2, q: 3)
        let ballot = Ballot(round: 4, proposer: 5)
        let requests: [ReplicaRequest] =
            rows.map { .commit($0) } + [
                .look(address, .current, .stamps), .look(address, .null, .record), .newest(address, from: 1 << 50),
                .look(address, .stamp(stamp), .body), .prepare(address, predecessor: nil, ballot),
                .prepare(address, predecessor: stamp, ballot), .accept(rows[1], predecessor: stamp, ballot),
                .scan(query), .scan(ScanQuery(bucket: BucketID(rawValue: 1), limit: 1)),
            ]
        return requests.map { ReplicaCall(epoch: 77, $0) }
    }

    static var replies: [ReplicaReply] {
        let view = KeyView(chain: rows.map(\.ref), found: rows[1])
        let refusals: [Store.Refusal] = [
            .staleEpoch(8), .unknownEpoch(9), .notHolder, .bucketClosed, .diskFull, .overloaded, .closed, .invalid,
            .damaged,
        ]
        var cut = ScanPage(rows: rows, isTruncated: true)
        cut.isCut = true
        return [
            .scanned(cut), .view(view), .view(KeyView(chain: [], found: nil)), .stored(.complete),
            .stored(.withoutBytes),
            .stored(.superseded), .digested(PageDigest(high: 3, low: 4)), .promised(accepted: nil),
            .promised(accepted: Proposal(ballot: Ballot(round: 1, proposer: 2), row: rows[0])), .accepted,
            .elsewhere(view), .outbid(Ballot(round: 8, proposer: 9)),
            .scanned(ScanPage(rows: rows, isTruncated: true)), .scanned(ScanPage(rows: [], isTruncated: false)),
        ] + refusals.map { .refused($0) }
    }

    // MARK: Claims

    @Test("every call and every reply survives the wire") func roundTrips() throws {
        for call in Self.calls {
            let decoded = try ReplicaCall(wire: call.wireBytes)
            #expect(String(describing: decoded) == String(describing: call))
        }
        for reply in Self.replies {
            let decoded = try ReplicaReply(wire: reply.wireBytes)
            #expect(String(describing: decoded) == String(describing: reply))
        }
    }

    @Test("a row keeps all of its fields") func fields() throws {
        for row in Self.rows {
            let decoded = try Row(wire: row.wireBytes)
            #expect(decoded == row && decoded.body == row.body)
            #expect(decoded.record.attributes == row.record.attributes && decoded.record.tags == row.record.tags)
            #expect(decoded.record.size == row.record.size && decoded.record.etag == row.record.etag)
            #expect(decoded.record.modifiedMillis == row.record.modifiedMillis)
        }
    }

    @Test("a payload cut at any byte, or longer by one, is refused") func truncation() {
        for call in Self.calls { Self.cut(call) }
        for reply in Self.replies { Self.cut(reply) }
    }

    private static func cut<Value: WireValue>(_ value: Value) {
        let whole = value.wireBytes
        for length in 0..<whole.readableBytes {
            #expect(throws: WireError.self) { try Value(wire: whole.getSlice(at: 0, length: length)!) }
        }
        var longer = whole
        longer.writeInteger(0 as UInt8)
        #expect(throws: WireError.self) { try Value(wire: longer) }
    }

    @Test("garbage and changed bytes never trap a decoder, and lengths are not believed") func garbage() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededBytes(seed)
        for _ in 0..<20_000 {
            var noise = ByteBuffer(bytes: random.bytes(Int(random.word() % 200)))
            // A tag that exists gets the decoder past its first byte.
            noise.setInteger(UInt8(truncatingIfNeeded: random.word() % 9), at: 0)
            _ = try? ReplicaReply(wire: noise)
            _ = try? Row(wire: noise)
            var call = ByteBuffer(integer: 1 as UInt64)
            call.writeImmutableBuffer(noise)
            _ = try? ReplicaCall(wire: call)
        }
        for value in Self.replies.map(\.wireBytes) where value.readableBytes > 0 {
            for _ in 0..<500 {
                var changed = value
                let at = Int(random.word() % UInt64(value.readableBytes))
                changed.setInteger(UInt8(truncatingIfNeeded: random.word()), at: at)
                // Whatever still decodes is a value like any other: it goes the whole way again.
                if let reply = try? ReplicaReply(wire: changed) {
                    #expect((try? ReplicaReply(wire: reply.wireBytes)) != nil, "seed \(seed)")
                }
            }
        }
        let promised: [UInt8] = [7, 0, 0xff, 0xff, 0xff, 0xff]
        #expect(throws: WireError.self) { try ReplicaReply(wire: ByteBuffer(bytes: promised)) }
    }

    @Test("a small body comes out as a slice of the payload") func slices() throws {
        let body = ByteBuffer(repeating: 7, count: 4_096)
        let payload = Self.row(.inline(body)).wireBytes
        guard case .inline(let slice) = try Row(wire: payload).body else { throw WireError() }
        #expect(slice == body)
        payload.withUnsafeReadableBytes { whole in
            slice.withUnsafeReadableBytes { part in
                #expect(part.baseAddress! >= whole.baseAddress!)
                #expect(part.baseAddress! + part.count <= whole.baseAddress! + whole.count)
            }
        }
    }
}

/// Bytes that follow from a seed.
struct SeededBytes {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func word() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: word()) } }
}
