/// The first byte of every frame of a control stream.
enum StreamKind: UInt8, CaseIterable {
    /// A frame of the membership machine.
    case swim = 0
    /// "Give me the secret that is newer than mine", and the gift.
    case keyRequest = 1
    case keyAnswer = 2
    /// A question of the operator's tools, and its answer.
    case question = 3
    case answer = 4
    /// What a newcomer is given.
    case welcome = 5
}
