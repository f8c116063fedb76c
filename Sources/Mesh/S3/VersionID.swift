package import Store

/// The text of a version's stamp: 32 characters of base 32 for its 20 bytes, or `null`.
///
/// Safe in URLs, of fixed width, and its order is the order of stamps.
package enum VersionID {
    package static let null = "null"

    private static let digits = Array("0123456789abcdefghijklmnopqrstuv".utf8)

    package static func text(_ stamp: Stamp) -> String {
        String(unsafeUninitializedCapacity: 32) { out in
            var accumulator: UInt64 = 0
            var bits = 0
            var count = 0
            for index in 0..<20 {
                let byte: UInt8 =
                    if index < 8 {
                        UInt8(truncatingIfNeeded: stamp.t >> UInt64(56 - index * 8))
                    } else if index < 16 {
                        UInt8(truncatingIfNeeded: stamp.w >> UInt64(120 - index * 8))
                    } else {
                        UInt8(truncatingIfNeeded: stamp.q >> UInt32(152 - index * 8))
                    }
                accumulator = accumulator << 8 | UInt64(byte)
                bits += 8
                while bits >= 5 {
                    bits -= 5
                    out[count] = digits[Int(accumulator >> UInt64(bits)) & 31]
                    count += 1
                }
                accumulator &= 0xFF
            }
            return count
        }
    }

    /// The id that S3 shows for a version.
    package static func text(of record: Record) -> String { record.isNull ? null : text(record.stamp) }

    /// Nil for a text that no version can have.
    package static func parse(_ text: String) -> VersionSelector? {
        if text == null { return .null }
        let bytes = Array(text.utf8)
        guard bytes.count == 32 else { return nil }
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        for byte in bytes {
            let value: UInt64
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "v"): value = UInt64(byte - UInt8(ascii: "a")) + 10
            default: return nil
            }
            words.0 = words.0 << 5 | words.1 >> 59
            words.1 = words.1 << 5 | words.2 >> 59
            words.2 = words.2 << 5 | value
        }
        // 160 bits, right-aligned: 32 of the first word, then 64, then 64.
        let t = words.0 << 32 | words.1 >> 32
        let w = words.1 << 32 | words.2 >> 32
        return .stamp(Stamp(t: t, w: w, q: UInt32(truncatingIfNeeded: words.2)))
    }
}

/// The text of an upload's name: 32 hexadecimal digits.
extension UploadID {
    package var text: String {
        var out: [UInt8] = []
        for word in [high, low] {
            for shift in stride(from: 60, through: 0, by: -4) {
                out.append(Hex.lower(UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Nil for a text that no upload can have: `NoSuchUpload`.
    package init?(text: String) {
        guard text.utf8.count == 32, let bytes = Hex.decode(Array(text.utf8)) else { return nil }
        self.init(
            high: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) },
            low: bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
        )
    }
}

/// An entity tag's text, without quotes: `d41d8cd98f00b204e9800998ecf8427e`, or with `-3` behind it for three parts.
extension ETag {
    package var text: String {
        let digits = String(unsafeUninitializedCapacity: 32) { out in
            for index in 0..<16 {
                out[index] = Hex.lower(UInt8(truncatingIfNeeded: high >> UInt64(60 - index * 4)) & 15)
                out[16 + index] = Hex.lower(UInt8(truncatingIfNeeded: low >> UInt64(60 - index * 4)) & 15)
            }
            return 32
        }
        return parts > 0 ? "\(digits)-\(parts)" : digits
    }

    package var quoted: String { "\"\(text)\"" }

    /// Of an MD5's 16 bytes.
    package init(md5: some Collection<UInt8>, parts: UInt32 = 0) {
        precondition(md5.count == 16)
        var (high, low): (UInt64, UInt64) = (0, 0)
        for byte in md5 {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(byte)
        }
        self.init(high: high, low: low, parts: parts)
    }

    package var md5: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - $0 * 8)) } }
    }

    /// With or without quotes. Nil: not a tag that this server gives out.
    package init?(text: some Collection<UInt8>) {
        var body = Array(text)
        if body.count >= 2, body.first == UInt8(ascii: "\""), body.last == UInt8(ascii: "\"") {
            body.removeFirst()
            body.removeLast()
        }
        guard body.count >= 32, let md5 = Hex.decode(body[..<32]) else { return nil }
        var parts: UInt32 = 0
        if body.count > 32 {
            guard body[32] == UInt8(ascii: "-"), let number = ASCII.decimal(body[33...]), (1...10_000).contains(number)
            else { return nil }
            parts = UInt32(number)
        }
        self.init(md5: md5, parts: parts)
    }
}
