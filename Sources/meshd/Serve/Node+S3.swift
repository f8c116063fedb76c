import Logging
import Mesh
import NIOCore
import NIOSSL
import Store

/// The S3 port of a node.
extension Node {
    func makeS3Face(tls: TLSContext?, logger: Logger) -> S3Face {
        let certificate: (@Sendable () -> NIOSSLContext)? = if let tls { { tls.current } } else { nil }
        return S3Face(
            coordinator: coordinator,
            accessKeys: accessKeys,
            tenants: tenants,
            quotas: quotas,
            usage: usage,
            quotaGate: quotaGate,
            knowsKeys: { [weak self] in self?.knowsKeys ?? false },
            meshPrefix: { [weak self] in try? await self?.meshPrefix() },
            sendAgain: { [weak self] in await self?.cluster?.replicator.sendAgain($0) ?? false },
            objection: { [weak self] in self?.objection },
            settings: S3Face.Settings(
                region: settings.region,
                domains: settings.domains,
                bucketsMax: settings.bucketsMax,
                inlineBytesMax: settings.store.inlineBytesMax,
                idleMax: .milliseconds(Int64(settings.idleTimeoutMillis))
            ),
            metrics: metrics,
            tls: certificate,
            log: logger
        )
    }

    /// The first 16 digits of the mesh's name: enough to tell meshes apart. Throws while this node takes no part.
    func meshPrefix() async throws -> String { try await String("\(mesh().meshID())".prefix(16)) }

    /// What every S3 request is answered while this node may not speak for its mesh.
    var objection: S3Error? {
        if layout.isRemoved { return .notMember }
        return rehearsals.secondsDead.map { .playingDead(seconds: $0) }
    }
}
