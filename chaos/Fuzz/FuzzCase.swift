/// Bytes for one connection, how they are delivered, and what may come back.
struct FuzzCase: Sendable {
    enum Delivery: Sendable {
        /// All at once; that many answers must come, or the connection be closed, while ours stays open.
        case whole(answers: Int)
        /// The sending side is closed behind the bytes.
        case halfClosed
        /// The connection is reset behind the bytes, and nothing read.
        case reset
        /// One byte at a time, that many microseconds apart.
        case slow(micros: UInt32)
    }

    enum Expectation: Sendable {
        /// 4xx, 501, 503, or a closed connection.
        case refused
        /// 2xx for each request.
        case granted
        /// What was done to the request may leave it valid.
        case either
    }

    let kind: String
    var bytes: [UInt8]
    var delivery: Delivery
    var expectation: Expectation
    /// The object that this puts if it is granted, made by `FuzzRequests.body`.
    var key: String?

    /// Why the outcome breaks the rule; nil when it does not.
    func objection(_ answers: RawAnswers, _ end: RawConnection.End) -> String? {
        if answers.isNonsense { return "the answer is not HTTP" }
        if end == .silent { return "no end within \(RawConnection.secondsMax) s, answers so far: \(answers.statuses)" }
        for status in answers.statuses where status >= 500 && status != 501 && status != 503 {
            return "status \(status)"
        }
        switch expectation {
        case .either: return nil
        case .refused:
            return answers.statuses.first { $0 < 400 }.map { "a malformed request was answered with \($0)" }
        case .granted:
            let wanted = if case .whole(let count) = delivery { count } else { 1 }
            let isGranted = answers.statuses.count == wanted && answers.statuses.allSatisfy { (200..<300).contains($0) }
            return isGranted ? nil : "\(wanted) valid requests were answered with \(answers.statuses)"
        }
    }

    /// The bytes as text, escaped, at most that many of them.
    func shown(bytesMax: Int = 512) -> String {
        var text = ""
        for byte in bytes.prefix(bytesMax) {
            switch byte {
            case 10: text += "\\n"
            case 13: text += "\\r"
            case 0x5C: text += "\\\\"
            case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return bytes.count > bytesMax ? "\(text)… (\(bytes.count) bytes)" : text
    }
}
