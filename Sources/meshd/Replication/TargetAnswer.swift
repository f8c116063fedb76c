import Foundation
import Mesh
import NIOHTTP1

/// What a target said.
struct TargetAnswer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: String

    var isGood: Bool { (200..<300).contains(status) }

    /// The error's name in S3.
    var code: String { text(of: "Code") ?? "" }

    /// The text of the first element of this name: documents of other stores are read leniently.
    func text(of element: String) -> String? {
        guard let start = body.range(of: "<\(element)>"),
            let end = body.range(of: "</\(element)>", range: start.upperBound..<body.endIndex)
        else { return nil }
        let text = String(body[start.upperBound..<end.lowerBound])
        return text.replacing("&quot;", with: "\"").replacing("&lt;", with: "<").replacing("&gt;", with: ">")
            .replacing("&amp;", with: "&")
    }

    private static let supersededCodes = ["ReplicationSuperseded", "ReplicationLoop"]
    /// Answers that say something about the target, whatever was asked.
    private static let targetCodes = [
        "NoSuchBucket", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed",
        "AccountProblem", "AllAccessDisabled", "AuthorizationHeaderMalformed", "PermanentRedirect",
        "TemporaryRedirect", "ExpiredToken", "InvalidToken",
    ]

    private static let fullCode = S3ErrorCode.quotaExceeded.rawValue

    /// What an answer that is not good means.
    func failure(about what: String) -> ReplicationFailure {
        if Self.supersededCodes.contains(code) { return .superseded }
        var words = "\(what) is answered with \(status)"
        if !code.isEmpty { words += " \(code.prefix(64))" }
        if let message = text(of: "Message") { words += ": \(message.prefix(256))" }
        if let region = headers.first(name: "x-amz-bucket-region"), !isGood { words += " (its region is \(region))" }
        // A full bucket still takes deletions, and smaller objects.
        let isOfTarget =
            code != Self.fullCode
            && ((status >= 500 && status != 501) || [301, 302, 307, 308, 401, 403, 429].contains(status)
                || Self.targetCodes.contains(code) || (status == 404 && code.isEmpty))
        return isOfTarget ? .refused(words) : .object(words)
    }
}
