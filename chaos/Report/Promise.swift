/// What a mesh promises, as far as its clients can see it; each has a checker.
enum Promise: String, CaseIterable, Sendable, Codable {
    case linearizable
    case durable
    case deleted
    case whole
    case listing
    case winner
    case counter
    case upload
    case version
    case bucket
    case available
    case converged
    case tidy

    var text: String {
        switch self {
        case .linearizable: "each key is one register in real time, for plain and conditional requests, on all nodes"
        case .durable: "what was acknowledged is still there at the end, on every node"
        case .deleted: "what was deleted does not come back"
        case .whole: "what is read is, byte by byte, one write that somebody sent"
        case .listing: "a listing has all that was acknowledged before, nothing that was deleted, each once, in order"
        case .winner: "of those that race for a key exactly one wins"
        case .counter: "no increment by compare-and-swap is lost or done twice"
        case .upload: "an upload is completed or aborted, not both, and its object is its parts"
        case .version: "a version stays what it was until somebody deletes it"
        case .bucket: "a bucket is one, known everywhere at once, and never deleted with something in it"
        case .available: "no request fails that a majority could have answered"
        case .converged: "left in peace, all nodes become equal and nothing waits"
        case .tidy: "nodes start, stop, come, go and keep their secrets"
        }
    }
}
