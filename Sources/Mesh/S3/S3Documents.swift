package import Store

/// The documents that requests bring, each read whole or refused.
package enum S3Document {
    /// Bucket configurations and tag sets: far above any real one.
    package static let configurationBytesMax = 64 * 1024
    /// Delete (1,000 keys of 1,024 bytes) and CompleteMultipartUpload (10,000 parts with checksums).
    package static let listBytesMax = 4 << 20

    /// The location constraint of a new bucket; nil for none or an empty body.
    package static func createBucket(_ body: [UInt8]) throws(S3Error) -> String? {
        if body.isEmpty { return nil }
        var xml = try XMLReader(body, bytesMax: configurationBytesMax)
        try xml.root("CreateBucketConfiguration")
        var location: String?
        while let name = try xml.child() {
            guard name == "LocationConstraint", location == nil else {
                if name == "Location" || name == "Bucket" || name == "Tags" {
                    throw S3Error(.notImplemented, "CreateBucketConfiguration with \(name) is not implemented.")
                }
                throw XMLReader.malformed
            }
            location = try xml.textOfElement()
        }
        try xml.end()
        return location == "" ? nil : location
    }

    /// The wanted state; nil if the document names none.
    package static func versioning(_ body: [UInt8]) throws(S3Error) -> Versioning? {
        guard !body.isEmpty else { throw S3Error(.missingRequestBody) }
        var xml = try XMLReader(body, bytesMax: configurationBytesMax)
        try xml.root("VersioningConfiguration")
        var state: Versioning?
        while let name = try xml.child() {
            let text = try xml.textOfElement()
            switch (name, text) {
            case ("Status", "Enabled"): state = .on
            case ("Status", "Suspended"): state = .suspended
            case ("MfaDelete", "Disabled"): break
            case ("MfaDelete", "Enabled"): throw S3Error(.notImplemented, "MFA Delete is not implemented.")
            default: throw XMLReader.malformed
            }
        }
        try xml.end()
        return state
    }

    package static func tagging(_ body: [UInt8]) throws(S3Error) -> TagSet {
        guard !body.isEmpty else { throw S3Error(.missingRequestBody) }
        var xml = try XMLReader(body, bytesMax: configurationBytesMax)
        try xml.root("Tagging")
        var tags: [TagSet.Tag] = []
        guard try xml.child() == "TagSet" else { throw XMLReader.malformed }
        while let name = try xml.child() {
            guard name == "Tag" else { throw XMLReader.malformed }
            var key: String?
            var value: String?
            while let field = try xml.child() {
                switch field {
                case "Key" where key == nil: key = try xml.textOfElement()
                case "Value" where value == nil: value = try xml.textOfElement()
                default: throw XMLReader.malformed
                }
            }
            guard let key, let value else { throw XMLReader.malformed }
            tags.append(TagSet.Tag(key: key, value: value))
        }
        guard try xml.child() == nil else { throw XMLReader.malformed }
        try xml.end()
        return try TagSet(tags)
    }

    // MARK: Delete

    package struct Deletion: Hashable, Sendable {
        /// As sent; its length is for each deletion to judge.
        package var key: [UInt8] = []
        /// As sent; `VersionID.parse` tells whether it can exist.
        package var version: String?
        package var etag: String?
        /// Seconds since 1970.
        package var lastModified: UInt64?
        package var size: UInt64?
    }

    package struct Delete: Hashable, Sendable {
        package var objects: [Deletion] = []
        package var isQuiet = false
    }

    package static func delete(_ body: [UInt8]) throws(S3Error) -> Delete {
        guard !body.isEmpty else { throw S3Error(.missingRequestBody) }
        var xml = try XMLReader(body, bytesMax: listBytesMax)
        try xml.root("Delete")
        var delete = Delete()
        while let name = try xml.child() {
            switch name {
            case "Quiet":
                switch try xml.textOfElement().lowercased() {
                case "true": delete.isQuiet = true
                case "false": delete.isQuiet = false
                default: throw XMLReader.malformed
                }
            case "Object":
                guard delete.objects.count < 1000 else { throw XMLReader.malformed }
                delete.objects.append(try deletion(&xml))
            default: throw XMLReader.malformed
            }
        }
        try xml.end()
        guard !delete.objects.isEmpty else { throw XMLReader.malformed }
        return delete
    }

    private static func deletion(_ xml: inout XMLReader) throws(S3Error) -> Deletion {
        var object = Deletion()
        while let field = try xml.child() {
            let text = try xml.bytesOfElement()
            switch field {
            case "Key": object.key = text
            case "VersionId": object.version = text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
            case "ETag": object.etag = String(decoding: text, as: UTF8.self)
            case "LastModifiedTime":
                guard let seconds = S3Date.parseHTTP(text) ?? S3Date.parseISO(text).map({ $0 / 1000 }) else {
                    throw XMLReader.malformed
                }
                object.lastModified = seconds
            case "Size":
                guard let size = ASCII.decimal(text) else { throw XMLReader.malformed }
                object.size = size
            default: throw XMLReader.malformed
            }
        }
        guard !object.key.isEmpty else { throw XMLReader.malformed }
        return object
    }

    // MARK: CompleteMultipartUpload

    package struct CompletedPart: Hashable, Sendable {
        package var number: UInt16 = 0
        /// Nil: a text that no part's tag can be, so `InvalidPart`.
        package var etag: ETag?
        package var checksum: ChecksumValue?
    }

    /// The parts in the order of the document. `InvalidPartOrder` unless numbers rise.
    package static func complete(_ body: [UInt8]) throws(S3Error) -> [CompletedPart] {
        guard !body.isEmpty else { throw S3Error(.invalidRequest, "You must specify at least one part") }
        var xml = try XMLReader(body, bytesMax: listBytesMax)
        try xml.root("CompleteMultipartUpload")
        var parts: [CompletedPart] = []
        while let name = try xml.child() {
            guard name == "Part", parts.count < 10_000 else { throw XMLReader.malformed }
            parts.append(try part(&xml))
        }
        try xml.end()
        guard !parts.isEmpty else { throw XMLReader.malformed }
        for index in parts.indices.dropFirst() where parts[index].number <= parts[index - 1].number {
            throw S3Error(.invalidPartOrder, nil, [.init("PartNumber", String(parts[index].number))])
        }
        return parts
    }

    private static func part(_ xml: inout XMLReader) throws(S3Error) -> CompletedPart {
        var part = CompletedPart()
        var hasTag = false
        while let field = try xml.child() {
            let text = try xml.bytesOfElement()
            switch field {
            case "PartNumber":
                guard let number = ASCII.decimal(text), (1...10_000).contains(number) else {
                    throw S3Error.argument(
                        "PartNumber",
                        String(decoding: text.prefix(64), as: UTF8.self),
                        "PartNumber must be an integer between 1 and 10000, inclusive"
                    )
                }
                part.number = UInt16(number)
            case "ETag":
                hasTag = true
                part.etag = ETag(text: text)
            default:
                guard field.hasPrefix("Checksum"), let algorithm = ChecksumAlgorithm(name: field.dropFirst(8).utf8)
                else { throw XMLReader.malformed }
                guard let value = ChecksumValue(algorithm, text: text) else {
                    throw S3Error(.invalidRequest, "Value for \(field) is invalid.")
                }
                part.checksum = value
            }
        }
        guard part.number > 0, hasTag else { throw XMLReader.malformed }
        return part
    }
}
