extension Record {
    /// Encoded size: 8 handle, 12 version, 1 flags, 32 key, 8 zone, 12 description, 2 protocols, address, 64 signature.
    package var encodedBytes: Int { 8 + 12 + 1 + 32 + 8 + 12 + 2 + endpoint.encodedBytes + 64 }

    /// The largest record, with an IPv6 address.
    package static var encodedBytesMax: Int { 158 }

    private static var addressIsIPv6: UInt8 { 0x80 }
    private static var flagsMask: UInt8 { 0x03 }

    package func encode(into writer: inout ByteWriter) {
        writer.put(id.handle)
        encodeSigned(into: &writer)
        writer.put(signature)
    }

    /// What the signature covers; the first word keeps it from being mistaken for any other signed thing.
    package var signedBytes: [UInt8] {
        var writer = ByteWriter(capacity: 128)
        writer.put(0x6d65_7368_6472_6563 as UInt64)
        writer.put(id.high)
        writer.put(id.low)
        encodeSigned(into: &writer)
        return writer.bytes
    }

    private func encodeSigned(into writer: inout ByteWriter) {
        writer.put(version)
        writer.put(flags.rawValue | (endpoint.isIPv6 ? Self.addressIsIPv6 : 0))
        writer.put(key.words.0)
        writer.put(key.words.1)
        writer.put(key.words.2)
        writer.put(key.words.3)
        writer.put(zone)
        writer.put(metaVersion)
        writer.put(metaHash)
        writer.put(protocolMin)
        writer.put(protocolMax)
        if endpoint.isIPv6 {
            writer.put(endpoint.high)
            writer.put(endpoint.low)
        } else {
            writer.put(UInt32(truncatingIfNeeded: endpoint.low))
        }
        writer.put(endpoint.port)
    }

    /// Decodes a record whose name is not yet proved: `id` holds the claimed handle, and the caller must fill it from
    /// the key and check both. Unknown flag bits are refused, because they would break the signature when sent on.
    package static func decode(from reader: inout ByteReader) -> Record? {
        let handle = reader.word64()
        let version = reader.version()
        let flags = reader.byte()
        let key = PublicKey(reader.word64(), reader.word64(), reader.word64(), reader.word64())
        let zone = reader.word64()
        let metaVersion = reader.word32()
        let metaHash = reader.word64()
        let protocolMin = reader.byte()
        let protocolMax = reader.byte()
        let endpoint: Endpoint
        if flags & addressIsIPv6 != 0 {
            let high = reader.word64()
            let low = reader.word64()
            endpoint = Endpoint(ipv6High: high, low: low, port: reader.word16())
        } else {
            let address = reader.word32()
            endpoint = Endpoint(ipv4: address, port: reader.word16())
        }
        let signature = reader.signature()
        guard !reader.failed, flags & ~(addressIsIPv6 | flagsMask) == 0 else {
            reader.fail()
            return nil
        }
        var record = Record(
            id: NodeID(high: handle, low: 0),
            key: key,
            version: version,
            endpoint: endpoint,
            zone: zone
        )
        record.flags = Flags(rawValue: flags & flagsMask)
        record.metaVersion = metaVersion
        record.metaHash = metaHash
        record.protocolMin = protocolMin
        record.protocolMax = protocolMax
        record.signature = signature
        return record
    }

    /// Passes over a record and tells only whose it is and which version.
    package static func skip(_ reader: inout ByteReader) -> (handle: UInt64, version: Version) {
        let handle = reader.word64()
        let version = reader.version()
        let flags = reader.byte()
        reader.skip(54 + (flags & addressIsIPv6 != 0 ? 18 : 6) + 64)
        if flags & ~(addressIsIPv6 | flagsMask) != 0 { reader.fail() }
        return (handle, version)
    }
}

extension Endpoint {
    fileprivate var encodedBytes: Int { isIPv6 ? 18 : 6 }
}

extension ByteWriter {
    package mutating func put(_ version: Version) {
        put(version.generation)
        put(version.incarnation)
    }

    package mutating func put(_ signature: Signature) {
        put(signature.low.0)
        put(signature.low.1)
        put(signature.low.2)
        put(signature.low.3)
        put(signature.high.0)
        put(signature.high.1)
        put(signature.high.2)
        put(signature.high.3)
    }
}

extension ByteReader {
    package mutating func version() -> Version {
        let generation = word64()
        return Version(generation: generation, incarnation: word32())
    }

    package mutating func signature() -> Signature {
        let low = (word64(), word64(), word64(), word64())
        return Signature(low: low, high: (word64(), word64(), word64(), word64()))
    }
}
