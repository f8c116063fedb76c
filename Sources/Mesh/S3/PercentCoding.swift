/// Percent-encoding as S3 and SigV4 understand it.
package enum PercentCoding {
    /// Letters, digits and `-._~`: what SigV4 leaves as it is.
    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// The bytes behind the percent signs; nil if a `%` is not followed by two hexadecimal digits.
    ///
    /// In a query a plus sign is a blank, in a path it is a plus sign.
    package static func decode(_ bytes: some Collection<UInt8>, plusIsBlank: Bool) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index != bytes.endIndex {
            let byte = bytes[index]
            bytes.formIndex(after: &index)
            if byte == UInt8(ascii: "%") {
                guard index != bytes.endIndex, let high = Hex.value(bytes[index]) else { return nil }
                bytes.formIndex(after: &index)
                guard index != bytes.endIndex, let low = Hex.value(bytes[index]) else { return nil }
                bytes.formIndex(after: &index)
                out.append(high << 4 | low)
            } else if plusIsBlank && byte == UInt8(ascii: "+") {
                out.append(UInt8(ascii: " "))
            } else {
                out.append(byte)
            }
        }
        return out
    }

    /// Everything but unreserved bytes encoded; a slash stays when `keepSlash`.
    package static func encode(_ bytes: some Sequence<UInt8>, keepSlash: Bool, into out: inout [UInt8]) {
        for byte in bytes {
            if isUnreserved(byte) || (keepSlash && byte == UInt8(ascii: "/")) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                out.append(Hex.upper(byte >> 4))
                out.append(Hex.upper(byte & 15))
            }
        }
    }

    package static func encode(_ text: String, keepSlash: Bool) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count + 16)
        encode(text.utf8, keepSlash: keepSlash, into: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// Decodes and encodes again, so that every spelling of the same bytes becomes the one that SigV4 signs. A broken
    /// escape is kept as the bytes that it is.
    static func canonicalize(
        _ bytes: UnsafeBufferPointer<UInt8>,
        keepSlash: Bool,
        plusIsBlank: Bool,
        into out: inout [UInt8]
    ) {
        var index = 0
        while index < bytes.count {
            let run = index
            while index < bytes.count, isUnreserved(bytes[index]) || (keepSlash && bytes[index] == UInt8(ascii: "/")) {
                index += 1
            }
            if index > run { out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[run..<index])) }
            guard index < bytes.count else { break }
            var byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "%"), index + 1 < bytes.count, let high = Hex.value(bytes[index]),
                let low = Hex.value(bytes[index + 1])
            {
                byte = high << 4 | low
                index += 2
                if isUnreserved(byte) {
                    out.append(byte)
                    continue
                }
                // An encoded slash in a path names the same key as a plain one.
                if keepSlash && byte == UInt8(ascii: "/") {
                    out.append(byte)
                    continue
                }
            } else if plusIsBlank && byte == UInt8(ascii: "+") {
                byte = UInt8(ascii: " ")
            }
            out.append(UInt8(ascii: "%"))
            out.append(Hex.upper(byte >> 4))
            out.append(Hex.upper(byte & 15))
        }
    }
}

/// Hexadecimal digits as bytes.
package enum Hex {
    static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    static func upper(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "A") + nibble - 10
    }

    static func lower(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    static func append(_ bytes: some Sequence<UInt8>, to out: inout [UInt8]) {
        for byte in bytes {
            out.append(lower(byte >> 4))
            out.append(lower(byte & 15))
        }
    }

    /// Lower-case digits.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var out: [UInt8] = []
        append(bytes, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// The bytes that an even number of digits stands for; nil for anything else.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(text.count / 2)
        var high: UInt8?
        for byte in text {
            guard let digit = value(byte) else { return nil }
            if let first = high {
                out.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return out
    }
}
