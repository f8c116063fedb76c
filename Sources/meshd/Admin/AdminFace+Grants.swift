import Foundation
import HTTPTypes
import Hummingbird
import Mesh
import Store

/// What is in a bucket is open to admins, and to keys with a grant for it, whatever their role.
extension AdminFace {
    /// The bucket that a call names, if who calls may do this to what is in it. Throws `no_grant`.
    func bucket(of context: AdminContext, for grant: Grant) async throws -> Bucket {
        let bucket = try await namedBucket(of: context)
        try demand(grant, on: bucket, of: context)
        return bucket
    }

    /// The bucket in the path of a call. The router leaves `%3A` as it is.
    func namedBucket(of context: AdminContext) async throws -> Bucket {
        let name = try context.parameters.require("bucket")
        return try await bucket(name.removingPercentEncoding ?? name, of: context)
    }

    /// The bucket of this name, if who calls may do this to what is in it. Throws `no_grant`.
    func bucket(_ name: String, of context: AdminContext, for grant: Grant) async throws -> Bucket {
        let bucket = try await bucket(name, of: context)
        try demand(grant, on: bucket, of: context)
        return bucket
    }

    /// The bucket that who calls calls so.
    func bucket(_ name: String, of context: AdminContext) async throws -> Bucket {
        try await bucket(BucketName.full(name, of: caller(context)?.tenant))
    }

    /// The access key that calls, as it is now; nil: it is an admin token, or a key that is gone or disabled.
    func caller(_ context: AdminContext) -> AccessKey? {
        guard let key = context.accessKey.flatMap({ node.accessKeys.lookup($0) }), !key.isDisabled else { return nil }
        return key
    }

    /// Throws `no_grant` unless who calls may do this to what is in the bucket.
    func demand(_ grant: Grant, on bucket: Bucket, of context: AdminContext) throws {
        guard context.role != .admin else { return }
        guard caller(context)?.allows(grant, on: bucket) != true else { return }
        throw Self.noGrant((grant.names.first ?? "") + " ", bucket)
    }

    /// Whether who calls is told of a bucket: who sees the mesh sees all, others those where they have a grant.
    func sees(_ bucket: Bucket, _ context: AdminContext) -> Bool {
        if context.role >= .viewer { return true }
        guard let key = caller(context), key.reaches(bucket) else { return false }
        return !key.needsGrants || key.grants[bucket.id]?.isEmpty == false
    }

    static func noGrant(_ right: String, _ bucket: Bucket) -> AdminError {
        let message = "your access key has no \(right)grant on \(bucket.name); an admin can give it"
        return AdminError(.forbidden, "no_grant", message)
    }
}
