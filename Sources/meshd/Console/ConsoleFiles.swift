import HTTPTypes
import Hummingbird
import Mesh
import NIOCore

/// The console's pages, which are part of the program: no other file is read, and no other site is asked.
enum ConsoleFiles {
    struct File: Sendable {
        let type: String
        let etag: String
        let bytes: ByteBuffer

        init(_ bytes: [UInt8], _ type: String) {
            self.type = type
            self.bytes = ByteBuffer(bytes: bytes)
            etag = "\"" + Hex.encode(Blake2b.hash(bytes, bytes: 16)) + "\""
        }
    }

    private static let script = "text/javascript; charset=utf-8"

    static let index = File(PackageResources.index_html, "text/html; charset=utf-8")
    static let files: [String: File] = [
        "console.css": File(PackageResources.console_css, "text/css; charset=utf-8"),
        "icon.svg": File(PackageResources.icon_svg, "image/svg+xml"),
        "main.js": File(PackageResources.main_js, script),
        "api.js": File(PackageResources.api_js, script),
        "dom.js": File(PackageResources.dom_js, script),
        "words.js": File(PackageResources.words_js, script),
        "charts.js": File(PackageResources.charts_js, script),
        "dashboard.js": File(PackageResources.dashboard_js, script),
        "tests.js": File(PackageResources.tests_js, script),
        "ring.js": File(PackageResources.ring_js, script),
        "nodes.js": File(PackageResources.nodes_js, script),
        "orders.js": File(PackageResources.orders_js, script),
        "shrink.js": File(PackageResources.shrink_js, script),
        "storage.js": File(PackageResources.storage_js, script),
        "places.js": File(PackageResources.places_js, script),
        "replication.js": File(PackageResources.replication_js, script),
        "objects.js": File(PackageResources.objects_js, script),
        "keys.js": File(PackageResources.keys_js, script),
        "quotas.js": File(PackageResources.quotas_js, script),
        "tenants.js": File(PackageResources.tenants_js, script),
        "versions.js": File(PackageResources.versions_js, script),
        "events.js": File(PackageResources.events_js, script),
        "movements.js": File(PackageResources.movements_js, script),
        "wizard.js": File(PackageResources.wizard_js, script),
    ]

    /// Only this node's files run and are shown, nobody frames them, and nobody is told of them.
    private static let policy: [(HTTPField.Name?, String)] = [
        (
            .contentSecurityPolicy,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        (.xContentTypeOptions, "nosniff"),
        (HTTPField.Name("X-Frame-Options"), "DENY"),
        (HTTPField.Name("Referrer-Policy"), "no-referrer"),
        (HTTPField.Name("Cross-Origin-Opener-Policy"), "same-origin"),
        (HTTPField.Name("Cross-Origin-Resource-Policy"), "same-origin"),
        (HTTPField.Name("Permissions-Policy"), "camera=(), geolocation=(), microphone=()"),
    ]

    static func add(to router: Router<AdminContext>) {
        router.get("/") { _, _ in Response(status: .temporaryRedirect, headers: [.location: "/console/"]) }
        router.get("console") { request, _ in answer(index, to: request) }
        router.get("console/:file") { request, context in
            guard let file = files[try context.parameters.require("file")] else {
                throw AdminError(.notFound, "no_such_file", "the console has no such file")
            }
            return answer(file, to: request)
        }
    }

    private static func answer(_ file: File, to request: Request) -> Response {
        // A new version of the program has new files: browsers ask each time, and mostly hear that nothing changed.
        var headers: HTTPFields = [.eTag: file.etag, .cacheControl: "no-cache"]
        for case (let name?, let value) in policy { headers[name] = value }
        guard request.headers[.ifNoneMatch] != file.etag else {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = file.type
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: file.bytes))
    }
}
