extension Precondition {
    /// Whether the condition holds of a key whose newest version is `current`. A delete marker counts as absent.
    package func holds(of current: Record?) -> Bool {
        let object = current.flatMap { $0.kind == .object ? $0 : nil }
        switch self {
        case .none: return true
        case .absent: return object == nil
        case .present: return object != nil
        case .isNot(let tags): return object.map { !tags.contains($0.etag) } ?? true
        case .isOne(let tags): return object.map { tags.contains($0.etag) } ?? false
        case .matches(let etag, let anyETag, let seconds, let size):
            guard let object else { return false }
            if !anyETag, let etag, etag != object.etag { return false }
            if let seconds, seconds != object.modifiedMillis / 1000 { return false }
            if let size, size != object.size { return false }
            return true
        }
    }

    package var isNone: Bool { self == .none }
}
