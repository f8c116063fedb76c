internal import NIOCore
internal import Store
internal import struct Store.Record
internal import Swim

/// One version of a key, and its bytes from wherever they are.
extension Coordinator {
    func find(
        _ address: RowAddress,
        _ version: VersionSelector,
        body: Bool,
        _ mesh: MeshSide,
        _ asked: Consistency?
    ) async throws -> Found? {
        guard fits(address.key) else { return nil }
        let depth: LookDepth = body ? .body : .record
        let found =
            asked == .one
            ? try await nearest(address, version, depth, mesh)
            : try await sight(address, version, depth, mesh).found
        guard let found else { return nil }
        var bytes: ByteBuffer?
        if case .inline(let inline) = found.body { bytes = inline }
        return Found(record: found.shown, inlineBody: bytes, isCurrent: version == .current)
    }

    /// What the first holder that answers has: it may be old, it is never torn.
    private func nearest(
        _ address: RowAddress,
        _ version: VersionSelector,
        _ depth: LookDepth,
        _ mesh: MeshSide
    ) async throws -> Row? {
        let task = try task(address, mesh)
        let call = ReplicaCall(epoch: task.epoch, .look(address, version, depth))
        for node in task.preferred {
            let replies: [ReplicaReply?] = await gather([node]) { node, done in
                mesh.holders.call(node, call, timeoutMicros: Self.nearestMicros, done)
            }
            if case .view(let view) = replies[0] { return view.found }
        }
        if mesh.book.current.isSole == mesh.holders.own { throw CoordinatorError.alone }
        throw CoordinatorError.quorumLost(answered: 0, of: task.preferred.count, effect: .none)
    }

    private static let nearestMicros: UInt64 = 1_000_000

    // MARK: Bytes

    func openBody(of record: Record, _ mesh: MeshSide) async throws -> BodySource {
        let address = RowAddress(record.bucket, record.key)
        let holders = holders(of: address, mesh.book.current)
        let own = mesh.holders.own
        let others = mesh.holders.ranked(holders.keepers.filter { $0 != own })
        let remote = others.isEmpty ? nil : remoteBody(record, address, others, mesh)
        if holders.contains(own), let reader = try await localBody(address, record.stamp) {
            return remote.map { BodySource(reader, orElse: $0) } ?? BodySource(reader)
        }
        guard let remote else { throw StoreError.gone }
        return BodySource(remote)
    }

    private func remoteBody(
        _ record: Record,
        _ address: RowAddress,
        _ nodes: [NodeID],
        _ mesh: MeshSide
    ) -> RemoteBody {
        RemoteBody(
            address,
            record.stamp,
            size: record.size,
            nodes: nodes,
            road: mesh.holders,
            metrics: metrics
        )
    }

    /// Nil: the bytes are not here, or they cannot be read; another holder has them.
    private func localBody(_ address: RowAddress, _ stamp: Stamp) async throws -> BodyReader? {
        do {
            return try await store.openBody(address, stamp)
        } catch is StoreError {
            return nil
        }
    }

    func manifest(of record: Record, _ mesh: MeshSide) async throws -> [PartRef] {
        guard record.body == .parts else { return [] }
        let address = RowAddress(record.bucket, record.key)
        let found = try await sight(address, .stamp(record.stamp), .body, mesh).found
        guard case .parts(let names) = found?.body else { throw StoreError.gone }
        return names.map {
            PartRef(
                number: $0.number,
                blob: BlobID(rawValue: 0),
                size: $0.size,
                attributes: $0.attributes,
                op: $0.op
            )
        }
    }

    func spread(_ address: RowAddress, _ mesh: MeshSide) -> SpreadSink {
        let layout = mesh.book.current
        return SpreadSink(
            op: names.op(),
            holders: holders(of: address, layout),
            successors: { [self] in
                let now = mesh.book.current
                return now.epoch == layout.epoch ? nil : holders(of: address, now)
            },
            road: mesh.holders,
            loop: SharedThreads.loop()
        )
    }
}
