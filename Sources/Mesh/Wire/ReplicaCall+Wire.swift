package import NIOCore
package import Store

/// `epoch 8 | request`
extension ReplicaCall: WireValue {
    package var sizeHint: Int {
        switch request {
        case .commit(let row), .accept(let row, _, _): 64 + row.sizeHint
        case .fetch(let address, let stamps): 64 + address.key.bytes.count + 20 * stamps.count
        case .look, .newest, .prepare, .scan: 128
        }
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(epoch)
        request.write(into: &buffer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(epoch: try buffer.number(), try ReplicaRequest(from: &buffer))
    }
}

/// ```
/// 1 look     address | version 1+20? | depth 1
/// 2 commit   row
/// 3 prepare  address | predecessor 1+20? | ballot 16
/// 4 accept   row | predecessor 1+20? | ballot 16
/// 5 scan     query
/// 6 fetch    address | stamps 4+n·20
/// 7 newest   address | time 8; from version 2 of the links on
/// ```
extension ReplicaRequest: WireValue {
    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .look(let address, let version, let depth):
            buffer.writeInteger(1 as UInt8)
            address.write(into: &buffer)
            version.write(into: &buffer)
            buffer.writeInteger(depth.rawValue)
        case .commit(let row):
            buffer.writeInteger(2 as UInt8)
            row.write(into: &buffer)
        case .prepare(let address, let predecessor, let ballot):
            buffer.writeInteger(3 as UInt8)
            address.write(into: &buffer)
            buffer.writeOptional(predecessor)
            ballot.write(into: &buffer)
        case .accept(let row, let predecessor, let ballot):
            buffer.writeInteger(4 as UInt8)
            row.write(into: &buffer)
            buffer.writeOptional(predecessor)
            ballot.write(into: &buffer)
        case .scan(let query):
            buffer.writeInteger(5 as UInt8)
            query.write(into: &buffer)
        case .fetch(let address, let stamps):
            buffer.writeInteger(6 as UInt8)
            address.write(into: &buffer)
            buffer.writeList(stamps)
        case .newest(let address, let time):
            buffer.writeInteger(7 as UInt8)
            address.write(into: &buffer)
            buffer.writeInteger(time)
        }
    }

    /// As an older build reads it.
    func understood(by version: UInt8) -> ReplicaRequest {
        if case .newest(let address, _) = self, version < Links.newestSince { return .look(address, .current, .stamps) }
        return self
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        switch try buffer.number(UInt8.self) {
        case 1:
            self = .look(try RowAddress(from: &buffer), try VersionSelector(from: &buffer), try buffer.choice())
        case 2: self = .commit(try Row(from: &buffer))
        case 3:
            self = .prepare(
                try RowAddress(from: &buffer),
                predecessor: try buffer.optional(),
                try Ballot(from: &buffer)
            )
        case 4:
            self = .accept(try Row(from: &buffer), predecessor: try buffer.optional(), try Ballot(from: &buffer))
        case 5: self = .scan(try ScanQuery(from: &buffer))
        case 6: self = .fetch(try RowAddress(from: &buffer), try buffer.list(bytesMin: 20, max: ReplicaCall.fetchMax))
        case 7: self = .newest(try RowAddress(from: &buffer), from: try buffer.number())
        default: throw WireError()
        }
    }
}

/// `bucket 8 | flags 1 | limit 4 | prefix 4+n | delimiter 4+n | after 4+n? | before 4+n? | inside 20? | seed 8?`; flags: 1
/// all versions, 2 there is an `after`, 4 a `before`, 8 an `inside`, 16 a seed: the digest is asked for.
extension ScanQuery: WireValue {
    package func write(into buffer: inout ByteBuffer) {
        let ends: UInt8 = (after == nil ? 0 : 2) | (before == nil ? 0 : 4) | (inside == nil ? 0 : 8)
        let flags = (allVersions ? 1 : 0) | ends | (digestSeed == nil ? 0 : 16)
        buffer.writeMultipleIntegers(bucket.rawValue, flags, UInt32(clamping: limit))
        buffer.writeCounted(prefix)
        buffer.writeCounted(delimiter)
        if let after { buffer.writeCounted(after) }
        if let before { buffer.writeCounted(before) }
        if let inside { inside.write(into: &buffer) }
        if let digestSeed { buffer.writeInteger(digestSeed) }
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let bucket = BucketID(rawValue: try buffer.number())
        let flags = try buffer.number(UInt8.self)
        guard flags < 32 else { throw WireError() }
        self.init(bucket: bucket, limit: Int(try buffer.number(UInt32.self)))
        allVersions = flags & 1 != 0
        prefix = try buffer.counted(max: WireLimit.keyBytes)
        delimiter = try buffer.counted(max: WireLimit.keyBytes)
        if flags & 2 != 0 { after = try buffer.counted(max: WireLimit.keyBytes) }
        if flags & 4 != 0 { before = try buffer.counted(max: WireLimit.keyBytes) }
        if flags & 8 != 0 { inside = try Stamp(from: &buffer) }
        if flags & 16 != 0 { digestSeed = try buffer.number() }
    }
}
