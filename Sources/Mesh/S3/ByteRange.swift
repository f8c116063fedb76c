/// Which bytes of an object a `Range` header asks for.
package enum ByteRange: Hashable, Sendable {
    /// No header, one that cannot be read, or several ranges: the whole object with 200, as S3 does.
    case whole
    /// 206 with these bytes, never empty.
    case part(Range<UInt64>)
    /// 416.
    case unsatisfiable

    package init(_ header: ArraySlice<UInt8>?, size: UInt64) {
        guard let header, let equals = header.firstIndex(of: UInt8(ascii: "=")),
            ASCII.equalFolded(ASCII.trimmed(header[..<equals]), "bytes")
        else {
            self = .whole
            return
        }
        let spec = ASCII.trimmed(header[(equals + 1)...])
        guard let dash = spec.firstIndex(of: UInt8(ascii: "-")), !spec.contains(UInt8(ascii: ",")) else {
            self = .whole
            return
        }
        let left = ASCII.trimmed(spec[..<dash])
        let right = ASCII.trimmed(spec[(dash + 1)...])
        guard left.allSatisfy(ASCII.isDigit), right.allSatisfy(ASCII.isDigit), !(left.isEmpty && right.isEmpty) else {
            self = .whole
            return
        }
        // A number too large for 64 bits lies beyond every object.
        let last = right.isEmpty ? UInt64.max : ASCII.decimal(right) ?? .max
        if left.isEmpty {
            self = last == 0 || size == 0 ? .unsatisfiable : .part((size - min(last, size))..<size)
            return
        }
        let first = ASCII.decimal(left) ?? .max
        if first > last {
            self = .whole
        } else if first >= size {
            self = .unsatisfiable
        } else {
            self = .part(first..<(last >= size ? size : last + 1))
        }
    }

    /// The error for `.unsatisfiable`.
    package static func error(_ header: String, size: UInt64) -> S3Error {
        S3Error(
            .invalidRange,
            nil,
            [.init("RangeRequested", String(header.prefix(256))), .init("ActualObjectSize", String(size))]
        )
    }

    /// The value of `Content-Range` for a part.
    package static func contentRange(_ range: Range<UInt64>, size: UInt64) -> String {
        "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
    }
}
