/// The headers of one request in a single run of bytes: names in lower case, values without blanks at their ends.
///
/// Built once per request by whoever read it from the wire (NIO's or Hummingbird's headers, or raw bytes), so that all
/// that looks at headers afterwards compares bytes. Reusable: `removeAll` keeps its storage.
package struct HeaderTable: Sendable {
    /// Bytes of names and values together; S3 itself allows 8 KiB, proxies add their own.
    package static let bytesMax = 64 * 1024
    package static let countMax = 256

    struct Entry: Sendable {
        var nameStart: Int32
        var nameEnd: Int32
        var valueEnd: Int32
        var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
        var value: Range<Int> { Int(nameEnd)..<Int(valueEnd) }
    }

    private(set) var bytes: [UInt8] = []
    private(set) var entries: [Entry] = []
    /// A header did not fit; the request is to be refused.
    package private(set) var isOverfull = false

    package init() {
        bytes.reserveCapacity(1024)
        entries.reserveCapacity(24)
    }

    package init(_ headers: some Sequence<(String, String)>) {
        self.init()
        for (name, value) in headers { append(name: name, value: value) }
    }

    package var count: Int { entries.count }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        isOverfull = false
    }

    package mutating func append(name: String, value: String) {
        var name = name
        var value = value
        name.withUTF8 { name in value.withUTF8 { append(name: name, value: $0) } }
    }

    package mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        guard bytes.count + name.count + value.count <= Self.bytesMax, entries.count < Self.countMax else {
            isOverfull = true
            return
        }
        let start = bytes.count
        bytes.append(contentsOf: name)
        let nameEnd = bytes.count
        bytes.withUnsafeMutableBufferPointer { bytes in
            for index in start..<nameEnd where bytes[index] &- UInt8(ascii: "A") < 26 { bytes[index] |= 0x20 }
        }
        var low = 0
        var high = value.count
        while low < high, ASCII.isBlank(value[low]) { low += 1 }
        while high > low, ASCII.isBlank(value[high - 1]) { high -= 1 }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: value[low..<high]))
        entries.append(Entry(nameStart: Int32(start), nameEnd: Int32(nameEnd), valueEnd: Int32(bytes.count)))
    }

    /// The value of the first header of this name (given in lower case).
    package func bytes(_ name: StaticString) -> ArraySlice<UInt8>? {
        guard let index = index(of: name) else { return nil }
        return bytes[entries[index].value]
    }

    package func string(_ name: StaticString) -> String? {
        bytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    package func contains(_ name: StaticString) -> Bool { index(of: name) != nil }

    /// How many headers have this name.
    package func count(of name: StaticString) -> Int {
        entries.reduce(0) { $0 + (ASCII.equal(bytes, $1.name, name) ? 1 : 0) }
    }

    /// Lengths first: few headers share theirs with the one that is looked for.
    func index(of name: StaticString) -> Int? {
        let count = name.utf8CodeUnitCount
        let wanted = name.utf8Start
        return bytes.withUnsafeBufferPointer { bytes in
            entries.withUnsafeBufferPointer { entries in
                for index in entries.indices where Int(entries[index].nameEnd - entries[index].nameStart) == count {
                    let start = Int(entries[index].nameStart)
                    var offset = 0
                    while offset < count && bytes[start + offset] == wanted[offset] { offset += 1 }
                    if offset == count { return index }
                }
                return nil
            }
        }
    }

    /// Every header whose name begins with `prefix`: name and value.
    package func forEach(prefix: StaticString, _ body: (ArraySlice<UInt8>, ArraySlice<UInt8>) -> Void) {
        for entry in entries where ASCII.hasPrefix(bytes, entry.name, prefix) {
            body(bytes[entry.name], bytes[entry.value])
        }
    }
}

/// Small questions about bytes of text.
enum ASCII {
    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

    static func equal(_ bytes: [UInt8], _ range: Range<Int>, _ text: StaticString) -> Bool {
        range.count == text.utf8CodeUnitCount && hasPrefix(bytes, range, text)
    }

    static func hasPrefix(_ bytes: [UInt8], _ range: Range<Int>, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard range.count >= count else { return false }
        let start = text.utf8Start
        for offset in 0..<count where bytes[range.lowerBound + offset] != start[offset] { return false }
        return true
    }

    static func equal(_ slice: ArraySlice<UInt8>, _ text: StaticString) -> Bool {
        slice.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Equal but for the case of letters; `text` is in lower case.
    static func equalFolded(_ slice: some Collection<UInt8>, _ text: StaticString) -> Bool {
        let other = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return slice.count == other.count
            && zip(slice, other).allSatisfy { ($0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0) == $1 }
    }

    /// An unsigned decimal number and nothing else; nil also when it does not fit.
    static func decimal(_ slice: some Collection<UInt8>) -> UInt64? {
        guard !slice.isEmpty, slice.count <= 20 else { return nil }
        var value: UInt64 = 0
        for byte in slice {
            guard isDigit(byte) else { return nil }
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if over || carry { return nil }
            value = sum
        }
        return value
    }

    static func trimmed(_ slice: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var slice = slice
        while let first = slice.first, isBlank(first) { slice.removeFirst() }
        while let last = slice.last, isBlank(last) { slice.removeLast() }
        return slice
    }
}
