package import NIOCore
package import Store

/// ```
/// 1 view       key view          5 elsewhere  key view
/// 2 stored     what became 1     6 outbid     ballot 16
/// 3 promised   proposal 1+n?     7 scanned    page
/// 4 accepted                     8 refused    refusal
///                                9 rows       rows 4+n·(…)
///                               10 digested   high 8, low 8
/// ```
extension ReplicaReply: WireValue {
    package var sizeHint: Int {
        switch self {
        case .view(let view), .elsewhere(let view): 1 + view.sizeHint
        case .promised(let accepted): 32 + (accepted?.row.sizeHint ?? 0)
        case .scanned(let page): 1 + page.sizeHint
        case .rows(let rows): rows.reduce(8) { $0 + $1.sizeHint }
        case .stored, .accepted, .outbid, .refused, .digested: 32
        }
    }

    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .view(let view):
            buffer.writeInteger(1 as UInt8)
            view.write(into: &buffer)
        case .stored(let stored):
            buffer.writeMultipleIntegers(2 as UInt8, stored.rawValue)
        case .promised(let accepted):
            buffer.writeInteger(3 as UInt8)
            buffer.writeOptional(accepted)
        case .accepted: buffer.writeInteger(4 as UInt8)
        case .elsewhere(let view):
            buffer.writeInteger(5 as UInt8)
            view.write(into: &buffer)
        case .outbid(let ballot):
            buffer.writeInteger(6 as UInt8)
            ballot.write(into: &buffer)
        case .scanned(let page):
            buffer.writeInteger(7 as UInt8)
            page.write(into: &buffer)
        case .refused(let refusal):
            buffer.writeInteger(8 as UInt8)
            refusal.write(into: &buffer)
        case .rows(let rows):
            buffer.writeInteger(9 as UInt8)
            buffer.writeList(rows)
        case .digested(let digest): buffer.writeMultipleIntegers(10 as UInt8, digest.high, digest.low)
        }
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        switch try buffer.number(UInt8.self) {
        case 1: self = .view(try KeyView(from: &buffer))
        case 2: self = .stored(try buffer.choice())
        case 3: self = .promised(accepted: try buffer.optional())
        case 4: self = .accepted
        case 5: self = .elsewhere(try KeyView(from: &buffer))
        case 6: self = .outbid(try Ballot(from: &buffer))
        case 7: self = .scanned(try ScanPage(from: &buffer))
        case 8: self = .refused(try Store.Refusal(from: &buffer))
        case 9: self = .rows(try buffer.list(bytesMin: Row.leastBytes, max: ReplicaCall.fetchMax))
        case 10: self = .digested(PageDigest(high: try buffer.number(), low: try buffer.number()))
        default: throw WireError()
        }
    }
}

/// `1 stale epoch 8 | 2 unknown epoch 8 | 3 … 9`, in the order of the cases.
extension Store.Refusal: WireValue {
    private static let plain: [(tag: UInt8, refusal: Store.Refusal)] = [
        (3, .notHolder), (4, .bucketClosed), (5, .diskFull), (6, .overloaded), (7, .closed), (8, .invalid),
        (9, .damaged),
    ]

    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .staleEpoch(let epoch): buffer.writeMultipleIntegers(1 as UInt8, epoch)
        case .unknownEpoch(let epoch): buffer.writeMultipleIntegers(2 as UInt8, epoch)
        case .notHolder, .bucketClosed, .diskFull, .overloaded, .closed, .invalid, .damaged:
            guard let entry = Self.plain.first(where: { $0.refusal == self }) else {
                preconditionFailure("every refusal has its tag")
            }
            buffer.writeInteger(entry.tag)
        }
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let tag = try buffer.number(UInt8.self)
        switch tag {
        case 1: self = .staleEpoch(try buffer.number())
        case 2: self = .unknownEpoch(try buffer.number())
        default:
            guard let entry = Self.plain.first(where: { $0.tag == tag }) else { throw WireError() }
            self = entry.refusal
        }
    }
}

/// `ballot 16 | row`
extension Proposal: WireValue {
    package func write(into buffer: inout ByteBuffer) {
        ballot.write(into: &buffer)
        row.write(into: &buffer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(ballot: try Ballot(from: &buffer), row: try Row(from: &buffer))
    }
}

/// `chain 4+n·(…) | found 1+n?`
extension KeyView: WireValue {
    package var sizeHint: Int { 8 + chain.count * 58 + (found?.sizeHint ?? 0) }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeList(chain)
        buffer.writeOptional(found)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(chain: try buffer.list(bytesMin: RowRef.leastBytes), found: try buffer.optional())
    }
}

/// `flags 1 | rows 4+n·(…)`; flags: 1 truncated, 2 cut.
extension ScanPage: WireValue {
    package var sizeHint: Int { rows.reduce(8) { $0 + $1.sizeHint } }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger((isTruncated ? 1 : 0) | (isCut ? 2 : 0) as UInt8)
        buffer.writeList(rows)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let flags = try buffer.number(UInt8.self)
        guard flags < 4 else { throw WireError() }
        self.init(rows: try buffer.list(bytesMin: Row.leastBytes), isTruncated: flags & 1 != 0)
        isCut = flags & 2 != 0
    }
}
