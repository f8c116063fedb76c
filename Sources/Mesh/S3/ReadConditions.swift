package import Store

/// The conditions of a read, with S3's precedence; also those of a copy's source.
///
/// If-Match outweighs If-Unmodified-Since, If-None-Match outweighs If-Modified-Since (RFC 9110, 13.2.2; S3's
/// GetObject).
package struct ReadConditions: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        case proceed
        /// 304 for a GET or HEAD, 412 for a copy.
        case notModified
        case failed(condition: String)
    }

    /// Tags of `If-Match` and `If-None-Match`; nil if the header is absent.
    package var ifMatch: TagList?
    package var ifNoneMatch: TagList?
    /// Seconds since 1970. A date that cannot be read counts as absent.
    package var ifModifiedSince: UInt64?
    package var ifUnmodifiedSince: UInt64?

    package init(_ headers: HeaderTable) {
        ifMatch = headers.bytes("if-match").map(TagList.init)
        ifNoneMatch = headers.bytes("if-none-match").map(TagList.init)
        ifModifiedSince = headers.bytes("if-modified-since").flatMap { S3Date.parseHTTP($0) }
        ifUnmodifiedSince = headers.bytes("if-unmodified-since").flatMap { S3Date.parseHTTP($0) }
    }

    init(copySource headers: HeaderTable) {
        ifMatch = headers.bytes("x-amz-copy-source-if-match").map(TagList.init)
        ifNoneMatch = headers.bytes("x-amz-copy-source-if-none-match").map(TagList.init)
        ifModifiedSince = headers.bytes("x-amz-copy-source-if-modified-since").flatMap { S3Date.parseHTTP($0) }
        ifUnmodifiedSince = headers.bytes("x-amz-copy-source-if-unmodified-since").flatMap { S3Date.parseHTTP($0) }
    }

    package var isEmpty: Bool {
        ifMatch == nil && ifNoneMatch == nil && ifModifiedSince == nil && ifUnmodifiedSince == nil
    }

    /// `modifiedMillis` is cut to whole seconds: what `Last-Modified` shows.
    package func judge(etag: ETag, modifiedMillis: UInt64) -> Verdict {
        let modified = modifiedMillis / 1000
        if let ifMatch {
            if !ifMatch.contains(etag) { return .failed(condition: "If-Match") }
        } else if let since = ifUnmodifiedSince, modified > since {
            return .failed(condition: "If-Unmodified-Since")
        }
        if let ifNoneMatch {
            if ifNoneMatch.contains(etag) { return .notModified }
        } else if let since = ifModifiedSince, modified <= since {
            return .notModified
        }
        return .proceed
    }

    /// As `judge`, as the error to answer with; nil: go on. A copy answers 412 to both.
    package func error(etag: ETag, modifiedMillis: UInt64, isCopy: Bool) -> S3Error? {
        switch judge(etag: etag, modifiedMillis: modifiedMillis) {
        case .proceed: nil
        case .notModified where !isCopy: S3Error(.notModified)
        case .notModified: S3Error(.preconditionFailed, nil, [.init("Condition", "x-amz-copy-source-If-None-Match")])
        case .failed(let condition): S3Error(.preconditionFailed, nil, [.init("Condition", condition)])
        }
    }
}

/// The tags of one condition header.
package struct TagList: Hashable, Sendable {
    /// `*`
    package let isAny: Bool
    /// Those that this server could have given out; others match nothing. Weak tags are compared by their value.
    package let tags: [ETag]

    init(_ value: ArraySlice<UInt8>) {
        isAny = ASCII.equal(value, "*")
        var tags: [ETag] = []
        if !isAny {
            for part in value.split(separator: UInt8(ascii: ",")) {
                var tag = ASCII.trimmed(part)
                if tag.starts(with: Array("W/".utf8)) { tag.removeFirst(2) }
                if let parsed = ETag(text: tag) { tags.append(parsed) }
            }
        }
        self.tags = tags
    }

    package func contains(_ tag: ETag) -> Bool { isAny || tags.contains(tag) }
}

/// The conditions of a write (PUT, CompleteMultipartUpload, copy) and of a delete, as what the store judges.
package enum WriteConditions {
    /// `If-None-Match: *` and `If-Match: tag`, alone or absent; S3 has no other forms for writes.
    package static func precondition(_ headers: HeaderTable) throws(S3Error) -> Precondition {
        try refuse(["if-modified-since", "if-unmodified-since"], in: headers)
        let match = headers.bytes("if-match")
        let none = headers.bytes("if-none-match")
        if match != nil && none != nil {
            throw S3Error(
                .notImplemented,
                "If-Match and If-None-Match together are not implemented.",
                [.init("Header", "If-None-Match")]
            )
        }
        if let none {
            let list = TagList(none)
            if list.isAny { return .absent }
            throw S3Error(
                .notImplemented,
                "If-None-Match on a write is implemented for the value * only.",
                [.init("Header", "If-None-Match")]
            )
        }
        if let match {
            let list = TagList(match)
            return list.isAny ? .present : .isOne(of: list.tags)
        }
        return .none
    }

    /// The conditional delete: `If-Match`, `x-amz-if-match-last-modified-time`, `x-amz-if-match-size`.
    package static func deletePrecondition(_ headers: HeaderTable) throws(S3Error) -> Precondition {
        try refuse(["if-none-match", "if-modified-since", "if-unmodified-since"], in: headers)
        let match = headers.bytes("if-match").map(TagList.init)
        var seconds: UInt64?
        if let text = headers.bytes("x-amz-if-match-last-modified-time") {
            guard let parsed = S3Date.parseHTTP(text) ?? S3Date.parseISO(text).map({ $0 / 1000 }) else {
                throw S3Error.argument(
                    "x-amz-if-match-last-modified-time",
                    String(decoding: text, as: UTF8.self),
                    "Not an HTTP date."
                )
            }
            seconds = parsed
        }
        var size: UInt64?
        if let text = headers.bytes("x-amz-if-match-size") {
            guard let parsed = ASCII.decimal(text) else {
                throw S3Error.argument("x-amz-if-match-size", String(decoding: text, as: UTF8.self), "Not a size.")
            }
            size = parsed
        }
        if seconds == nil && size == nil {
            guard let match else { return .none }
            return match.isAny ? .present : .isOne(of: match.tags)
        }
        // A list of tags beside the other two has no form in the store's words; the first is all that S3 defines.
        if let match, !match.isAny, match.tags.count != 1 { return .isOne(of: []) }
        return .matches(
            etag: match?.tags.first,
            anyETag: match?.isAny ?? false,
            lastModifiedSeconds: seconds,
            size: size
        )
    }

    /// Conditions that S3 has for reads only: whoever sends one relies on it, so it is not passed over.
    private static func refuse(_ names: [StaticString], in headers: HeaderTable) throws(S3Error) {
        for name in names where headers.contains(name) { throw S3Error.unsupported(.header, "\(name)") }
    }
}
