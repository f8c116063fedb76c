import NIOCore
import NIOHTTP1

/// Holds what a GET returned against what it may return.
enum Sighting {
    /// The content that the answer shows, if it is one of those; otherwise the anomaly is on record.
    @discardableResult
    static func judge(
        _ response: HTTPResponse,
        _ key: String,
        among possible: [KeyHistory.Content],
        _ ledger: Ledger,
        _ verdict: Verdict
    ) -> KeyHistory.Content? {
        let found: KeyHistory.Content?
        switch response.status {
        case 404: found = possible.first { $0.isAbsent }
        case 200: found = possible.first { matches(response, $0) }
        default: found = nil
        }
        if let found {
            verdict.pass()
            return found
        }
        let wanted = Set(possible).map(KeyHistory.name).joined(separator: ", or ")
        verdict.fail("\(key): read \(describe(response)), expected \(wanted)", around: ledger.events(key))
        return nil
    }

    private static func matches(_ response: HTTPResponse, _ content: KeyHistory.Content) -> Bool {
        guard case .object(let pattern) = content, response.body.readableBytes == pattern.size else { return false }
        // The metadata belongs to the same write as the bytes.
        return response.headers["x-amz-meta-operation"].first == String(pattern.operation)
            && pattern.firstDifference(response.body, at: 0) == nil
    }

    private static func describe(_ response: HTTPResponse) -> String {
        guard response.status == 200 else { return "\(response.status) \(response.text.prefix(300))" }
        let body = response.body
        let claimed = response.headers["x-amz-meta-operation"].first ?? "none"
        guard let operation = body.getInteger(at: body.readerIndex, endianness: .little, as: UInt64.self),
            let size = body.getInteger(at: body.readerIndex + 8, endianness: .little, as: UInt64.self)
        else { return "\(body.readableBytes) bytes with the metadata of \(claimed)" }
        return "\(body.readableBytes) bytes that say they are operation \(operation) of \(size) bytes, "
            + "with the metadata of \(claimed)"
    }
}
