/// Decides whether a bucket that is filled and deleted at once ended in one way.
struct BucketCheck {
    enum Answer: Sendable, Equatable {
        case done
        /// Not empty any more (to a deletion), or no such bucket (to a PUT).
        case refused
        case unknown
    }

    let deletion: Answer
    let put: Answer
    /// Whether the bucket takes another PUT afterwards; nil when nobody could say.
    let isOpen: Bool?
    /// Whether the object is there afterwards; nil when nobody could say.
    let isThere: Bool?

    /// What is wrong with it; nil when it is right.
    var objection: String? {
        if deletion == .done, put == .done { return "a PUT was acknowledged into a bucket whose deletion was, too" }
        if deletion == .done, isOpen == true { return "it takes writes after its deletion was acknowledged" }
        if deletion == .done, isThere == true { return "an object is there after its deletion was acknowledged" }
        if deletion == .refused, put == .refused { return "neither the deletion nor the PUT was done" }
        if deletion == .refused, isOpen == false { return "it is closed, though its deletion was refused" }
        if put == .done, isThere == false { return "the object is gone, though its PUT was acknowledged" }
        return nil
    }
}
