internal import NIOCore
internal import Store

/// `behind 1+8?`
struct ClosedBucketsQuestion: WireValue, Equatable {
    /// In the order of the buckets' numbers; nil: from the first.
    var after: BucketID?

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(after == nil ? 0 as UInt8 : 1)
        if let after { buffer.writeInteger(after.rawValue) }
    }

    init(after: BucketID?) { self.after = after }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        after = try buffer.flag() ? BucketID(rawValue: try buffer.number()) : nil
    }
}

/// `bucket 8 | gone 1`: it takes no writes here because somebody deletes it, or it is gone for good.
struct ClosedBucket: WireValue, Hashable {
    static let leastBytes = 9
    let bucket: BucketID
    let isGone: Bool

    var sizeHint: Int { Self.leastBytes }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(bucket.rawValue, isGone ? 1 as UInt8 : 0)
    }

    init(_ bucket: BucketID, isGone: Bool) {
        self.bucket = bucket
        self.isGone = isGone
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        bucket = BucketID(rawValue: try buffer.number())
        isGone = try buffer.flag()
    }
}

/// `more 1 | buckets 4+n·9`
struct ClosedBucketsAnswer: WireValue, Equatable {
    /// A page of 288 KiB.
    static let countMax = 32_768
    var isTruncated: Bool
    var buckets: [ClosedBucket]

    var sizeHint: Int { 8 + buckets.count * ClosedBucket.leastBytes }

    init(_ buckets: [ClosedBucket], isTruncated: Bool) {
        self.buckets = buckets
        self.isTruncated = isTruncated
    }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(isTruncated ? 1 as UInt8 : 0)
        buffer.writeList(buckets)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        isTruncated = try buffer.flag()
        buckets = try buffer.list(bytesMin: ClosedBucket.leastBytes, max: Self.countMax)
    }
}
