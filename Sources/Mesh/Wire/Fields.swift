/// Writes tagged fields: a version, then per field its tag, a length of two bytes, and the bytes.
struct FieldWriter {
    private(set) var bytes: [UInt8]

    init(version: UInt8) { bytes = [version] }

    mutating func field(_ tag: UInt8, _ value: some Collection<UInt8>) {
        precondition(value.count <= UInt16.max, "a field holds at most 65,535 bytes")
        bytes.append(tag)
        bytes.append(UInt8(value.count >> 8))
        bytes.append(UInt8(value.count & 0xFF))
        bytes.append(contentsOf: value)
    }
}

/// Reads what `FieldWriter` wrote; trusts no length.
struct FieldReader {
    private let bytes: [UInt8]
    private var index = 1
    private(set) var isWhole = true

    init?(_ bytes: [UInt8], version: UInt8) {
        guard bytes.first == version else { return nil }
        self.bytes = bytes
    }

    /// The next tag and its bytes; nil at the end, with `isWhole` false if the end is in the middle of a field.
    mutating func next() -> (UInt8, ArraySlice<UInt8>)? {
        guard index < bytes.count else { return nil }
        guard index + 3 <= bytes.count else {
            isWhole = false
            return nil
        }
        let count = Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
        guard index + 3 + count <= bytes.count else {
            isWhole = false
            return nil
        }
        let tag = bytes[index]
        let value = bytes[(index + 3)..<(index + 3 + count)]
        index += 3 + count
        return (tag, value)
    }
}
