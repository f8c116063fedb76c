import NIOCore
import NIOHTTP1

/// What a GET or HEAD of a self-describing object shows: the number of a write, whole and unmixed, or what is wrong.
enum ObjectReading {
    enum Sight: Equatable {
        case nothing
        case write(UInt64)
        case wrong(String)
    }

    /// `pattern` finds the bytes that a write of that number sent.
    static func see(_ response: HTTPResponse, isHead: Bool = false, pattern: (UInt64) -> Pattern?) -> Sight {
        if response.status == 404 { return .nothing }
        guard response.status == 200 else { return .wrong("\(response.status)") }
        guard let claimed = response.headers["x-amz-meta-operation"].first.flatMap(UInt64.init) else {
            return .wrong("no metadata that says which write it is")
        }
        guard let pattern = pattern(claimed) else { return .wrong("#\(claimed), which nobody wrote here") }
        let size = isHead ? response.headers["content-length"].first.flatMap { Int($0) } : response.body.readableBytes
        guard size == pattern.size else {
            return .wrong("\(size ?? -1) bytes of #\(claimed), which has \(pattern.size)")
        }
        if isHead { return .write(claimed) }
        if let offset = pattern.firstDifference(response.body, at: 0) {
            let body = response.body
            let own = body.getInteger(at: body.readerIndex, endianness: .little, as: UInt64.self) ?? 0
            return .wrong("#\(claimed) with other bytes from \(offset) on; they begin like those of #\(own)")
        }
        return .write(claimed)
    }
}
