/// Decides whether a multipart upload ended in one way: completed, or aborted.
struct UploadCheck {
    enum Answer: Sendable, Equatable {
        case done
        /// There is no such upload (any more).
        case refused
        /// It came to nothing, for another reason.
        case withdrawn
        case unknown
    }

    let completions: [Answer]
    let aborts: [Answer]
    /// Whether the object is there afterwards; its bytes are checked elsewhere.
    let isThere: Bool

    /// What is wrong with it; nil when it is right.
    var objection: String? {
        let isCompleted = completions.contains(.done)
        let isAborted = aborts.contains(.done)
        let mayBeCompleted = isCompleted || completions.contains(.unknown)
        let mayBeAborted = isAborted || aborts.contains(.unknown)
        if isCompleted, isAborted { return "it was completed and aborted" }
        if isCompleted, !isThere { return "it was completed and there is no object" }
        if !mayBeCompleted, isThere { return "it was not completed and there is an object" }
        if isAborted, isThere { return "it was aborted and there is an object" }
        if completions.contains(.refused), !mayBeAborted, !mayBeCompleted { return "nobody ended it and it was gone" }
        if aborts.contains(.refused), !mayBeCompleted, !mayBeAborted { return "nobody ended it and it was gone" }
        return nil
    }
}
