/// The node that a hint is for, as the store names it: 16 bytes.
package struct HintPeer: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    var column: [UInt8] { UploadID(high: high, low: low).column }

    init(column bytes: UnsafeRawBufferPointer) throws(Malformed) {
        let id = try UploadID(column: bytes)
        self.init(high: id.high, low: id.low)
    }
}

/// A row that a peer has missed.
package struct HintRow: Hashable, Sendable {
    package let address: RowAddress
    package let stamp: Stamp

    package init(_ address: RowAddress, _ stamp: Stamp) {
        self.address = address
        self.stamp = stamp
    }
}
