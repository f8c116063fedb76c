package import Store

/// That the objects of a bucket are to be in another bucket too: of this mesh, of another one, or of any S3 store.
package struct ReplicationRule: Sendable, Equatable {
    /// Rules of all buckets together: each costs every node a worker.
    package static let countMax = 256
    /// Each has an entry of its own for each key that changes.
    package static let perBucketMax = 8
    package static let intervalSeconds = 10...604_800
    /// By so much the clocks of a mesh's nodes may differ: what was written within it before the rule counts as new.
    static let skewMillis: UInt64 = 60_000
    static let certificateBytesMax = 16 << 10

    /// Where it sends, and with which key.
    package struct Target: Sendable, Equatable {
        package static let regionDefault = "us-east-1"

        /// `http://` or `https://`, a host and perhaps a port.
        package var endpoint: String
        package var region: String
        package var bucket: String
        /// Goes before each key.
        package var prefix: String
        package var accessKey: String
        package var secret: Secret
        /// In PEM: whom to trust instead of the system's authorities; nil: those.
        package var certificate: String?

        package init(
            endpoint: String,
            region: String,
            bucket: String,
            prefix: String,
            accessKey: String,
            secret: Secret,
            certificate: String? = nil
        ) {
            self.endpoint = endpoint
            self.region = region
            self.bucket = bucket
            self.prefix = prefix
            self.accessKey = accessKey
            self.secret = secret
            self.certificate = certificate
        }

        /// Host and port of the endpoint.
        package var authority: Substring { Self.authority(of: endpoint) ?? "" }

        /// Nil: it begins with no scheme that is known.
        static func authority(of endpoint: String) -> Substring? {
            ["http://", "https://"].first(where: endpoint.hasPrefix).map { endpoint.dropFirst($0.count) }
        }

        package static func == (a: Target, b: Target) -> Bool {
            a.endpoint == b.endpoint && a.region == b.region && a.bucket == b.bucket && a.prefix == b.prefix
                && a.accessKey == b.accessKey && a.secret.isEqual(to: b.secret) && a.certificate == b.certificate
        }
    }

    package enum Schedule: Hashable, Sendable {
        /// As soon as something changes.
        case continuous
        /// All that has changed, every so many seconds.
        case interval(UInt32)
    }

    package let id: UInt64
    package let bucket: BucketID
    /// Milliseconds since 1970.
    package let createdMillis: UInt64
    package var target: Target
    /// Only keys that begin with it.
    package var prefix: String
    package var schedule: Schedule
    /// Objects that are deleted here are deleted there.
    package var copiesDeletes: Bool
    /// User metadata, tags and the headers that describe an object go along; else only its bytes and their type.
    package var copiesMetadata: Bool
    /// What was there before the rule goes too.
    package var copiesExisting: Bool
    package var isPaused: Bool
    /// With each higher number all that is there is looked at once more.
    package var round: UInt32

    package init(
        id: UInt64,
        bucket: BucketID,
        createdMillis: UInt64,
        target: Target,
        prefix: String = "",
        schedule: Schedule = .continuous,
        copiesDeletes: Bool = true,
        copiesMetadata: Bool = true,
        copiesExisting: Bool = true,
        isPaused: Bool = false,
        round: UInt32 = 0
    ) {
        self.id = id
        self.bucket = bucket
        self.createdMillis = createdMillis
        self.target = target
        self.prefix = prefix
        self.schedule = schedule
        self.copiesDeletes = copiesDeletes
        self.copiesMetadata = copiesMetadata
        self.copiesExisting = copiesExisting
        self.isPaused = isPaused
        self.round = round
    }

    /// As people and the API name it: 16 hexadecimal digits.
    package var name: String { Self.name(id) }

    static func name(_ id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Nil for what no `name` gave.
    package static func id(named name: String) -> UInt64? {
        let isName = name.utf8.count == 16 && name.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
        return isName ? UInt64(name, radix: 16) : nil
    }

    /// The subscription to the bucket's changes that it stands for.
    package var feed: Feed {
        let begun = createdMillis - min(createdMillis, Self.skewMillis)
        return Feed(
            id: id,
            bucket: bucket,
            prefix: Array(prefix.utf8),
            // A second round is asked for to look at everything.
            sinceMillis: copiesExisting || round > 0 ? 0 : begun,
            begunMillis: begun,
            round: round
        )
    }

    /// A whole sentence on what is wrong with it; nil: nothing.
    package var fault: String? {
        if let fault = Self.fault(ofEndpoint: target.endpoint) { return fault }
        guard !target.bucket.isEmpty, target.bucket.utf8.count <= 255, !target.bucket.contains("/") else {
            return "the target's bucket needs a name"
        }
        guard (1...64).contains(target.region.utf8.count), target.region.utf8.allSatisfy(Self.isVisible) else {
            return "the target's region is 1 to 64 letters, such as us-east-1"
        }
        guard (1...128).contains(target.accessKey.utf8.count), target.accessKey.utf8.allSatisfy(Self.isVisible) else {
            return "the target's access key is 1 to 128 letters"
        }
        guard (1...256).contains(target.secret.revealedBytes.count) else {
            return "the target's secret key is 1 to 256 letters"
        }
        guard prefix.utf8.count <= Key.bytesMax, target.prefix.utf8.count <= Key.bytesMax else {
            return "a prefix has at most \(Key.bytesMax) bytes"
        }
        if case .interval(let seconds) = schedule, !Self.intervalSeconds.contains(Int(seconds)) {
            return "an interval is \(Self.intervalSeconds.lowerBound) to \(Self.intervalSeconds.upperBound) seconds"
        }
        if let certificate = target.certificate {
            guard certificate.utf8.count <= Self.certificateBytesMax, certificate.contains("BEGIN CERTIFICATE") else {
                return "the certificate is not PEM, or longer than \(Self.certificateBytesMax) bytes"
            }
            guard target.endpoint.hasPrefix("https://") else { return "a certificate goes with an https:// endpoint" }
        }
        return nil
    }

    private static func fault(ofEndpoint text: String) -> String? {
        guard let rest = Target.authority(of: text) else { return "the endpoint begins with http:// or https://" }
        let isPlain = rest.utf8.allSatisfy { isVisible($0) && !Array("/?#@\\\"<>".utf8).contains($0) }
        let colon = rest.lastIndex(of: ":") ?? rest.endIndex
        guard isPlain, rest.utf8.count <= 255, !rest[..<colon].isEmpty else {
            return "the endpoint is a scheme, a host and perhaps a port, such as https://s3.example.com:9000"
        }
        let port = rest[colon...].dropFirst()
        guard colon == rest.endIndex || rest.hasSuffix("]") || (UInt16(port) ?? 0) > 0 else {
            return "the endpoint's port \"\(port)\" is no number from 1 to 65535"
        }
        return nil
    }

    private static func isVisible(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) }
}

