import Mesh
import NIOCore

extension BodyDigest {
    func update(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { update($0) }
    }
}
