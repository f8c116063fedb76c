import HTTPTypes
import Hummingbird
import Mesh
import NIOCore
import NIOPosix
import Store
import Synchronization

/// Node packages, made while they are downloaded.
extension AdminFace {
    /// Packages that are made at once: each holds a thread for as long as its download takes the processor.
    static let packagesMax = 2

    func addPackages(to api: RouterGroup<AdminContext>) {
        let seats = PackageSeats()
        api.post("cluster/packages") { request, _ in
            try await package(Self.body(NewPackage.self, of: request), seats)
        }
    }

    private func package(_ new: NewPackage, _ seats: PackageSeats) async throws -> Response {
        guard SettingKind.isName(new.name) else {
            throw AdminError(.badRequest, "invalid", "a node's name is \(SettingKind.name.allowed)")
        }
        if let zone = new.zone, !SettingKind.isName(zone) {
            throw AdminError(.badRequest, "invalid", "a zone is \(SettingKind.name.allowed)")
        }
        guard let format = NodePackage.Format(rawValue: new.format ?? "deb") else {
            let formats = NodePackage.Format.allCases.map(\.rawValue).joined(separator: ", ")
            throw AdminError(.badRequest, "invalid", "format is one of \(formats)")
        }
        if try await node.mesh().report().members.contains(where: { $0.name == new.name && $0.state == .alive }) {
            throw AdminError(.conflict, "name_taken", "a node that lives is called \(new.name): give another name")
        }
        let token = try await token(for: new)
        guard let seat = seats.take() else {
            throw AdminError(.conflict, "busy", "\(Self.packagesMax) packages are being made already; try again")
        }
        let stream = try await NIOThreadPool.singleton.runIfActive {
            try NodePackage(
                name: new.name,
                zone: new.zone,
                token: token,
                program: .own(),
                millis: JSON.nowMillis()
            ).stream(format)
        }
        let headers: HTTPFields = [
            .contentType: "application/octet-stream",
            .contentDisposition: "attachment; filename=\"\(stream.fileName)\"",
            .contentSecurityPolicy: "default-src 'none'; sandbox; frame-ancestors 'none'",
            .xContentTypeOptions: "nosniff", .cacheControl: "no-store",
        ]
        let body = ResponseBody(contentLength: Int(stream.byteCount)) { writer in
            defer { seat.leave() }
            while let bytes = try await NIOThreadPool.singleton.runIfActive({ try stream.next() }) {
                try await writer.write(ByteBuffer(bytes: bytes))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// The token that was given, or one that this node signs, which only the node can where the admin key is.
    private func token(for new: NewPackage) async throws -> JoinToken {
        guard let text = new.token else { return try await mint(new) }
        let token: JoinToken
        do {
            token = try JoinToken(parsing: text)
        } catch { throw MeshError.badToken(error.description) }
        guard token.meshID == (try await node.mesh().meshID()) else {
            throw AdminError(.badRequest, "bad_token", "the join token is that of another mesh")
        }
        guard !token.isExpired(at: Int64(JSON.nowMillis() / 1_000)) else {
            throw AdminError(.badRequest, "bad_token", "the join token has expired")
        }
        guard new.expires == nil, new.addresses == nil else {
            throw AdminError(.badRequest, "invalid", "a token that was made says by itself where to knock and how long")
        }
        return token
    }

    private func mint(_ new: NewPackage) async throws -> JoinToken {
        guard let millis = TokenMint.millis(of: new.expires ?? "24h") else {
            throw AdminError(.badRequest, "invalid", "expires is a duration from 1s to 90d, such as 24h")
        }
        let addresses = new.addresses ?? []
        guard TokenMint.areAddresses(addresses) else {
            throw AdminError(.badRequest, "invalid", "addresses are HOST:PORT, at most \(TokenMint.addressesMax)")
        }
        let directory = node.directory.path
        let key = try await NIOThreadPool.singleton.runIfActive {
            try MeshState.adminKey(file: MeshState.adminKeyFile(in: directory))
        }
        guard let key else {
            throw AdminError(
                .conflict,
                "no_admin_key",
                "\(node.name) does not hold the mesh's admin key: ask the node where the mesh began, or give a "
                    + "token that `meshd token create` printed"
            )
        }
        return try await TokenMint(key: key, material: material())
            .token(expiresMillis: millis, zone: new.zone, addresses: addresses)
    }
}

/// Bounds the packages that are made at the same time.
private final class PackageSeats: Sendable {
    /// Given back when it is left or nobody holds it any more, whichever comes first.
    final class Seat: Sendable {
        private let seats: PackageSeats
        private let isTaken = Mutex(true)

        init(_ seats: PackageSeats) { self.seats = seats }

        deinit { leave() }

        func leave() {
            let wasTaken = isTaken.withLock { taken in
                defer { taken = false }
                return taken
            }
            if wasTaken { seats.taken.withLock { $0 -= 1 } }
        }
    }

    private let taken = Mutex(0)

    func take() -> Seat? {
        let isFree = taken.withLock { taken in
            guard taken < AdminFace.packagesMax else { return false }
            taken += 1
            return true
        }
        return isFree ? Seat(self) : nil
    }
}
