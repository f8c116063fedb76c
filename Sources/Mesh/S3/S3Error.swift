package import NIOCore

/// What is wrong with a request, in S3's words: a code, a message and the fields that say what, where and how many.
package struct S3Error: Error, Hashable, Sendable {
    /// One extra element of the error document, such as `Region` or `ArgumentName`.
    package struct Detail: Hashable, Sendable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package var code: S3ErrorCode
    package var message: String
    /// In the order in which they are written, behind `Message`.
    package var details: [Detail]
    /// Headers that the answer carries beside the document, such as `x-amz-delete-marker`.
    package var headers: [Detail] = []

    package init(_ code: S3ErrorCode, _ message: String? = nil, _ details: [Detail] = []) {
        self.code = code
        self.message = message ?? code.message
        self.details = details
    }

    package var status: Int { code.status }

    /// `InvalidArgument` with the name and value that are wrong.
    package static func argument(_ name: String, _ value: some StringProtocol, _ message: String) -> S3Error {
        S3Error(
            .invalidArgument,
            message,
            [Detail("ArgumentName", name), Detail("ArgumentValue", String(value.prefix(256)))]
        )
    }

    /// `NotImplemented`, naming the header or query parameter that asks for it.
    package static func unsupported(_ kind: Asked, _ name: String) -> S3Error {
        S3Error(
            .notImplemented,
            "A \(kind == .header ? "header" : "query parameter") you provided implies functionality that is not "
                + "implemented: \(name)",
            [Detail(kind == .header ? "Header" : "Query", name)]
        )
    }

    package enum Asked: Sendable {
        case header
        case query
    }

    /// The error document. HEAD requests and 304 have no body: the caller leaves it out.
    package func write(into buffer: inout ByteBuffer, resource: some StringProtocol, requestID: some StringProtocol) {
        var xml = XMLWriter(&buffer)
        xml.open("Error")
        xml.element("Code", code.rawValue)
        xml.element("Message", message)
        for detail in details { xml.element(detail.name, detail.value) }
        xml.element("Resource", resource)
        xml.element("RequestId", requestID)
        xml.element("HostId", requestID)
        xml.close("Error")
        buffer = xml.finish()
    }
}
