import CCrypto

/// MD5, one checksum and the payload's SHA-256 of a body, all in one pass over its bytes.
///
/// Fed on whatever thread writes the bytes; the pieces are taken 16 KiB at a time, so that the second algorithm finds
/// them in the core's first-level cache.
///
/// Sendable by handing over: it has one user at a time (the appends of one body come one after the other), and nothing
/// outside sees its state.
// One user at a time, as said above: the awaits between two appends order all accesses.
package final class BodyDigest: @unchecked Sendable {
    package struct Result: Sendable {
        package let size: UInt64
        /// 16 bytes; empty if it was not asked for.
        package let md5: [UInt8]
        package let checksum: ChecksumValue?
        package let sha256: Digest256?
    }

    private static let stride = 16 * 1024

    private let algorithm: ChecksumAlgorithm?
    private let wantsMD5: Bool
    private let wantsSHA256: Bool
    private var md5 = MD5_CTX()
    private var sha1 = SHA_CTX()
    private var sha256 = SHA256State()
    private var crc: UInt64 = 0
    package private(set) var size: UInt64 = 0

    /// `sha256` is for a body whose hash is signed; the checksum SHA256 shares it.
    package init(md5 wantsMD5: Bool = true, checksum: ChecksumAlgorithm?, sha256 wantsSHA256: Bool) {
        algorithm = checksum
        self.wantsMD5 = wantsMD5
        self.wantsSHA256 = wantsSHA256
        if wantsMD5 { MD5_Init(&md5) }
        if checksum == .sha1 { SHA1_Init(&sha1) }
    }

    package func update(_ bytes: UnsafeRawBufferPointer) {
        size += UInt64(bytes.count)
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.stride, bytes.count)
            step(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            start = end
        }
    }

    private func step(_ bytes: UnsafeRawBufferPointer) {
        if wantsMD5 { MD5_Update(&md5, bytes.baseAddress, bytes.count) }
        if wantsSHA256 || algorithm == .sha256 { sha256.update(bytes) }
        switch algorithm {
        case .crc32: crc = UInt64(CRC.crc32(UInt32(crc), bytes))
        case .crc32c: crc = UInt64(CRC.crc32c(UInt32(crc), bytes))
        case .crc64nvme: crc = CRC.crc64nvme(crc, bytes)
        case .sha1: SHA1_Update(&sha1, bytes.baseAddress, bytes.count)
        case .sha256, nil: break
        }
    }

    /// To be called once, when all was seen.
    package func finish() -> Result {
        var tag = [UInt8](repeating: 0, count: wantsMD5 ? 16 : 0)
        if wantsMD5 { MD5_Final(&tag, &md5) }
        let hash = wantsSHA256 || algorithm == .sha256 ? sha256.finish() : nil
        var checksum: ChecksumValue?
        switch algorithm {
        case .sha256: checksum = hash.map { ChecksumValue(.sha256, $0.bytes) }
        case .sha1:
            var bytes = [UInt8](repeating: 0, count: 20)
            SHA1_Final(&bytes, &sha1)
            checksum = ChecksumValue(.sha1, bytes)
        case let algorithm?:
            checksum = ChecksumValue(algorithm, ChecksumValue.bigEndian(crc, algorithm.byteCount))
        case nil: break
        }
        return Result(size: size, md5: tag, checksum: checksum, sha256: wantsSHA256 ? hash : nil)
    }
}
