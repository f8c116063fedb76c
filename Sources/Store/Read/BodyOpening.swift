import NIOCore

/// Turns a version into a reader of its bytes, inside one read transaction.
///
/// The pin is set while the transaction still sees the version; the sweeper waits for all transactions that began
/// before a version was removed and looks at the pins after that, so that none slips through.
struct BodyOpening: Sendable {
    let pins: Pins
    let pool: ReaderPool
    let chunks: ChunkSource

    func open(_ row: RecordRow, _ reader: IndexReader) throws -> BodyReader {
        let record = row.record
        switch record.body {
        case .absent:
            throw StoreError.io(what: "the bytes of \(record.key.text) have not come to this node yet")
        case .empty:
            return make(0, .bytes(ByteBuffer()), nil)
        case .inline:
            let bytes = try reader.versions.body(row.bodyID, of: record) { ByteBuffer(bytes: $0) }
            return make(UInt64(bytes.readableBytes), .bytes(bytes), nil)
        case .blob(let blob):
            let stream = BodyReader.Stream(blob: blob, start: 0, size: record.size)
            return make(record.size, .streams([stream]), pins.pin(.blob(blob)), first(blob, reader))
        case .parts:
            let pin = pins.pin(.manifest(row.bodyID))
            var start: UInt64 = 0
            var streams: [BodyReader.Stream] = []
            for part in try reader.versions.manifest(row.bodyID, of: record) {
                guard part.blob != IndexWriter.noBlob || part.size == 0 else {
                    throw StoreError.io(what: "the bytes of \(record.key.text) have not all come to this node yet")
                }
                streams.append(BodyReader.Stream(blob: part.blob, start: start, size: part.size))
                start += part.size
            }
            guard start == record.size else {
                throw reader.versions.corrupt("bodies (manifest \(row.bodyID))", record.bucket, record.key)
            }
            return make(start, .streams(streams), pin)
        }
    }

    /// Where the first chunks are: looked up while the thread is at it, so that reading them needs none.
    private func first(_ blob: BlobID, _ reader: IndexReader) -> BodyReader.Cached? {
        // What cannot be read is said to who reads the chunk.
        (try? reader.locations(blob, page: 0)).map { BodyReader.Cached(blob: blob, page: 0, locations: $0) }
    }

    private func make(
        _ size: UInt64,
        _ source: BodyReader.Source,
        _ pin: Pin?,
        _ first: BodyReader.Cached? = nil
    ) -> BodyReader {
        BodyReader(size: size, source, pin: pin, pool: pool, chunks: chunks, first: first)
    }
}
