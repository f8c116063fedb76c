import Swim

/// A signer without cryptography and of the same sizes: a name is the first half of the key, a signature is a keyed
/// sum of the bytes.
struct SampleSigner: RecordSigner {
    let key: PublicKey

    func name(of key: PublicKey) -> NodeID { NodeID(high: key.words.0, low: key.words.1) }

    func sign(_ bytes: [UInt8]) -> Signature { Self.signature(bytes, key) }

    func isValid(_ signature: Signature, of bytes: [UInt8], by key: PublicKey) -> Bool {
        signature == Self.signature(bytes, key)
    }

    func isAdmin(_ signature: Signature, of bytes: [UInt8]) -> Bool {
        signature == Self.signature(bytes, sampleAdminKey)
    }

    func token(nonce: UInt64, asker: NodeID, target: NodeID) -> UInt64 {
        Random.mix(nonce ^ Random.mix(asker.high) ^ target.high)
    }

    func digest(of bytes: [UInt8]) -> UInt64 { Self.sum(bytes, 7) }

    private static func sum(_ bytes: [UInt8], _ start: UInt64) -> UInt64 {
        bytes.reduce(start) { Random.mix($0 ^ UInt64($1)) }
    }

    private static func signature(_ bytes: [UInt8], _ key: PublicKey) -> Signature {
        let word = sum(bytes, key.words.0)
        return Signature(low: (word, 1, 2, 3), high: (4, 5, 6, key.words.1))
    }
}

let sampleAdminKey = PublicKey(0xad, 0x31, 7, 8)

func sampleDecree(
    expelling index: Int?,
    sequence: UInt64 = 1,
    epoch: UInt32 = 2,
    reason: String = "stolen",
    key: PublicKey = sampleAdminKey
) -> Decree {
    let kind = index.map { Decree.Kind.expel(sampleRecord($0).id) } ?? .rotate
    guard var decree = Decree(sequence: sequence, kind: kind, newEpoch: epoch, reason: reason) else {
        preconditionFailure("the sample's reason is short and plain")
    }
    decree.signature = SampleSigner(key: key).sign(decree.signedBytes)
    return decree
}

func sampleKey(_ index: Int) -> PublicKey {
    let word = Random.mix(UInt64(index) &+ 1)
    return PublicKey(word, Random.mix(word), 3, 4)
}

func sampleRecord(_ index: Int, zone: UInt64 = 0, generation: UInt64 = 1, incarnation: UInt32 = 0) -> Record {
    let key = sampleKey(index)
    let signer = SampleSigner(key: key)
    var record = Record(
        id: signer.name(of: key),
        key: key,
        version: Version(generation: generation, incarnation: incarnation),
        endpoint: Endpoint(ipv4: UInt32(0x0a00_0000 + index), port: 7946),
        zone: zone
    )
    record.signature = signer.sign(record.signedBytes)
    return record
}

func sampleAccusation(_ accuser: Int, of target: Int, version: Version, phi: Double) -> Accusation {
    let signer = SampleSigner(key: sampleKey(accuser))
    let weight = Accusation.weight(of: phi)
    let handle = signer.name(of: signer.key).handle
    let bytes = Accusation.signedBytes(
        accuser: handle,
        target: sampleRecord(target).id.handle,
        version: version,
        weight: weight
    )
    return Accusation(accuser: handle, weight: weight, signature: signer.sign(bytes))
}

/// A machine that knows members 0 to `count - 1` and is one of them.
func sampleMachine(_ count: Int, settings: Settings = Settings(), seed: UInt64 = 1, own: Int = 0) -> Membership {
    var roster = Roster(digestKey: settings.digestKey)
    for index in 0..<count { _ = roster.add(sampleRecord(index), status: .alive) }
    return Membership(
        settings: settings,
        own: sampleRecord(own),
        known: roster,
        signer: SampleSigner(key: sampleKey(own)),
        seed: seed,
        now: 0
    )
}

func encoded(_ message: Message, _ rumors: [Rumor] = []) -> [UInt8] {
    var writer = ByteWriter(capacity: 256)
    Codec.encode(message, into: &writer)
    for rumor in rumors { Codec.encode(rumor, into: &writer) }
    return writer.bytes
}

let quietSight = Sight(digest: 42, flags: .quiet, health: 3)
