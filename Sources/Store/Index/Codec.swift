/// Bytes of a row that do not follow its layout.
struct Malformed: Error {}

/// Builds the bytes of a row: fixed-width little-endian numbers and counted byte strings.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func number<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func counted(_ value: [UInt8]) {
        number(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func stamp(_ value: Stamp) {
        number(value.t)
        number(value.w)
        number(value.q)
    }

    /// Ends the row with a checksum over all of it and over `seed`, which stands for the row's key.
    mutating func seal(seed: UInt64) { number(Checksum.of(bytes, seed: seed)) }
}

/// Takes the bytes of a row apart; never trusts a length.
struct ByteScanner {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// A row that ends with its checksum (`ByteWriter.seal`), verified.
    init(sealed bytes: UnsafeRawBufferPointer, seed: UInt64) throws(Malformed) {
        guard bytes.count >= 8 else { throw Malformed() }
        let payload = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 8)])
        let stored = bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
        guard UInt64(littleEndian: stored) == Checksum.of(payload, seed: seed) else { throw Malformed() }
        self.bytes = payload
    }

    var remaining: Int { bytes.count - at }

    mutating func number<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(Malformed) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { throw Malformed() }
        let value = bytes.loadUnaligned(fromByteOffset: at, as: T.self)
        at += size
        return T(littleEndian: value)
    }

    mutating func counted() throws(Malformed) -> [UInt8] {
        let count = Int(try number(UInt32.self))
        guard remaining >= count else { throw Malformed() }
        let value = [UInt8](bytes[at..<at + count])
        at += count
        return value
    }

    mutating func stamp() throws(Malformed) -> Stamp {
        Stamp(t: try number(), w: try number(), q: try number())
    }

    func end() throws(Malformed) {
        guard remaining == 0 else { throw Malformed() }
    }
}
