/// Where a chunk is: which segment, at which byte its frame begins, how long its payload is, and its checksum.
struct Location: Hashable, Sendable {
    var segment: UInt32
    var offset: UInt32
    var length: UInt32
    var checksum: UInt64

    /// Locations in one row of `extents`: 64 chunks are 16 MiB and 1.3 KiB of row.
    static let perPage = 64

    /// Bytes of the file that the chunk takes.
    var frameBytes: UInt64 { UInt64(Frame.headerBytes) + UInt64(length) }
    var end: UInt64 { UInt64(offset) + frameBytes }

    /// The row that holds a page of a blob's locations. A blob has less than 65,536 pages: 1 TiB.
    static func extentID(_ blob: BlobID, page: Int) -> Int64 { (blob.rawValue << 16) + Int64(page) }

    static let pagesMax = 1 << 16
}
