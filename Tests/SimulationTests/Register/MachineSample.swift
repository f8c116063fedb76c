import Mesh
import Store
import Swim

/// One key, three holders, and what they may say of it: what tests of single steps of a machine begin with.
struct MachineSample {
    static let nodes = (1...3).map { NodeID(high: $0, low: 1) }
    static let address = RowAddress(BucketID(rawValue: 1), Key("k"))

    static func task(settled: UInt64 = 0) -> RegisterTask {
        RegisterTask(
            address: address,
            holders: HolderSet(current: nodes),
            epoch: 4,
            settled: settled,
            preferred: nodes,
            deadlineMicros: 10_000_000,
            writer: 99
        )
    }

    static func row(_ kind: Store.Record.Kind, _ stamp: Stamp = .zero, op: UInt64 = 1) -> Row {
        var record = Store.Record(
            bucket: address.bucket,
            key: address.key,
            stamp: stamp,
            kind: kind,
            isNull: true,
            size: 0,
            etag: ETag(high: 0, low: op),
            body: .empty,
            attributes: [],
            tags: []
        )
        record.op = OpID(high: 1, low: op)
        return Row(record: record, body: .empty)
    }

    static func view(_ row: Row?) -> ReplicaReply {
        .view(KeyView(chain: row.map { [$0.ref] } ?? [], found: row))
    }
}
