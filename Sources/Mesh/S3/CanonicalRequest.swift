/// The bytes that SigV4 hashes, from the request as it was sent.
///
/// S3's own rule: the path is encoded once, and neither normalised nor encoded a second time.
enum CanonicalRequest {
    enum PathForm {
        /// Decoded and encoded again, so that every spelling signs alike.
        case normalized
        /// As sent: what clients sign that encode less than S3 does.
        case asSent
    }

    static func bytes(
        _ head: S3Head,
        signedHeaders: [UInt8],
        payload: [UInt8],
        path form: PathForm,
        method: String
    ) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(head.target.bytes.count + head.headers.bytes.count + signedHeaders.count + 256)
        out.append(contentsOf: method.utf8)
        out.append(newline)
        head.target.bytes.withUnsafeBufferPointer { target in
            let path = UnsafeBufferPointer(rebasing: target[head.target.path])
            if path.isEmpty {
                out.append(UInt8(ascii: "/"))
            } else if form == .asSent {
                out.append(contentsOf: path)
            } else {
                PercentCoding.canonicalize(path, keepSlash: true, plusIsBlank: false, into: &out)
            }
            out.append(newline)
            appendQuery(head.target, target, to: &out)
        }
        out.append(newline)
        appendHeaders(head.headers, signedHeaders, to: &out)
        out.append(newline)
        out.append(contentsOf: signedHeaders)
        out.append(newline)
        out.append(contentsOf: payload)
        return out
    }

    private static let newline = UInt8(ascii: "\n")

    private static func appendQuery(
        _ target: RequestTarget,
        _ bytes: UnsafeBufferPointer<UInt8>,
        to out: inout [UInt8]
    ) {
        guard !target.items.isEmpty else { return }
        var arena: [UInt8] = []
        arena.reserveCapacity(bytes.count + 64)
        var items: [(name: Range<Int>, value: Range<Int>)] = []
        items.reserveCapacity(target.items.count)
        for item in target.items where !ASCII.equal(target.bytes, item.name, "X-Amz-Signature") {
            let start = arena.count
            encode(bytes, item.name, to: &arena)
            let middle = arena.count
            encode(bytes, item.value, to: &arena)
            items.append((start..<middle, middle..<arena.count))
        }
        arena.withUnsafeBufferPointer { arena in
            items.sort { a, b in
                let names = compare(arena, a.name, b.name)
                return names != 0 ? names < 0 : compare(arena, a.value, b.value) < 0
            }
            for (index, item) in items.enumerated() {
                if index > 0 { out.append(UInt8(ascii: "&")) }
                out.append(contentsOf: UnsafeBufferPointer(rebasing: arena[item.name]))
                out.append(UInt8(ascii: "="))
                out.append(contentsOf: UnsafeBufferPointer(rebasing: arena[item.value]))
            }
        }
    }

    private static func encode(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, to out: inout [UInt8]) {
        PercentCoding.canonicalize(
            UnsafeBufferPointer(rebasing: bytes[range]),
            keepSlash: false,
            plusIsBlank: true,
            into: &out
        )
    }

    private static func compare(_ bytes: UnsafeBufferPointer<UInt8>, _ a: Range<Int>, _ b: Range<Int>) -> Int {
        let count = min(a.count, b.count)
        for offset in 0..<count {
            let x = bytes[a.lowerBound + offset]
            let y = bytes[b.lowerBound + offset]
            if x != y { return x < y ? -1 : 1 }
        }
        return a.count - b.count
    }

    private static func appendHeaders(_ headers: HeaderTable, _ list: [UInt8], to out: inout [UInt8]) {
        headers.bytes.withUnsafeBufferPointer { bytes in
            list.withUnsafeBufferPointer { list in
                var start = 0
                while start < list.count {
                    var end = start
                    while end < list.count && list[end] != UInt8(ascii: ";") { end += 1 }
                    let name = UnsafeBufferPointer(rebasing: list[start..<end])
                    out.append(contentsOf: name)
                    out.append(UInt8(ascii: ":"))
                    var isFirst = true
                    for entry in headers.entries where isEqual(bytes, entry.name, name) {
                        if !isFirst { out.append(UInt8(ascii: ",")) }
                        isFirst = false
                        appendFolded(bytes, entry.value, to: &out)
                    }
                    out.append(newline)
                    start = end + 1
                }
            }
        }
    }

    private static func isEqual(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ range: Range<Int>,
        _ name: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard range.count == name.count else { return false }
        for offset in 0..<name.count where bytes[range.lowerBound + offset] != name[offset] { return false }
        return true
    }

    /// Runs of blanks become one blank.
    private static func appendFolded(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, to out: inout [UInt8]) {
        var plain = range.lowerBound
        var index = range.lowerBound
        while index < range.upperBound {
            guard ASCII.isBlank(bytes[index]) else {
                index += 1
                continue
            }
            out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[plain..<index]))
            out.append(UInt8(ascii: " "))
            while index < range.upperBound && ASCII.isBlank(bytes[index]) { index += 1 }
            plain = index
        }
        out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[plain..<range.upperBound]))
    }

    static func stringToSign(_ canonical: [UInt8], date: [UInt8], scope: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(192)
        out.append(contentsOf: "AWS4-HMAC-SHA256\n".utf8)
        out.append(contentsOf: date)
        out.append(newline)
        out.append(contentsOf: scope)
        out.append(newline)
        SHA256State.hash(canonical).appendHex(to: &out)
        return out
    }
}
