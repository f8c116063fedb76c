import NIOCore

@testable import Store

/// A store as one holder of several, and rows as coordinators would send them.
enum HolderSample {
    static let epoch: UInt64 = 3
    static let settled: UInt64 = 5

    static func adopt(_ store: ObjectStore, epoch: UInt64 = epoch, fence: UInt64 = 1) async throws {
        try await store.adopt(
            epoch: epoch,
            settled: settled,
            fences: Array(repeating: fence, count: Partition.all),
            holds: Array(repeating: true, count: Partition.all),
            isSole: false
        )
    }

    /// Rows as they can come to be on one key: stamps unique, changes above their targets (not of the null class, if
    /// `changesNulls` is false).
    static func history(
        _ bucket: BucketID,
        _ key: Key,
        _ random: inout Seeded,
        changesNulls: Bool = true
    ) -> [Row] {
        var rows: [Row] = []
        var stamp = Stamp(t: 10, w: 1, q: 0)
        let nullShare = random.pick([0, 0.5, 1])
        for index in 0..<(1 + random.below(9)) {
            stamp =
                random.chance(0.5)
                ? stamp.successor : Stamp(t: stamp.t + 1 + UInt64(random.below(3)), w: random.next() % 100, q: 0)
            let op = OpID(high: random.next() | 1, low: UInt64(index))
            let versions = rows.filter { $0.record.kind.isVersion && (changesNulls || !$0.record.isNull) }
            if random.chance(0.4), !versions.isEmpty {
                let target = random.pick(versions).record
                let kind: Record.Kind = random.chance(0.5) ? .removal : .retag
                rows.append(row(bucket, key, stamp, kind, isNull: target.isNull, op: op, target: target.stamp))
            } else {
                let isNull = random.chance(nullShare)
                let kinds: [Record.Kind] =
                    isNull ? [.object, .object, .deleteMarker, .tombstone] : [.object, .object, .deleteMarker]
                let kind = random.pick(kinds)
                let bytes = kind == .object ? random.body(random.below(90)) : []
                rows.append(row(bucket, key, stamp, kind, isNull: isNull, op: op, bytes: bytes))
            }
        }
        return rows
    }

    static func row(
        _ bucket: BucketID,
        _ key: Key,
        _ stamp: Stamp,
        _ kind: Record.Kind = .object,
        isNull: Bool = true,
        op: OpID,
        target: Stamp? = nil,
        bytes: [UInt8] = [],
        body: RowBody? = nil,
        size: UInt64? = nil,
        attributes: [UInt8] = []
    ) -> Row {
        let record = Record(
            bucket: bucket,
            key: key,
            stamp: stamp,
            kind: kind,
            isNull: isNull,
            size: size ?? UInt64(bytes.count),
            etag: ETag(high: Checksum.of(bytes), low: op.low),
            body: .empty,
            attributes: attributes,
            tags: kind == .retag ? [UInt8(truncatingIfNeeded: op.low), 7] : [],
            op: op,
            target: target
        )
        return Row(record: record, body: body ?? (bytes.isEmpty ? .empty : .inline(ByteBuffer(bytes: bytes))))
    }
}

extension ObjectStore {
    func call(_ request: ReplicaRequest, epoch: UInt64 = HolderSample.epoch) async -> ReplicaReply {
        await withUnsafeContinuation { continuation in
            answer(ReplicaCall(epoch: epoch, request)) { continuation.resume(returning: $0) }
        }
    }

    func commit(_ row: Row, epoch: UInt64 = HolderSample.epoch) async -> Stored? {
        if case .stored(let stored) = await call(.commit(row), epoch: epoch) { stored } else { nil }
    }

    func view(_ address: RowAddress, _ selector: VersionSelector = .current, _ depth: LookDepth = .body) async
        -> KeyView?
    {
        if case .view(let view) = await call(.look(address, selector, depth)) { view } else { nil }
    }

    /// All rows of a key, newest first.
    func allRows(_ address: RowAddress) async -> [Row] {
        var query = ScanQuery(bucket: address.bucket, limit: 1)
        query.prefix = address.key.bytes
        query.allVersions = true
        guard case .scanned(let page) = await call(.scan(query)) else { return [] }
        return page.rows.filter { $0.address == address }
    }

    func stage(_ op: OpID, _ bytes: [UInt8]) async throws {
        let writer = try stage(op)
        for start in stride(from: 0, to: bytes.count, by: BlobWriter.chunkBytes) {
            let chunk = ByteBuffer(bytes: bytes[start..<min(start + BlobWriter.chunkBytes, bytes.count)])
            try await writer.append(chunk, observe: nil)
        }
        _ = try await writer.finish()
    }

    func bytes(_ address: RowAddress, _ stamp: Stamp) async throws -> [UInt8]? {
        try await openBody(address, stamp)?.all()
    }
}

extension ReplicaReply {
    var name: String {
        switch self {
        case .view: "view"
        case .stored(let stored): "\(stored)"
        case .promised: "promised"
        case .accepted: "accepted"
        case .elsewhere: "elsewhere"
        case .outbid: "outbid"
        case .rows: "rows"
        case .scanned: "scanned"
        case .digested: "digested"
        case .refused(let refusal): "\(refusal)"
        }
    }
}
