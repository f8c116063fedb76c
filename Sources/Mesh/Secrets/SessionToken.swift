/// A sign-in that every node of the mesh can check by itself: who, until when, and a mark that only a member can make.
///
/// The mark is keyed BLAKE2b under the secret of a key epoch, so other meshes and nodes that were expelled cannot make
/// one. It also covers the secret of the access key: a key that is deleted, or made anew with another secret, ends its
/// sessions. Nothing is stored anywhere.
package struct SessionToken: Sendable {
    /// Who signed in.
    package enum Subject: Hashable, Sendable {
        case accessKey(String)
        /// Whoever knew the admin token of a node, by the node's name.
        case bearer(String)
    }

    /// 2,048 characters hold the longest subject twice over; longer texts are not looked at.
    package static let textBytesMax = 2_048
    private static let version: UInt8 = 1
    private static let markBytes = 32
    private static let nonceBytes = 16
    /// Version, epoch, end, nonce, kind of subject, length of subject.
    private static let fixedBytes = 1 + 4 + 8 + nonceBytes + 1 + 1
    private static let context = Array("meshd console session 1".utf8)
    private static let changeContext = Array("meshd console change 1".utf8)

    package let epoch: UInt32
    package let subject: Subject
    /// Unix seconds.
    package let endsAt: UInt64
    /// What travels: hexadecimal digits.
    package let text: String
    private let body: [UInt8]
    private let mark: [UInt8]

    /// A new token.
    /// - Parameters:
    ///   - secret: of the epoch.
    ///   - binding: the secret that the subject proved to know.
    package init(subject: Subject, endsAt: UInt64, epoch: UInt32, secret: Secret, binding: Secret) {
        let (kind, name): (UInt8, String) =
            switch subject {
            case .accessKey(let id): (0, id)
            case .bearer(let node): (1, node)
            }
        let bytes = Array(name.utf8.prefix(255))
        var body = [Self.version]
        body += withUnsafeBytes(of: epoch.bigEndian) { Array($0) }
        body += withUnsafeBytes(of: endsAt.bigEndian) { Array($0) }
        body += SecureRandom.bytes(Self.nonceBytes)
        body += [kind, UInt8(bytes.count)] + bytes
        (self.subject, self.endsAt, self.epoch, self.body) = (subject, endsAt, epoch, body)
        mark = Self.mark(Self.context, body, secret, binding)
        text = Hex.encode(body + mark)
    }

    /// What a text claims; nil when it is no token. Nothing is proven before `isGenuine`.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.textBytesMax, let bytes = Hex.decode(text.utf8),
            bytes.count >= Self.fixedBytes + Self.markBytes, bytes[0] == Self.version,
            bytes.count == Self.fixedBytes + Int(bytes[Self.fixedBytes - 1]) + Self.markBytes
        else { return nil }
        body = Array(bytes.dropLast(Self.markBytes))
        mark = Array(bytes.suffix(Self.markBytes))
        epoch = bytes[1..<5].reduce(0) { $0 << 8 | UInt32($1) }
        endsAt = bytes[5..<13].reduce(0) { $0 << 8 | UInt64($1) }
        guard let name = String(validating: body[Self.fixedBytes...], as: UTF8.self) else { return nil }
        switch bytes[Self.fixedBytes - 2] {
        case 0: subject = .accessKey(name)
        case 1: subject = .bearer(name)
        default: return nil
        }
        self.text = text
    }

    /// Whether a member of the mesh made this token for somebody who knew `binding`. Takes the same time for every
    /// wrong mark.
    package func isGenuine(secret: Secret, binding: Secret) -> Bool {
        Secret(bytes: mark).isEqual(to: Secret(bytes: Self.mark(Self.context, body, secret, binding)))
    }

    /// What a page has to repeat in a header with each change: other sites cannot read it.
    package func changeMark(secret: Secret, binding: Secret) -> String {
        Hex.encode(Self.mark(Self.changeContext, body, secret, binding))
    }

    private static func mark(_ context: [UInt8], _ body: [UInt8], _ secret: Secret, _ binding: Secret) -> [UInt8] {
        // Hashed first, so that its length says nothing and cannot run into the body.
        let bound = Blake2b.hash(context + binding.revealedBytes, bytes: markBytes, key: secret.revealedBytes)
        return Blake2b.hash(bound + body, bytes: markBytes, key: secret.revealedBytes)
    }
}
