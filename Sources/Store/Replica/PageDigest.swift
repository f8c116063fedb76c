import CXXHash

/// What a page of a scan says of itself in 16 bytes: holders whose pages have the same rows say the same.
///
/// XXH3-128 of each row's key, stamp, operation, kind and target, and of where the page ends. A row never changes, so what
/// it says beyond that is the same as well. The asker draws the seed: nobody can choose keys that make two pages look alike.
package struct PageDigest: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package init(_ page: ScanPage, seed: UInt64) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(page.rows.reduce(8) { $0 + 68 + $1.record.key.bytes.count })
        func add(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) } }
        func add(_ stamp: Stamp) {
            add(stamp.t)
            add(stamp.w)
            add(UInt64(stamp.q))
        }
        add((page.isTruncated ? 1 : 0) | (page.isCut ? 2 : 0))
        for row in page.rows {
            let record = row.record
            let flags: UInt64 = (record.isNull ? 1 : 0) | (record.target == nil ? 0 : 2)
            add(UInt64(record.key.bytes.count) << 16 | UInt64(record.kind.rawValue) << 8 | flags)
            bytes.append(contentsOf: record.key.bytes)
            add(record.stamp)
            add(record.op.high)
            add(record.op.low)
            if let target = record.target { add(target) }
        }
        let hash = bytes.withUnsafeBytes { XXH3_128bits_withSeed($0.baseAddress, $0.count, seed) }
        self.init(high: hash.high64, low: hash.low64)
    }
}
