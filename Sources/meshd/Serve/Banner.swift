import Mesh
import Store
import Swim

/// What a person sees when a node is up: where it is and, on the first start only, its keys and what to do next.
enum Banner {
    static func text(
        settings: Settings,
        endpoints: Endpoints,
        identity: NodeIdentity,
        firstKey: AccessKey?,
        showsSecret: Bool,
        directory: DataDirectory,
        code: String? = nil
    ) -> String {
        let s3 = (settings.tls == nil ? "http://" : "https://") + endpoints.s3
        let admin = (settings.adminTLS == nil ? "http://" : "https://") + endpoints.admin
        // Only where the mesh began is the key that signs tokens.
        let founded = SmallFile.exists(MeshState.adminKeyFile(in: directory.path))
        let (next, command) = founded ? ("to let others in", "token create") : ("who is there", "members")
        var text = """

            meshd \(Meshd.version): \(settings.name) is up
              S3       \(s3)   region \(settings.region)
              Admin    \(admin)   token in \(directory.tokenFile)
              Console  \(admin)/console/
              Mesh     \(endpoints.mesh)   \(next): meshd \(command) --data-dir \(directory.path)
              Data     \(directory.path)
              Node     \(identity.id)

            """
        if let code {
            text += "  Invite   " + invitation(code, admin: endpoints.admin) + "\n"
        }
        if let key = firstKey {
            // Whoever gave the secret knows it, and what a supervisor's journal holds stays there.
            let secret = showsSecret ? key.secret.revealed : "(the one you gave)"
            text += """

                  This is the first start. The admin key, shown this once and kept in \(directory.rootKeyFile):
                    access key  \(key.id)
                    secret key  \(secret)

                  Next:
                    export AWS_ACCESS_KEY_ID=\(key.id) AWS_SECRET_ACCESS_KEY=\(secret)
                    export AWS_REGION=\(settings.region) AWS_ENDPOINT_URL=\(s3)
                    aws s3 mb s3://first
                    aws s3 cp README.md s3://first/
                    curl --aws-sigv4 aws:amz:\(settings.region):s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
                \(s3)/first/README.md
                    meshd status --data-dir \(directory.path)

                """
        }
        return text
    }

    /// How the one who reads this lets the node into a mesh that there is.
    static func invitation(_ code: String, admin: String) -> String {
        let place = ListenAddress(admin).map { $0.isLoopback ? " (this machine only: see --admin-listen)" : "" } ?? ""
        return
            "code \(ConsentDoor.shown(code)), good for 15 minutes, lets this node into a mesh: there, open the console's "
            + "page Nodes, or `meshd invite \(admin) --code CODE`\(place)"
    }
}
