import Mesh
import Store

/// What Mesh's encodings say in the store's opaque bytes. The store has verified the bytes: a form that cannot be read
/// is a fault of this program or of a newer one, never of the client.
extension ObjectAttributes {
    init(of record: Record) throws { try self.init(stored: record.attributes, "attributes of \(record.key.text)") }

    init(of upload: Upload) throws { try self.init(stored: upload.attributes, "upload of \(upload.key.text)") }

    private init(stored bytes: [UInt8], _ what: String) throws {
        guard let known = ObjectAttributes(encoded: bytes) else {
            throw StoreError.corrupt(what: "\(what): of an unknown form")
        }
        self = known
    }
}

extension TagSet {
    init(of record: Record) throws {
        guard let known = TagSet(encoded: record.tags) else {
            throw StoreError.corrupt(what: "tags of \(record.key.text): of an unknown form")
        }
        self = known
    }

    /// The tags that a write brings in its header.
    init(in headers: HeaderTable) throws(S3Error) {
        guard let header = headers.bytes("x-amz-tagging") else {
            self = .empty
            return
        }
        try self.init(header: header)
    }
}

extension PartAttributes {
    /// The checksum of a stored part, if it has one.
    static func checksum(of part: PartRef) -> ChecksumValue? { PartAttributes(encoded: part.attributes)?.checksum }
    static func checksum(of part: Part) -> ChecksumValue? { PartAttributes(encoded: part.attributes)?.checksum }
}