// MARK: In a register

/// A version byte, then fields as in `FieldWriter`.
///
/// | tag | value                                                                            | times        |
/// |-----|----------------------------------------------------------------------------------|--------------|
/// | 1   | id, bucket, created: 8 bytes each                                                | once         |
/// | 2–7 | endpoint, region, bucket, prefix, access key, secret of the target; UTF-8        | once each    |
/// | 8   | the target's certificate, PEM                                                    | at most once |
/// | 9   | prefix, UTF-8                                                                    | once         |
/// | 10  | interval, round: 4 bytes each; no interval is 0                                  | once         |
/// | 11  | flags: 1 deletes, 2 metadata, 4 existing, 8 paused                               | once         |
///
/// A tag that is unknown may be a restriction: such a rule does nothing until its node is updated.
extension ReplicationRule: RegisterValue {
    package static let registerPrefix = "replication/"

    package var registerName: String { name }

    private static let version: UInt8 = 1

    package var encoded: [UInt8] {
        var out = FieldWriter(version: Self.version)
        out.field(1, [id, bucket.rawValue, createdMillis].flatMap(\.bigEndianBytes))
        out.field(2, target.endpoint.utf8)
        out.field(3, target.region.utf8)
        out.field(4, target.bucket.utf8)
        out.field(5, target.prefix.utf8)
        out.field(6, target.accessKey.utf8)
        out.field(7, target.secret.revealedBytes)
        if let certificate = target.certificate { out.field(8, certificate.utf8) }
        out.field(9, prefix.utf8)
        let seconds: UInt32 = if case .interval(let seconds) = schedule { seconds } else { 0 }
        out.field(10, (UInt64(seconds) << 32 | UInt64(round)).bigEndianBytes)
        let flags = [copiesDeletes, copiesMetadata, copiesExisting, isPaused].enumerated()
        out.field(11, [flags.reduce(UInt8(0)) { $1.element ? $0 | 1 << UInt8($1.offset) : $0 }])
        return out.bytes
    }

    /// Nil for bytes that no `encoded` of this version gave.
    package init?(encoded bytes: [UInt8]) {
        guard var reader = FieldReader(bytes, version: Self.version) else { return nil }
        var fields: [UInt8: ArraySlice<UInt8>] = [:]
        while let (tag, value) = reader.next() {
            guard (1...11).contains(tag), fields.updateValue(value, forKey: tag) == nil else { return nil }
        }
        guard reader.isWhole, let head = fields[1], head.count == 24, let times = fields[10], times.count == 8,
            let flags = fields[11], flags.count == 1, let flag = flags.first, flag < 16, let secret = fields[7]
        else { return nil }
        func text(_ tag: UInt8) -> String? { fields[tag].map { String(decoding: $0, as: UTF8.self) } }
        guard let endpoint = text(2), let region = text(3), let bucket = text(4), let targetPrefix = text(5),
            let accessKey = text(6), let prefix = text(9)
        else { return nil }
        let time = times.bigEndianWord
        self.init(
            id: head.bigEndianWord,
            bucket: BucketID(rawValue: head.dropFirst(8).bigEndianWord),
            createdMillis: head.suffix(8).bigEndianWord,
            target: Target(
                endpoint: endpoint,
                region: region,
                bucket: bucket,
                prefix: targetPrefix,
                accessKey: accessKey,
                secret: Secret(bytes: Array(secret)),
                certificate: text(8)
            ),
            prefix: prefix,
            schedule: time >> 32 == 0 ? .continuous : .interval(UInt32(time >> 32)),
            copiesDeletes: flag & 1 != 0,
            copiesMetadata: flag & 2 != 0,
            copiesExisting: flag & 4 != 0,
            isPaused: flag & 8 != 0,
            round: UInt32(truncatingIfNeeded: time)
        )
        guard fault == nil else { return nil }
    }
}
