import HTTPTypes
import Hummingbird
import Mesh
import Store

/// What is in a bucket is open to admins, and to keys with a grant for it, whatever their role.
extension AdminFace {
    /// The bucket that a call names, if who calls may do this to what is in it. Throws `no_grant`.
    func bucket(of context: AdminContext, for grant: Grant) async throws -> Bucket {
        try await bucket(context.parameters.require("bucket"), of: context, for: grant)
    }

    /// The bucket of this name, if who calls may do this to what is in it. Throws `no_grant`.
    func bucket(_ name: String, of context: AdminContext, for grant: Grant) async throws -> Bucket {
        let bucket = try await bucket(name)
        try demand(grant, on: bucket, of: context)
        return bucket
    }

    /// Throws `no_grant` unless who calls may do this to what is in the bucket.
    func demand(_ grant: Grant, on bucket: Bucket, of context: AdminContext) throws {
        guard context.role != .admin else { return }
        let key = context.accessKey.flatMap { node.accessKeys.lookup($0) }
        guard key?.allows(grant, on: bucket.id) != true else { return }
        throw Self.noGrant((grant.names.first ?? "") + " ", bucket)
    }

    /// Whether who calls is told of a bucket: who sees the mesh sees all, others those where they have a grant.
    func sees(_ bucket: Bucket, _ context: AdminContext) -> Bool {
        if context.role >= .viewer { return true }
        let key = context.accessKey.flatMap { node.accessKeys.lookup($0) }
        return key.map { !$0.isDisabled && $0.grants[bucket.id]?.isEmpty == false } ?? false
    }

    static func noGrant(_ right: String, _ bucket: Bucket) -> AdminError {
        let message = "your access key has no \(right)grant on \(bucket.name); an admin can give it"
        return AdminError(.forbidden, "no_grant", message)
    }
}
