package import Swim

/// What people call a node and note about it, in a register of its own: any node takes the change, and the one that it is
/// about tells the others its name.
package struct NodeLabel: RegisterValue, Hashable {
    package static let registerPrefix = "node/"
    package static let metadataMax = 16
    /// UTF-8 bytes of a name and of a value in the metadata.
    package static let keyBytesMax = 64
    package static let valueBytesMax = 256

    package let node: NodeID
    /// Nil: as it is configured.
    package var name: String?
    /// Whatever people want to know of it: a rack, a serial number, whom to call.
    package var metadata: [String: String]

    package init(node: NodeID, name: String? = nil, metadata: [String: String] = [:]) {
        self.node = node
        self.name = name
        self.metadata = metadata
    }

    package var registerName: String { Self.name(node) }

    package static func name(_ node: NodeID) -> String { node.description }

    /// Why metadata cannot be kept, as a sentence; nil: it can.
    package static func objection(to metadata: [String: String]) -> String? {
        guard metadata.count <= metadataMax else { return "a node has at most \(metadataMax) notes" }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            guard (1...keyBytesMax).contains(key.utf8.count) else {
                return "the name of a note has 1 to \(keyBytesMax) bytes"
            }
            guard (1...valueBytesMax).contains(value.utf8.count) else {
                return "the note \(key) has 1 to \(valueBytesMax) bytes"
            }
            let scalars = key.unicodeScalars.map(\.value) + value.unicodeScalars.map(\.value)
            guard scalars.allSatisfy({ $0 >= 0x20 && !(0x7f...0x9f).contains($0) }) else {
                return "the note \(key) has control characters"
            }
        }
        return nil
    }

    private enum Tag {
        static let node: UInt8 = 1
        static let name: UInt8 = 2
        static let key: UInt8 = 3
        static let value: UInt8 = 4
    }

    package var encoded: [UInt8] {
        var out = FieldWriter(version: 1)
        out.field(Tag.node, node.high.bigEndianBytes + node.low.bigEndianBytes)
        if let name { out.field(Tag.name, Array(name.utf8)) }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            out.field(Tag.key, Array(key.utf8))
            out.field(Tag.value, Array(value.utf8))
        }
        return out.bytes
    }

    package init?(encoded bytes: [UInt8]) {
        guard var reader = FieldReader(bytes, version: 1), let (first, id) = reader.next(), first == Tag.node,
            id.count == 16
        else { return nil }
        self.init(node: NodeID(high: id.prefix(8).bigEndianWord, low: id.suffix(8).bigEndianWord))
        var key: String?
        while let (tag, field) = reader.next() {
            guard let text = String(validating: field, as: UTF8.self) else { return nil }
            switch tag {
            case Tag.name where name == nil && key == nil && metadata.isEmpty && !text.isEmpty: name = text
            case Tag.key where key == nil && metadata[text] == nil: key = text
            case Tag.value:
                guard let known = key else { return nil }
                metadata[known] = text
                key = nil
            default: return nil
            }
        }
        guard reader.isWhole, key == nil, Self.objection(to: metadata) == nil else { return nil }
    }
}
