internal import NIOCore
internal import Store
internal import Swim

/// Fetches the bytes of one row from whoever has them, and verifies them against its ETag before they belong to it.
struct BodyFetch: Sendable {
    enum Outcome: Sendable, Equatable {
        case supplied(bytes: UInt64)
        /// The row is not here any more, or not to be here.
        case pointless
        /// Somebody who may have the bytes did not answer.
        case waiting
        /// All who may have them answered that they do not, or what they gave is not what was written.
        case unobtainable
    }

    let around: RepairSurroundings

    /// - Parameter given: nobody else is asked; nil: whoever may have the bytes.
    func fetch(_ name: RowName, from given: [NodeID]? = nil) async throws -> Outcome {
        guard around.isHolder(around.own, name.address), let row = try await row(name) else { return .pointless }
        let lengths: [UInt64]
        switch row.body {
        case .empty, .inline, .handedOver: return .pointless
        case .parts(let parts): lengths = parts.map(\.size)
        case .staged, .absent: lengths = [row.record.size]
        }
        var sources = (given ?? candidates(name))[...]
        guard let first = sources.popFirst() else { return .waiting }
        var reading = Reading(name: name, source: first, others: sources)
        while true {
            let ops = lengths.map { _ in OpID(high: .random(in: 1 ... .max), low: .random(in: .min ... .max)) }
            do {
                if Self.isIntact(row.record.etag, try await transfer(lengths, ops, &reading)) {
                    try await around.disk.supply(name, ops)
                    return supplied(lengths.reduce(0, +))
                }
            } catch Failure.noSource {
                discard(ops)
                return given == nil ? try await verdict(name, row) : .waiting
            } catch {
                discard(ops)
                throw error
            }
            // Not what was written: somebody gave wrong bytes, and another one may have the right ones.
            around.counters.bodiesRefused.add()
            discard(ops)
            guard let next = reading.others.popFirst() else { return .unobtainable }
            reading.source = next
        }
    }

    /// The row as it is here. A list of parts that cannot be read is first brought again by somebody who has it.
    private func row(_ name: RowName) async throws -> Row? {
        do {
            return try await around.disk.row(name)
        } catch StoreError.corrupt {
            for node in candidates(name) {
                let epoch = around.peers.epoch()
                guard let row = try? await around.peers.rows(node, [name]).rows.first else { continue }
                _ = await around.disk.merge([row], epoch: epoch)
                break
            }
            return try await around.disk.row(name)
        }
    }

    private func supplied(_ bytes: UInt64) -> Outcome {
        around.counters.bodiesFetched.add()
        around.counters.bodyBytesFetched.add(bytes)
        around.movement.noteBody(bytes: bytes)
        return .supplied(bytes: bytes)
    }

    private enum Failure: Error { case noSource }

    private struct Reading {
        let name: RowName
        var source: NodeID
        var others: ArraySlice<NodeID>
    }

    private func discard(_ ops: [OpID]) {
        for op in ops { around.disk.unstage(op) }
    }

    /// Who may have the bytes and would answer: the one that was seen to have them, the holders, then everybody.
    private func candidates(_ name: RowName) -> [NodeID] {
        let layout = around.book.current
        let alive = around.alive()
        var nodes: [NodeID] = []
        if let seen = around.sources.take(name) { nodes.append(seen) }
        let holders = around.holders(of: name.address, layout)
        // Spread over the holders, so that a wiped node does not ask one of them for everything.
        let start = Int(truncatingIfNeeded: name.address.hash & 0xffff)
        let everyone = holders.keepers
        nodes += everyone.indices.map { everyone[(start + $0) % everyone.count] }
        nodes += layout.members.map(\.node)
        var known = Set<NodeID>()
        return nodes.filter { $0 != around.own && alive.contains($0) && known.insert($0).inserted }
    }

    /// Moves all streams of the body, each into its own staged one; returns their MD5s.
    private func transfer(_ lengths: [UInt64], _ ops: [OpID], _ reading: inout Reading) async throws -> [[UInt8]] {
        var digests: [[UInt8]] = []
        var start: UInt64 = 0
        for (length, op) in zip(lengths, ops) {
            let stream = try around.disk.stage(op)
            let digest = BodyDigest(checksum: nil, sha256: false)
            var offset: UInt64 = 0
            while offset < length {
                let count = Int(min(length - offset, UInt64(BlobWriter.chunkBytes)))
                let bytes = try await piece(start + offset, count, &reading)
                bytes.withUnsafeReadableBytes { digest.update($0) }
                try await stream.append(bytes)
                offset += UInt64(count)
            }
            try await stream.finish()
            digests.append(digest.finish().md5)
            start += length
        }
        return digests
    }

    /// One piece, from the next source when the present one fails: versions are immutable, so all have the same bytes.
    private func piece(_ offset: UInt64, _ count: Int, _ reading: inout Reading) async throws -> ByteBuffer {
        while true {
            do {
                let bytes = try await around.peers.bytes(reading.source, reading.name, from: offset, count: count)
                if bytes.readableBytes == count { return bytes }
            } catch is RepairFailure {}
            guard let next = reading.others.popFirst() else { throw Failure.noSource }
            reading.source = next
        }
    }

    /// Whether it is worth trying again: not when all members that hold anything answer, and none has the bytes, nor for
    /// a part that an object became of.
    private func verdict(_ name: RowName, _ row: Row) async throws -> Outcome {
        if name.address.bucket.space == .part, try await around.disk.waiveBytes(of: name) { return .pointless }
        let sight = RowSight(name.address, row.ref, size: row.record.size, hasBytes: false)
        let layout = around.book.current
        let others = Set(layout.members.map(\.node)).subtracting([around.own])
        for node in others where layout.hasPlace(node) {
            let standing = try? await around.peers.standing(node, [sight])
            if standing?.first != .withoutBytes, standing?.first != .missing { return .waiting }
        }
        return .unobtainable
    }

    /// One stream is its own MD5; several have the MD5 of their MD5s, and their number.
    static func isIntact(_ etag: ETag, _ digests: [[UInt8]]) -> Bool {
        let md5: [UInt8]
        if etag.parts == 0 {
            guard digests.count == 1 else { return false }
            md5 = digests[0]
        } else {
            guard digests.count == Int(etag.parts) else { return false }
            let whole = BodyDigest(checksum: nil, sha256: false)
            for digest in digests { digest.withUnsafeBytes { whole.update($0) } }
            md5 = whole.finish().md5
        }
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return md5.count == 16 && word(md5[..<8]) == etag.high && word(md5[8...]) == etag.low
    }
}
