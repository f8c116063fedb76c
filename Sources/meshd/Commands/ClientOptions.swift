import ArgumentParser
import Foundation
import Mesh
import Store

/// How a command finds the node it talks to, and how it answers.
struct ClientOptions: ParsableArguments {
    @Option(help: "The data directory of a node on this machine (also MESHD_DATA_DIR; default: data).")
    var dataDir: String?
    @Option(help: "The URL of a node's admin port; the token comes from MESHD_ADMIN_TOKEN.")
    var admin: String?
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if dataDir != nil && admin != nil { throw ValidationError("give --data-dir or --admin, not both") }
    }

    func client() throws -> AdminClient {
        let environment = processEnvironment()
        if let admin { return try Self.client(url: admin, environment: environment) }
        let directory = directory()
        guard let token = try directory.readAdminToken() else {
            throw CommandFailure(
                "\(directory.path) is not the data directory of a node that was ever started",
                isDown: true
            )
        }
        if SmallFile.exists(directory.adminSocket) {
            return AdminClient(road: .socketFile(directory.adminSocket), token: token)
        }
        guard let bytes = try SmallFile.read(directory.endpointsFile),
            let endpoints = try? JSON.value(Endpoints.self, from: bytes), let address = ListenAddress(endpoints.admin)
        else { throw CommandFailure("no node runs on \(directory.path)", isDown: true) }
        let shield = try endpoints.adminCertificate.map { text in
            guard let der = Data(base64Encoded: text) else {
                throw CommandFailure("\(directory.endpointsFile) holds no certificate where one should be")
            }
            return AdminClient.Shield.pinned(Array(der))
        }
        return AdminClient(road: .tcp(host: address.host, port: address.port, shield ?? .none), token: token)
    }

    /// The data directory that is meant when no URL is given.
    func directory() -> DataDirectory {
        DataDirectory(path: dataDir ?? processEnvironment()["MESHD_DATA_DIR"] ?? "data")
    }

    private static func client(url: String, environment: [String: String]) throws -> AdminClient {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
            parts.scheme == "http" || parts.scheme == "https", parts.path.isEmpty || parts.path == "/"
        else { throw ValidationError("--admin takes a URL such as http://127.0.0.1:9001") }
        guard let token = environment["MESHD_ADMIN_TOKEN"], !token.isEmpty else {
            throw ValidationError("--admin needs the token of the node in MESHD_ADMIN_TOKEN")
        }
        let isTLS = parts.scheme == "https"
        let plain = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        let port = parts.port ?? (isTLS ? 443 : 80)
        return AdminClient(road: .tcp(host: plain, port: port, isTLS ? .tls : .none), token: Secret(token))
    }

    /// Prints JSON or, for people, what `text` makes of the answer.
    func show<Value: Encodable>(_ value: Value, _ text: (Value) -> String) throws {
        print(json ? try JSON.text(value) : text(value))
    }

    /// A name as one segment of a path.
    static func segment(_ name: String) -> String {
        name.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._~")))
            ?? ""
    }
}
