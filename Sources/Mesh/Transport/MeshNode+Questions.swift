internal import FoundationEssentials
internal import NIOCore
package import Swim

extension MeshNode {
    // MARK: What this node believes

    /// The member list as it is now. Throws `stopped` when the node does not run; `savedReport` has the last one then.
    package func report() async throws(MeshError) -> MembersReport { try await ask { $0.report() } }

    /// What `DIR/members.json` holds: the list as it was when the node last ran.
    package static func savedReport(in directory: String) -> MembersReport? {
        guard let bytes = try? MeshFolder.read(directory + "/members.json") else { return nil }
        return try? JSONDecoder().decode(MembersReport.self, from: Data(bytes))
    }

    /// The member that is meant. Throws `unknownNode` when none fits, or several do.
    package func find(_ ref: NodeRef) async throws(MeshError) -> NodeID {
        try await ask { try ref.find(in: $0.everybody) }
    }

    /// Why this node believes what it believes of a member.
    package func why(_ ref: NodeRef) async throws(MeshError) -> WhyReport {
        try await ask { try $0.why(ref) }
    }

    /// Who holds the same view as this node, from what it heard.
    package func agree() async throws(MeshError) -> AgreeReport { try await ask { $0.agree() } }

    /// The key epochs that this node holds, who was heard under which, and all decrees.
    package func epochs() async throws(MeshError) -> EpochsReport { try await ask { $0.epochs() } }

    /// What this node counted since it began.
    package func counters() async throws(MeshError) -> MeshCounters { try await ask { $0.counters() } }

    // MARK: What others believe

    /// Where the views of two members differ; each is asked for its own.
    package func diff(_ a: NodeRef, _ b: NodeRef) async throws(MeshError) -> DiffReport {
        let (first, second) = (try await find(a), try await find(b))
        let viewA = try await follow { $0.view(of: first) }
        let viewB = try await follow { $0.view(of: second) }
        return DiffReport(viewA, viewB)
    }

    /// Tries the ways to a member: from here, from another member, or with another member in this node's place.
    package func probe(_ target: NodeRef, via: NodeRef?, from: NodeRef?) async throws(MeshError) -> ProbeReport {
        let subject = try await find(target)
        guard let other = via ?? from else { return try await follow { $0.probe(subject) } }
        let start = try await find(other)
        var report = try await follow { $0.probe(subject, from: start) }
        if via != nil {
            report.via = report.from
            report.from = try await ask { $0.told.name }
        }
        return report
    }

    // MARK: What the operator wants

    /// Takes a decree that the admin key signed, with the secret of the epoch that it begins; a random secret is made
    /// when none is given. Returns when both are on this node's disk, and on their way.
    package func decree(_ decree: Decree, secret: Secret?) async throws(MeshError) {
        try await follow { try $0.decree(decree, secret: secret) }
    }

    /// What the mesh is told of this node. It goes out when it differs notably, and not more often than once a minute.
    package func describe(_ description: Description) {
        tell { $0.describe(description) }
    }

    /// What a join token is made of, beside the admin key: the newest epoch that is in use, its secret, and where this
    /// node can be reached.
    package struct TokenMaterial: Sendable {
        package let adminPublicKey: [UInt8]
        package let epoch: UInt32
        package let secret: Secret
        package let addresses: [String]
    }

    /// Throws `stopped` when the node takes no part in a mesh.
    package func tokenMaterial() async throws(MeshError) -> TokenMaterial {
        try await ask { driver in
            let ring = driver.state.keyring
            // Not one that is not on disk yet.
            let epoch = driver.keys.newest
            guard let secret = ring.secret(epoch) else { throw MeshError.stopped }
            return TokenMaterial(
                adminPublicKey: ring.adminPublicKey,
                epoch: epoch,
                secret: secret,
                addresses: [driver.membership.ownRecord.endpoint.description]
            )
        }
    }

    /// The name of the mesh, which never changes.
    package func meshID() async throws(MeshError) -> MeshID { try await ask { $0.state.keyring.meshID } }

    /// The secret that signs sessions of the admin face: of this epoch, or of the one to sign with now. Nil when it is
    /// not held any more, or somebody who holds it was expelled.
    package func sessionSecret(_ epoch: UInt32? = nil) async throws(MeshError) -> (epoch: UInt32, secret: Secret)? {
        try await ask { driver in
            let ring = driver.state.keyring
            let wanted = epoch ?? driver.keys.newest
            guard wanted >= ring.strangerEpochMin, let secret = ring.secret(wanted) else { return nil }
            return (wanted, secret)
        }
    }
}
