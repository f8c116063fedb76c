import CCrypto

/// The checksum algorithms that S3 keeps with an object.
package enum ChecksumAlgorithm: UInt8, CaseIterable, Sendable {
    case crc32 = 1
    case crc32c = 2
    case crc64nvme = 3
    case sha1 = 4
    case sha256 = 5

    /// As documents and `x-amz-checksum-algorithm` spell it.
    package var name: String {
        switch self {
        case .crc32: "CRC32"
        case .crc32c: "CRC32C"
        case .crc64nvme: "CRC64NVME"
        case .sha1: "SHA1"
        case .sha256: "SHA256"
        }
    }

    /// The header, also the trailer's name.
    package var header: String { "x-amz-checksum-\(name.lowercased())" }

    /// The element in documents.
    package var element: String { "Checksum\(name)" }

    package var byteCount: Int {
        switch self {
        case .crc32, .crc32c: 4
        case .crc64nvme: 8
        case .sha1: 20
        case .sha256: 32
        }
    }

    package init?(name: some Collection<UInt8>) {
        guard let found = Self.allCases.first(where: { $0.name.utf8.elementsEqual(name.map(Self.upper)) }) else {
            return nil
        }
        self = found
    }

    package init?(header: some Collection<UInt8>) {
        let prefix = Array("x-amz-checksum-".utf8)
        guard header.starts(with: prefix) else { return nil }
        self.init(name: header.dropFirst(prefix.count))
    }

    private static func upper(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "a") < 26 ? byte & ~0x20 : byte
    }

    /// What a multipart upload uses when it does not say.
    package var multipartType: ChecksumType { self == .crc64nvme ? .fullObject : .composite }

    /// A full-object checksum needs a CRC, for only those can be joined; CRC64NVME has no composite form.
    package func allows(_ type: ChecksumType) -> Bool {
        switch self {
        case .crc32, .crc32c: true
        case .crc64nvme: type == .fullObject
        case .sha1, .sha256: type == .composite
        }
    }
}

/// Over which bytes the checksum of a multipart object goes.
package enum ChecksumType: UInt8, Sendable {
    case fullObject = 0
    /// Over the checksums of the parts.
    case composite = 1

    package var name: String { self == .fullObject ? "FULL_OBJECT" : "COMPOSITE" }
}

/// A checksum with all that S3 tells of it.
package struct ChecksumValue: Hashable, Sendable {
    package let algorithm: ChecksumAlgorithm
    package let type: ChecksumType
    /// `algorithm.byteCount` of them, big-endian.
    package let bytes: [UInt8]
    /// Of a composite: the number of parts; else 0.
    package let parts: UInt16

    package init(_ algorithm: ChecksumAlgorithm, _ bytes: [UInt8], type: ChecksumType = .fullObject, parts: UInt16 = 0)
    {
        precondition(bytes.count == algorithm.byteCount)
        self.algorithm = algorithm
        self.bytes = bytes
        self.type = type
        self.parts = parts
    }

    /// Base 64; a composite has `-N` behind it.
    package var text: String {
        type == .composite && parts > 0 ? "\(Base64.encode(bytes))-\(parts)" : Base64.encode(bytes)
    }

    /// From what a client sends; nil if it is not a value of this algorithm.
    package init?(_ algorithm: ChecksumAlgorithm, text: some Collection<UInt8>) {
        var body = Array(text)
        var parts: UInt16 = 0
        if let dash = body.lastIndex(of: UInt8(ascii: "-")) {
            guard let number = ASCII.decimal(body[(dash + 1)...]), (1...10_000).contains(number) else { return nil }
            parts = UInt16(number)
            body.removeSubrange(dash...)
        }
        guard let bytes = Base64.decode(body), bytes.count == algorithm.byteCount else { return nil }
        self.init(algorithm, bytes, type: parts > 0 ? .composite : .fullObject, parts: parts)
    }

    /// The checksum of a multipart object from those of its parts, in order. Nil if a part has none of this algorithm,
    /// or the algorithm has no such type.
    package static func multipart(
        _ algorithm: ChecksumAlgorithm,
        _ type: ChecksumType,
        parts: [(value: ChecksumValue?, size: UInt64)]
    ) -> ChecksumValue? {
        guard algorithm.allows(type), !parts.isEmpty, parts.count <= 10_000 else { return nil }
        guard parts.allSatisfy({ $0.value?.algorithm == algorithm && $0.value?.type == .fullObject }) else {
            return nil
        }
        if type == .composite {
            let digest = BodyDigest(md5: false, checksum: algorithm, sha256: false)
            for part in parts { part.value?.bytes.withUnsafeBytes { digest.update($0) } }
            guard let bytes = digest.finish().checksum?.bytes else { return nil }
            return ChecksumValue(algorithm, bytes, type: .composite, parts: UInt16(parts.count))
        }
        var total: UInt64 = 0
        for part in parts {
            let next = (part.value?.bytes ?? []).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            total =
                switch algorithm {
                case .crc32:
                    UInt64(CRC.combine32(UInt32(total), UInt32(next), count: part.size))
                case .crc32c:
                    UInt64(CRC.combine32c(UInt32(total), UInt32(next), count: part.size))
                default:
                    CRC.combine64nvme(total, next, count: part.size)
                }
        }
        return ChecksumValue(algorithm, bigEndian(total, algorithm.byteCount))
    }

    static func bigEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }
}
