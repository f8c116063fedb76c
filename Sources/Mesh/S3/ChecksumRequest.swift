/// What the headers of a request ask to be checked and kept of its body.
package struct ChecksumRequest: Hashable, Sendable {
    /// To be computed and kept; nil: the client asked for none.
    package var algorithm: ChecksumAlgorithm?
    /// The value it must have; nil when it comes in the trailer, or is only to be computed.
    package var expected: ChecksumValue?
    /// The value comes behind the body.
    package var inTrailer = false
    /// `x-amz-checksum-type`
    package var type: ChecksumType?
    /// `Content-MD5`: 16 bytes that the body's MD5 must be.
    package var md5: [UInt8]?

    package init(_ headers: HeaderTable) throws(S3Error) {
        if let text = headers.bytes("content-md5") {
            guard let bytes = Base64.decode(text), bytes.count == 16 else {
                throw S3Error(.invalidDigest, "The Content-MD5 you specified is not valid.")
            }
            md5 = bytes
        }
        if let text = headers.bytes("x-amz-checksum-type") {
            type =
                if ASCII.equalFolded(text, "full_object") {
                    .fullObject
                } else if ASCII.equalFolded(text, "composite") {
                    .composite
                } else {
                    throw S3Error(.invalidRequest, "Value for x-amz-checksum-type header is invalid.")
                }
        }
        try readValues(headers)
        try readTrailer(headers)
        try readAlgorithm(headers)
        if let algorithm, let type, !algorithm.allows(type), !isSinglePart(headers) {
            throw S3Error(
                .invalidRequest,
                "The \(type.name) checksum type cannot be used with the \(algorithm.name.lowercased()) checksum algorithm."
            )
        }
    }

    private func isSinglePart(_ headers: HeaderTable) -> Bool { expected != nil && type == .fullObject }

    private mutating func readValues(_ headers: HeaderTable) throws(S3Error) {
        for entry in headers.entries where ASCII.hasPrefix(headers.bytes, entry.name, "x-amz-checksum-") {
            let name = headers.bytes[entry.name]
            if ASCII.equal(name, "x-amz-checksum-mode") || ASCII.equal(name, "x-amz-checksum-type")
                || ASCII.equal(name, "x-amz-checksum-algorithm")
            {
                continue
            }
            guard let found = ChecksumAlgorithm(header: name) else {
                throw S3Error.unsupported(.header, String(decoding: name, as: UTF8.self))
            }
            guard expected == nil else {
                throw S3Error(
                    .invalidRequest,
                    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
                )
            }
            guard let value = ChecksumValue(found, text: headers.bytes[entry.value]) else {
                throw S3Error(
                    .invalidRequest,
                    "Value for \(String(decoding: name, as: UTF8.self)) header is invalid."
                )
            }
            expected = value
            algorithm = found
        }
    }

    private mutating func readTrailer(_ headers: HeaderTable) throws(S3Error) {
        guard let trailer = headers.bytes("x-amz-trailer") else { return }
        for part in trailer.split(separator: UInt8(ascii: ",")) {
            let name = ASCII.trimmed(part).map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
            guard let found = ChecksumAlgorithm(header: name) else {
                throw S3Error(.invalidRequest, "The value specified in the x-amz-trailer header is not supported")
            }
            guard algorithm == nil else {
                throw S3Error(
                    .invalidRequest,
                    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
                )
            }
            algorithm = found
            inTrailer = true
        }
    }

    private mutating func readAlgorithm(_ headers: HeaderTable) throws(S3Error) {
        let asked = headers.bytes("x-amz-checksum-algorithm") ?? headers.bytes("x-amz-sdk-checksum-algorithm")
        guard let asked else { return }
        guard let found = ChecksumAlgorithm(name: asked) else {
            throw S3Error(
                .invalidRequest,
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
                    + "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
            )
        }
        if let algorithm, algorithm != found {
            throw S3Error(
                .invalidRequest,
                "Value for x-amz-sdk-checksum-algorithm header is invalid: the body has another checksum."
            )
        }
        algorithm = found
    }

    /// Judges a finished body: its MD5, checksum and payload hash, and the checksum that came in a trailer.
    package func verify(
        _ result: BodyDigest.Result,
        payload: PayloadClaim,
        trailer: ChecksumValue? = nil
    ) throws(S3Error) {
        if case .sha256(let claimed) = payload, let computed = result.sha256, claimed != computed {
            throw S3Error(
                .contentSHA256Mismatch,
                nil,
                [
                    .init("ClientComputedContentSHA256", claimed.hex),
                    .init("S3ComputedContentSHA256", computed.hex),
                ]
            )
        }
        if let md5, md5 != result.md5 {
            throw S3Error(
                .badDigest,
                "The Content-MD5 you specified did not match what we received.",
                [
                    .init("ExpectedDigest", Base64.encode(md5)),
                    .init("CalculatedDigest", Base64.encode(result.md5)),
                ]
            )
        }
        guard let expected = expected ?? trailer else {
            if inTrailer { throw S3Error(.malformedTrailer, "The trailer lacks the checksum that was announced.") }
            return
        }
        guard expected.bytes == result.checksum?.bytes, expected.algorithm == result.checksum?.algorithm else {
            throw S3Error(
                .badDigest,
                "The \(expected.algorithm.name) you specified did not match the calculated checksum.",
                [.init("CalculatedDigest", result.checksum?.text ?? "")]
            )
        }
    }
}
