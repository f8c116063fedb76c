package import NIOCore

extension ByteBuffer {
    /// XXH3-64 of the readable bytes: what goes with each chunk of a body between nodes, and is checked at the far end.
    package var chunkChecksum: UInt64 { withUnsafeReadableBytes { Checksum.of($0) } }
}
