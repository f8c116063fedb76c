internal import FoundationEssentials

/// What a node tells of itself beside its record: JSON of at most 4 KiB, fetched by stream and proved by a hash in the
/// record. Unknown fields are skipped, so newer nodes may say more.
package struct Description: Codable, Sendable, Equatable {
    package static let bytesMax = 4_096
    private static let textScalarsMax = 255

    package var name: String
    package var zone: String
    /// Where S3 requests and the admin API are answered; empty when not told.
    package var s3: String
    package var admin: String
    /// Of the software.
    package var version: String
    package var capacityBytes: UInt64
    package var freeBytes: UInt64
    /// The node's wall clock when it said so, in Unix milliseconds; set when it is published.
    package var wallMillis: UInt64

    package init(
        name: String,
        zone: String = "",
        s3: String = "",
        admin: String = "",
        version: String = "",
        capacityBytes: UInt64 = 0,
        freeBytes: UInt64 = 0,
        wallMillis: UInt64 = 0
    ) {
        self.name = name
        self.zone = zone
        self.s3 = s3
        self.admin = admin
        self.version = version
        self.capacityBytes = capacityBytes
        self.freeBytes = freeBytes
        self.wallMillis = wallMillis
    }

    /// What a peer said; nil when it is no description. Texts are cut to a bound and kept printable and in one piece,
    /// because they end in logs and tables.
    package init?(bytes: [UInt8]) {
        guard bytes.count <= Self.bytesMax,
            var value = try? JSONDecoder().decode(Description.self, from: Data(bytes))
        else { return nil }
        value.name = Self.plain(value.name)
        value.zone = Self.plain(value.zone)
        value.s3 = Self.plain(value.s3)
        value.admin = Self.plain(value.admin)
        value.version = Self.plain(value.version)
        self = value
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        zone = try values.decodeIfPresent(String.self, forKey: .zone) ?? ""
        s3 = try values.decodeIfPresent(String.self, forKey: .s3) ?? ""
        admin = try values.decodeIfPresent(String.self, forKey: .admin) ?? ""
        version = try values.decodeIfPresent(String.self, forKey: .version) ?? ""
        capacityBytes = try values.decodeIfPresent(UInt64.self, forKey: .capacityBytes) ?? 0
        freeBytes = try values.decodeIfPresent(UInt64.self, forKey: .freeBytes) ?? 0
        wallMillis = try values.decodeIfPresent(UInt64.self, forKey: .wallMillis) ?? 0
    }

    /// The JSON that is told; nil when it would be too long.
    package var bytes: [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = (try? encoder.encode(self)).map(Array.init), bytes.count <= Self.bytesMax else { return nil }
        return bytes
    }

    /// Whether the difference is worth telling the mesh: anything but the clock, and space that moved by a hundredth.
    package func differsNotably(from told: Description) -> Bool {
        if differsInKind(from: told) { return true }
        let notable = max(told.capacityBytes / 100, 1 << 20)
        return Self.distance(freeBytes, told.freeBytes) > notable
            || Self.distance(capacityBytes, told.capacityBytes) > notable
    }

    /// Whether anything but the clock and the space is new, which is rare and not worth a wait.
    package func differsInKind(from told: Description) -> Bool {
        var same = told
        same.wallMillis = wallMillis
        same.freeBytes = freeBytes
        same.capacityBytes = capacityBytes
        return self != same
    }

    private static func distance(_ a: UInt64, _ b: UInt64) -> UInt64 { a > b ? a - b : b - a }

    private static func plain(_ text: String) -> String {
        PlainText.of(text, scalarsMax: textScalarsMax, filler: "_")
    }
}
