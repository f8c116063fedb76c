package import NIOCore

/// Bytes that do not follow their table: cut short, too long, with an unknown tag or a length beyond its limit.
package struct WireError: Error, Sendable, Hashable {
    package init() {}
}

/// A value that travels between nodes. Its bytes follow a fixed table: numbers big end first, each variable field after
/// its length, each choice after its tag. There are no options: what this version does not know it refuses, and what a
/// link may carry is agreed upon when it opens.
package protocol WireValue {
    func write(into buffer: inout ByteBuffer)
    /// Takes the value from the front of the buffer. Never traps, and believes no length that the buffer does not bear
    /// out.
    init(from buffer: inout ByteBuffer) throws(WireError)
    /// About how many bytes it takes, so that a buffer grows once.
    var sizeHint: Int { get }
}

extension WireValue {
    package var sizeHint: Int { 128 }

    /// The value alone, as a payload.
    package var wireBytes: ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: sizeHint)
        write(into: &buffer)
        return buffer
    }

    /// Reads a payload that is this value and nothing else.
    package init(wire payload: ByteBuffer) throws(WireError) {
        var buffer = payload
        try self.init(from: &buffer)
        guard buffer.readableBytes == 0 else { throw WireError() }
    }
}

/// The longest fields that are believed.
package enum WireLimit {
    /// An escaped object key of 1,024 bytes with what follows it in `UploadKey`.
    package static let keyBytes = 4_096
    /// Attributes and tags, and the records of small state, of which the layout is the longest.
    package static let fieldBytes = 1 << 20
    /// What S3 allows.
    package static let parts = 10_000
}

// MARK: Fields

extension ByteBuffer {
    package mutating func number<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(WireError) -> T {
        guard let value = readInteger(as: type) else { throw WireError() }
        return value
    }

    package mutating func flag() throws(WireError) -> Bool {
        let byte = try number(UInt8.self)
        guard byte < 2 else { throw WireError() }
        return byte == 1
    }

    /// A tag of an enumeration.
    package mutating func choice<T: RawRepresentable<UInt8>>(_ type: T.Type = T.self) throws(WireError) -> T {
        guard let value = T(rawValue: try number(UInt8.self)) else { throw WireError() }
        return value
    }

    package mutating func writeCounted(_ bytes: [UInt8]) {
        writeInteger(UInt32(bytes.count))
        writeBytes(bytes)
    }

    /// Bytes behind their length, as a slice of this buffer.
    package mutating func countedSlice(max: Int) throws(WireError) -> ByteBuffer {
        let count = Int(try number(UInt32.self))
        guard count <= max, let slice = readSlice(length: count) else { throw WireError() }
        return slice
    }

    package mutating func counted(max: Int) throws(WireError) -> [UInt8] {
        let count = Int(try number(UInt32.self))
        guard count <= max, let bytes = readBytes(length: count) else { throw WireError() }
        return bytes
    }

    package mutating func writeOptional<T: WireValue>(_ value: T?) {
        writeInteger(value == nil ? 0 as UInt8 : 1)
        value?.write(into: &self)
    }

    package mutating func optional<T: WireValue>(_ type: T.Type = T.self) throws(WireError) -> T? {
        try flag() ? try T(from: &self) : nil
    }

    package mutating func writeList<T: WireValue>(_ values: [T]) {
        writeInteger(UInt32(values.count))
        for value in values { value.write(into: &self) }
    }

    /// `bytesMin` is what one value takes at least: a count that the buffer cannot hold is not believed.
    package mutating func list<T: WireValue>(
        of type: T.Type = T.self,
        bytesMin: Int,
        max: Int = .max
    ) throws(WireError) -> [T] {
        let count = Int(try number(UInt32.self))
        guard count <= max, count <= readableBytes / bytesMin else { throw WireError() }
        var values: [T] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try T(from: &self)) }
        return values
    }
}
