import HummingbirdCore
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// The certificate that new connections are greeted with; read again when asked, old connections keep theirs.
final class TLSContext: Sendable {
    private let files: CertificateFiles
    private let state: Mutex<(context: NIOSSLContext, leaf: [UInt8])>

    init(_ files: CertificateFiles) throws {
        self.files = files
        self.state = Mutex(try Self.load(files))
    }

    var current: NIOSSLContext { state.withLock { $0.context } }

    /// The node's own certificate, DER.
    var leaf: [UInt8] { state.withLock { $0.leaf } }

    /// Throws, and keeps the old certificate, when the files are not a certificate with its key.
    func reload() throws {
        let fresh = try Self.load(files)
        state.withLock { $0 = fresh }
    }

    private static func load(_ files: CertificateFiles) throws -> (context: NIOSSLContext, leaf: [UInt8]) {
        let chain = try NIOSSLCertificate.fromPEMFile(files.chain)
        let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(key)
            )
        )
        return (context, try chain.first?.toDERBytes() ?? [])
    }
}

/// Puts TLS before another kind of connection, with the certificate of the moment.
struct ReloadingTLSChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let tls: TLSContext

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls.current))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
