/// The answers in a stream of bytes, as far as the harness has to know them: their statuses and the last one's body.
struct RawAnswers: Sendable {
    /// Of final answers that came whole, in order.
    private(set) var statuses: [Int] = []
    private(set) var lastBody: [UInt8] = []
    /// Something came that is no HTTP answer.
    private(set) var isNonsense = false
    private var pending: [UInt8] = []

    /// Bytes of an answer that did not come whole.
    var isTorn: Bool { !pending.isEmpty }

    mutating func take(_ bytes: ArraySlice<UInt8>) {
        pending += bytes
        while !isNonsense, takeOne() {}
    }

    private mutating func takeOne() -> Bool {
        guard let end = Self.endOfHead(pending) else { return false }
        let lines = String(decoding: pending[..<end], as: UTF8.self).split(separator: "\r\n")
        let words = (lines.first ?? "").split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0] == "HTTP/1.1" || words[0] == "HTTP/1.0", let status = Int(words[1]) else {
            isNonsense = true
            return false
        }
        var length = 0
        for line in lines.dropFirst() where line.lowercased().hasPrefix("content-length:") {
            length = Int(line.dropFirst("content-length:".count).drop { $0 == " " }) ?? 0
        }
        if status < 200 || status == 204 || status == 304 { length = 0 }
        guard pending.count - end >= length else { return false }
        if status >= 200 {
            statuses.append(status)
            lastBody = Array(pending[end..<end + length])
        }
        pending.removeFirst(end + length)
        return true
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        // Most bytes are decided by one comparison.
        for index in 3..<bytes.count
        where bytes[index] == 10 && bytes[index - 1] == 13 && bytes[index - 2] == 10 && bytes[index - 3] == 13 {
            return index + 1
        }
        return nil
    }
}
