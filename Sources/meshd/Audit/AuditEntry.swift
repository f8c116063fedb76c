import Foundation
import HTTPTypes
import Mesh

/// What an audit event says of one call: pure, so that every sentence has a test.
struct AuditEntry: Sendable {
    var method: HTTPRequest.Method
    /// Behind `/api/v1/`, without the query.
    var path: String
    /// Of the request's query and JSON, those fields that may be written down.
    var details: [(name: String, value: String)] = []
    var who: String
    var from: String
    /// `done`, or the code of the refusal.
    var outcome: String

    /// A path is as long as its caller likes.
    private static let pathMax = 200

    /// Fields of requests that are no secrets. All others are left out, whatever they are.
    static let detailNames: Set<String> = [
        "address", "addresses", "admin", "bucket", "bytes", "bytesPerSecond", "copies", "createBuckets", "deletes",
        "disabled", "everywhere",
        "endpoint", "existing", "expires", "force", "format", "id", "intervalSeconds", "key", "metadata", "mode",
        "name", "names", "nodes", "objects", "paused", "prefix", "rights", "role", "seconds", "targetBucket",
        "targetPrefix", "tenant", "tenantAdmin", "version", "versioning", "weight", "with", "zone", "zones",
    ]

    /// Calls that change nothing although their method could, and the one that reads a secret.
    static func concerns(_ method: HTTPRequest.Method, _ path: String, isPreview: Bool) -> Bool {
        if method == .get { return path == "mesh/token-material" }
        guard method != .head, method != .options, !isPreview else { return false }
        return path != "doctor" && path != "mesh/probe" && path != "session"
    }

    /// Calls that can be asked what they would do.
    static func hasPreview(_ method: HTTPRequest.Method, _ path: String) -> Bool {
        let parts = path.split(separator: "/")
        if method == .post, parts.count == 3, parts[0] == "buckets", parts[2] == "move" { return true }
        guard parts.starts(with: ["cluster", "nodes"]) else { return false }
        if method == .patch { return parts.count == 3 }
        if method == .post, path == "cluster/nodes/remove" { return true }
        return method == .post && parts.count == 4 && CallPattern.nodeOrders.contains(String(parts[3]))
    }

    /// Patterns of method and path, and what they do in words; `*` takes the next part of the path.
    private static let phrases: [Phrase] = [
        Phrase(.post, "buckets", "makes a bucket"),
        Phrase(.delete, "buckets/*", "deletes the bucket *"),
        Phrase(.put, "buckets/*/versioning", "sets the versioning of *"),
        Phrase(.put, "buckets/*/copies", "sets the copies of *"),
        Phrase(.put, "buckets/*/quota", "sets the quota of *"),
        Phrase(.post, "buckets/*/move", "moves * to other nodes"),
        Phrase(.put, "buckets/*/object", "writes an object in *"),
        Phrase(.delete, "buckets/*/object", "deletes an object in *"),
        Phrase(.delete, "buckets/*/version", "deletes a version in *"),
        Phrase(.post, "buckets/*/restore", "restores a version in *"),
        Phrase(.post, "buckets/*/share", "shares an object of * by a link"),
        Phrase(.post, "keys", "makes an access key"),
        Phrase(.patch, "keys/*", "changes the access key *"),
        Phrase(.delete, "keys/*", "deletes the access key *"),
        Phrase(.post, "keys/*/grant", "gives a right to the access key *"),
        Phrase(.post, "keys/*/revoke", "takes a right from the access key *"),
        Phrase(.post, "tenants", "makes a tenant"),
        Phrase(.patch, "tenants/*", "changes the tenant *"),
        Phrase(.delete, "tenants/*", "deletes the tenant *"),
        Phrase(.post, "cluster/nodes/*/drain", "drains *"),
        Phrase(.post, "cluster/nodes/*/resume", "resumes *"),
        Phrase(.post, "cluster/nodes/*/join", "lets * in"),
        Phrase(.post, "cluster/nodes/*/remove", "removes *"),
        Phrase(.post, "cluster/nodes/remove", "removes nodes"),
        Phrase(.post, "cluster/nodes/*/forget", "gives up the lost disk of *"),
        Phrase(.post, "cluster/nodes/*/replace", "replaces *"),
        Phrase(.patch, "cluster/nodes/*", "changes *"),
        Phrase(.post, "cluster/layout/recover", "gives up a lost majority"),
        Phrase(.post, "cluster/repair/start", "starts a comparison"),
        Phrase(.post, "cluster/repair/pause", "pauses repair"),
        Phrase(.post, "cluster/repair/resume", "resumes repair"),
        Phrase(.post, "cluster/repair/limit", "limits repair"),
        Phrase(.post, "cluster/packages", "makes a node package"),
        Phrase(.post, "mesh/decrees", "brings a decree"),
        Phrase(.post, "mesh/leave", "takes this node out of its mesh"),
        Phrase(.get, "mesh/token-material", "reads the secret that join tokens hold"),
        Phrase(.post, "cluster/activation", "enables the mesh"),
        Phrase(.delete, "cluster/activation", "cancels the activation"),
        Phrase(.post, "replication", "makes a replication rule"),
        Phrase(.patch, "replication/*", "changes the replication rule *"),
        Phrase(.delete, "replication/*", "removes the replication rule *"),
        Phrase(.post, "replication/*/retry", "tries the replication rule * again"),
        Phrase(.post, "replication/*/resync", "lets the replication rule * look at everything again"),
    ]

    private struct Phrase: Sendable {
        let call: CallPattern
        let phrase: String

        init(_ method: HTTPRequest.Method, _ path: String, _ phrase: String) {
            (self.call, self.phrase) = (CallPattern(method, path), phrase)
        }
    }

    var phrase: String {
        let parts = path.split(separator: "/")
        for entry in Self.phrases {
            guard let stars = entry.call.match(method, parts) else { continue }
            let taken = stars.last.map { $0.removingPercentEncoding ?? String($0) } ?? ""
            return entry.phrase.replacing("*", with: taken.prefix(Self.pathMax))
        }
        return "calls \(method.rawValue) \(path.prefix(Self.pathMax))"
    }

    var draft: EventDraft {
        let list = details.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        let isDone = outcome == "done"
        let text = "\(who) \(phrase)" + (list.isEmpty ? "" : " (\(list))") + (isDone ? "" : ": \(outcome)")
        var draft = EventDraft(.audit, isDone ? .note : .warning, text)
        draft.who = who
        draft.from = from
        draft.action = "\(method.rawValue) \(path.prefix(Self.pathMax))"
        draft.outcome = outcome
        return draft
    }

    /// A sign-in that was refused, or that opened the door.
    static func signIn(who: String, from: String, outcome: String) -> EventDraft {
        let isDone = outcome == "done"
        let text = isDone ? "\(who) signs in" : "a sign-in as \(who) was refused: \(outcome)"
        var draft = EventDraft(.signIn, isDone ? .note : .warning, text)
        draft.who = who
        draft.from = from
        draft.action = "POST session"
        draft.outcome = outcome
        return draft
    }
}
