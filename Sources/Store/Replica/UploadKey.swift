/// The keys of rows about uploads and parts: the object's key, escaped so that byte order is kept, then the upload's
/// time and id, then the part's number.
///
/// A zero byte inside the object's key becomes `00 ff`; `00 00` ends it. All numbers are big-endian. So rows sort by
/// object key, then by time of initiation, then by id, then by part number.
package enum UploadKey {
    /// The bytes with which the keys of uploads for all object keys with this beginning begin.
    package static func escape(_ start: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(start.count + 28)
        for byte in start {
            bytes.append(byte)
            if byte == 0 { bytes.append(0xff) }
        }
        return bytes
    }

    /// The part of all keys that belong to uploads for this object key.
    package static func prefix(_ object: Key) -> [UInt8] { escape(object.bytes) + [0, 0] }

    /// The key of the upload's row, and the prefix of the keys of its parts.
    package static func upload(_ object: Key, initiatedMillis: UInt64, _ id: UploadID) -> Key {
        var bytes = prefix(object)
        for word in [initiatedMillis, id.high, id.low] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return Key(bytes)
    }

    package static func part(_ upload: Key, _ number: UInt16) -> Key {
        Key(upload.bytes + [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)])
    }

    /// The object's key inside an upload's or part's key; what there is of it when the bytes are not such a key.
    package static func objectKey(of bytes: [UInt8]) -> [UInt8] {
        var key: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == 0 {
                guard at + 1 < bytes.count, bytes[at + 1] == 0xff else { break }
                at += 1
                key.append(0)
            } else {
                key.append(bytes[at])
            }
            at += 1
        }
        return key
    }

    /// The upload's time and id, from the key of its row or of one of its parts; nil when the bytes are not such a key.
    package static func identity(of bytes: [UInt8]) -> (initiatedMillis: UInt64, id: UploadID, end: Int)? {
        var at = 0
        while at < bytes.count, bytes[at] != 0 || (at + 1 < bytes.count && bytes[at + 1] == 0xff) {
            at += bytes[at] == 0 ? 2 : 1
        }
        guard at + 2 + 24 <= bytes.count, bytes[at + 1] == 0 else { return nil }
        func word(_ from: Int) -> UInt64 { bytes[from..<from + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        let start = at + 2
        return (word(start), UploadID(high: word(start + 8), low: word(start + 16)), start + 24)
    }

    /// The number at the end of a part's key.
    package static func partNumber(of bytes: [UInt8]) -> UInt16? {
        guard let end = identity(of: bytes)?.end, bytes.count == end + 2 else { return nil }
        return UInt16(bytes[end]) << 8 | UInt16(bytes[end + 1])
    }
}
