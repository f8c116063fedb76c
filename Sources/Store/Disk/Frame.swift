/// The header before each chunk in a segment file: owner, length and checksums, so that an index can be checked
/// against the segments and a torn tail is recognised.
struct Frame: Equatable {
    static let headerBytes = 40
    private static let magic: UInt32 = 0x4b48_434d  // "MCHK"
    private static let version: UInt32 = 1

    var blob: BlobID
    var chunk: UInt32
    var length: UInt32
    var checksum: UInt64

    func write(to bytes: UnsafeMutableRawBufferPointer) {
        bytes.storeBytes(of: Self.magic.littleEndian, toByteOffset: 0, as: UInt32.self)
        bytes.storeBytes(of: Self.version.littleEndian, toByteOffset: 4, as: UInt32.self)
        bytes.storeBytes(of: blob.rawValue.littleEndian, toByteOffset: 8, as: Int64.self)
        bytes.storeBytes(of: chunk.littleEndian, toByteOffset: 16, as: UInt32.self)
        bytes.storeBytes(of: length.littleEndian, toByteOffset: 20, as: UInt32.self)
        bytes.storeBytes(of: checksum.littleEndian, toByteOffset: 24, as: UInt64.self)
        let guarded = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<32])
        bytes.storeBytes(of: Checksum.of(guarded).littleEndian, toByteOffset: 32, as: UInt64.self)
    }

    /// nil: these bytes are no frame header.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.headerBytes else { return nil }
        let guarded = UnsafeRawBufferPointer(rebasing: bytes[..<32])
        let stored = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
        guard UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)) == Self.magic,
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) == Self.version,
            stored == Checksum.of(guarded)
        else { return nil }
        blob = BlobID(rawValue: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
        chunk = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
        length = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
        checksum = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
    }

    init(blob: BlobID, chunk: UInt32, length: UInt32, checksum: UInt64) {
        self.blob = blob
        self.chunk = chunk
        self.length = length
        self.checksum = checksum
    }
}
