import Foundation
import HTTPTypes
import Hummingbird
import Mesh
import Store

/// What is in a bucket is open to admins, and to keys with a grant for it, whatever their role.
extension AdminFace {
    /// The bucket that a call names, if who calls may do this to what is in it. Throws `no_grant`.
    func bucket(of context: AdminContext, for grant: Grant) async throws -> Bucket {
        let bucket = try await unjudgedBucket(of: context)
        try demand(grant, on: bucket, of: context)
        return bucket
    }

    /// The bucket of this name, if who calls may do this to what is in it. Throws `no_grant`.
    func bucket(_ name: String, of context: AdminContext, for grant: Grant) async throws -> Bucket {
        let bucket = try await unjudgedBucket(name, of: context)
        try demand(grant, on: bucket, of: context)
        return bucket
    }

    /// The bucket in the path of a call, whatever the caller may do with it. The router leaves `%3A` as it is.
    func unjudgedBucket(of context: AdminContext) async throws -> Bucket {
        let name = try context.parameters.require("bucket")
        return try await unjudgedBucket(name.removingPercentEncoding ?? name, of: context)
    }

    /// The bucket that who calls calls so. Throws `no_such_bucket`, also for one that is not of his tenant.
    func unjudgedBucket(_ name: String, of context: AdminContext) async throws -> Bucket {
        let key = try caller(context)
        let bucket = try await node.coordinator.bucket(named: BucketName.full(name, of: key?.tenant))
        guard let bucket, context.role >= .viewer || key?.belongs(with: bucket) == true else {
            throw AdminError(.notFound, "no_such_bucket", "there is no bucket \(name.prefix(80))")
        }
        return bucket
    }

    /// What who calls calls a bucket; also when he has just lost his key.
    func name(of bucket: Bucket, for context: AdminContext) -> String {
        let key = context.accessKey.flatMap { node.accessKeys.lookup($0) }
        return key?.tenant == nil ? bucket.name : BucketName.local(bucket.name)
    }

    /// The access key that calls, as it is now; nil: it is an admin token. Throws when the key opens nothing any more:
    /// it may have lost its rights since its session was looked at.
    func caller(_ context: AdminContext) throws -> AccessKey? {
        guard let id = context.accessKey else { return nil }
        guard let key = node.accessKeys.lookup(id), !key.isDisabled, node.tenants.opens(key.tenancy) else {
            throw AdminError(.unauthorized, "session_over", "the session is over: sign in again")
        }
        return key
    }

    /// Throws `no_grant` unless who calls may do this to what is in the bucket.
    func demand(_ grant: Grant, on bucket: Bucket, of context: AdminContext) throws {
        guard context.role != .admin, try caller(context)?.allows(grant, on: bucket) != true else { return }
        throw noGrant((grant.names.first ?? "") + " ", bucket, context)
    }

    /// Whether who calls is told of a bucket: who sees the mesh sees all, others those where they have a grant.
    func sees(_ bucket: Bucket, _ context: AdminContext) throws -> Bool {
        if context.role >= .viewer { return true }
        guard let key = try caller(context), key.belongs(with: bucket) else { return false }
        return !key.needsGrants || key.grants[bucket.id]?.isEmpty == false
    }

    func noGrant(_ right: String, _ bucket: Bucket, _ context: AdminContext) -> AdminError {
        let name = name(of: bucket, for: context)
        let message = "your access key has no \(right)grant on \(name); an admin can give it"
        return AdminError(.forbidden, "no_grant", message)
    }
}
