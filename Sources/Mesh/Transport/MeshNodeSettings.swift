package import Swim

/// What a node of a mesh must be told at its start.
package struct MeshNodeSettings: Sendable {
    /// Where to listen, UDP and TCP on one port; port 0 picks a free one.
    package var listenHost: String
    package var listenPort: Int
    /// `HOST:PORT` or `HOST` under which others reach this node; nil for the listen address, or for the primary
    /// address of this machine when that is a wildcard.
    package var advertise: String?
    /// The text of a join token, for a first start.
    package var joinToken: String?
    /// The machine greets no more than this at once.
    package static let seedsMax = 16
    /// `HOST:PORT`s of members to greet at each start, beside those remembered; at most `seedsMax`.
    package var seeds: [String] = []
    /// Where `mesh-state`, `admin-key`, `members.json` and `members.bin` are.
    package var directory: String
    /// What is told to the others first; `MeshNode.describe` changes it.
    package var description: Description
    /// The protocol's numbers: `balanced` is `Settings()`, and there are `.fast` and `.wan`.
    package var swim = Settings()

    /// How long a new secret is held before it is used for sending, so that most peers have it by then.
    package var keySettleMicros: Micros = 10_000_000
    /// Between two asks for a secret that is missing.
    package var keyAskMicros: Micros = 1_000_000
    /// The least time between two descriptions, and between two writes of the snapshot.
    package var describeMicros: Micros = 60_000_000
    package var snapshotMicros: Micros = 5_000_000
    /// How long the log line of a newcomer waits for its name.
    package var nameWaitMicros: Micros = 3_000_000
    /// How long a stop waits for the goodbye to go out.
    package var leaveMicros: Micros = 5_000_000
    /// The versions of the protocol on data links that are offered to others; a mesh is upgraded node by node.
    package var linkVersions = Links.versions
    /// Is told what membership came to believe, on the node's loop: it must not block.
    package var news: @Sendable (EventDraft) -> Void = { _ in }

    package init(listenHost: String, listenPort: Int, directory: String, description: Description) {
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.directory = directory
        self.description = description
    }
}
