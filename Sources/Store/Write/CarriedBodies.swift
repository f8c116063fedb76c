import NIOCore
import Synchronization

/// Bodies that came with their rows and are too large for the index.
///
/// The committer writes them to a segment of its own, all of a batch under one sync, before the transaction that names
/// them: no other thread has to be woken, and the larger the load the more bodies share the sync.
struct CarriedBodies {
    struct Surroundings: Sendable {
        let lane: Lane.Shared
        let blobs: BlobNumbers
        /// Smaller ones go into the index.
        let inlineBytesMax: Int
    }

    private let around: Surroundings
    private var pen: Pen

    init(_ around: Surroundings) {
        self.around = around
        pen = Pen(around.lane, resume: nil)
    }

    /// The batch with rows that name staged bytes. Work whose bytes could not be made durable is answered and left out.
    mutating func place(_ batch: [Committer.Work]) -> [Committer.Work] {
        guard batch.contains(where: { bytes(of: $0) != nil }) else { return batch }
        var left: [Committer.Work] = []
        left.reserveCapacity(batch.count)
        var placed: [(index: Int, blob: BlobID)] = []
        for work in batch {
            guard case .call(let call, let done) = work, case .commit(var row) = call.request,
                let bytes = bytes(of: work)
            else {
                left.append(work)
                continue
            }
            guard bytes.readableBytes <= BlobWriter.chunkBytes, UInt64(bytes.readableBytes) == row.record.size else {
                done(.refused(.invalid))
                continue
            }
            do {
                // Sent again, the first answer was lost on its way: the bytes are here.
                if around.lane.staging.blob(of: row.record.op) == nil {
                    placed.append((left.count, try append(bytes, row.record.op)))
                }
                row.body = .staged
                left.append(.call(ReplicaCall(epoch: call.epoch, .commit(row)), done))
            } catch {
                done(.refused(Refusal(error)))
            }
        }
        do {
            if !placed.isEmpty { try pen.sync() }
            for (_, blob) in placed { around.lane.staging.finish(blob, at: Clock.monotonicMillis()) }
            return left
        } catch {
            let lost = Set(placed.map(\.index))
            for (_, blob) in placed { around.lane.staging.remove(blob) }
            return left.enumerated().compactMap { index, work in
                guard lost.contains(index), case .call(_, let done) = work else { return work }
                done(.refused(Refusal(error)))
                return nil
            }
        }
    }

    private func bytes(of work: Committer.Work) -> ByteBuffer? {
        guard case .call(let call, _) = work, case .commit(let row) = call.request, case .inline(let bytes) = row.body,
            bytes.readableBytes > around.inlineBytesMax
        else { return nil }
        return bytes
    }

    private mutating func append(_ bytes: ByteBuffer, _ op: OpID) throws -> BlobID {
        // Bytes whose row is going to be refused would lie there for a day.
        try around.lane.condition.admit(growing: true, isClients: true)
        let blob = try around.blobs.next()
        around.lane.staging.begin(blob, op: op)
        do {
            _ = try pen.append(bytes, of: blob, chunk: 0)
            return blob
        } catch {
            around.lane.staging.remove(blob)
            throw error
        }
    }
}

/// Blob ids are given out from a range that is reserved durably ahead of use, so that none is given out twice.
final class BlobNumbers: Sendable {
    /// Reserved at each start: more than a run can use (a blob costs at least 50 µs, this many an hour and a half at
    /// full speed on one core), and 131,072 starts fit into the 48 bits of an id.
    static let perStart: Int64 = 1 << 30

    private let following: Mutex<Int64>
    private let end: Int64

    init(from first: Int64) {
        following = Mutex(first)
        end = first + Self.perStart
    }

    func next() throws -> BlobID {
        try following.withLock { following in
            guard following < end else { throw StoreError.overloaded }
            defer { following += 1 }
            return BlobID(rawValue: following)
        }
    }
}
