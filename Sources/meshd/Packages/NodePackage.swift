import Mesh
import Store

/// A file that makes a bare machine a node of this mesh: the program, a configuration, a unit and a join token.
struct NodePackage: Sendable {
    enum Format: String, CaseIterable, Sendable {
        case deb
        case tarball = "tar.gz"
        case shell = "sh"
    }

    let name: String
    /// Nothing: what the token says, or the default.
    let zone: String?
    let token: JoinToken
    let program: ProgramFiles
    let millis: UInt64

    /// Reads all files once, to know how large the package will be, so it blocks.
    func stream(_ format: Format) throws(StoreError) -> PackageStream {
        switch format {
        case .deb: try deb()
        case .tarball:
            try stream([], files(under: folder), suffix: "tar.gz")
        case .shell:
            try stream([.bytes(Self.unpacker)], files(under: folder), suffix: "sh")
        }
    }

    private func stream(
        _ head: [PackageStream.Part],
        _ entries: [TarEntry],
        suffix: String
    ) throws(StoreError) -> PackageStream {
        var count = try TarStream.byteCount(entries, millis: millis)
        for case .bytes(let bytes) in head { count += UInt64(bytes.count) }
        return PackageStream(
            head + [.archive(entries)],
            fileName: "meshd-\(name)-\(Meshd.version)-\(ProgramFiles.architecture).\(suffix)",
            byteCount: count,
            millis: millis
        )
    }

    // MARK: Contents

    private var folder: String { "meshd-\(name)/" }

    /// What is installed, at its places under `root`.
    private func installed(under root: String) -> [TarEntry] {
        let folders = [
            "", "etc/", "etc/meshd/", "usr/", "usr/bin/", "usr/lib/", "usr/lib/meshd/", "usr/lib/systemd/",
            "usr/lib/systemd/system/", "usr/share/", "usr/share/doc/", "usr/share/doc/meshd/",
        ]
        return folders.map { TarEntry(root + $0, mode: 0o755, .directory) }
            + [
                TarEntry(root + "etc/meshd/meshd.toml", mode: 0o644, .bytes(Array(settings.utf8))),
                TarEntry(root + "etc/meshd/join.env", mode: 0o600, .bytes(Array("MESHD_JOIN=\(token.text)\n".utf8))),
                TarEntry(root + "usr/bin/meshd", mode: 0o777, .link(to: "../lib/meshd/meshd")),
                TarEntry(
                    root + "usr/lib/systemd/system/meshd.service",
                    mode: 0o644,
                    .bytes(PackageResources.meshd_service)
                ),
                TarEntry(root + "usr/share/doc/meshd/README", mode: 0o644, .bytes(Array(readme.utf8))),
                TarEntry(root + "usr/lib/meshd/meshd", mode: 0o755, .file(program.program)),
            ]
            + program.libraries.map { TarEntry(root + "usr/lib/meshd/" + $0.name, mode: 0o644, .file($0.file)) }
    }

    /// A folder to install from by hand.
    private func files(under folder: String) -> [TarEntry] {
        [
            TarEntry(folder, mode: 0o755, .directory),
            TarEntry(folder + "README", mode: 0o644, .bytes(Array(readme.utf8))),
            TarEntry(folder + "install.sh", mode: 0o755, .bytes(PackageResources.install_sh)),
            TarEntry(folder + "postinst", mode: 0o755, .bytes(PackageResources.postinst)),
        ] + installed(under: folder + "files/")
    }

    /// Names are of letters, digits and three signs, so that they need no quoting.
    private var settings: String {
        var lines = ["# The node \(name). `meshd config --config THIS` shows all settings and what they mean."]
        lines.append("name         = \"\(name)\"")
        if let zone { lines.append("zone         = \"\(zone)\"") }
        lines += [
            "data-dir     = \"/var/lib/meshd\"", "s3-listen    = \"0.0.0.0:9000\"",
            "admin-listen = \"127.0.0.1:9001\"", "mesh-listen  = \"0.0.0.0:9002\"",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private var readme: String {
        let values = [
            "VERSION": Meshd.version, "NAME": name, "MADE": JSON.date(millis: millis),
            "ARCHITECTURE": ProgramFiles.architecture, "GLIBC": program.glibc,
            "EXPIRES": JSON.date(millis: UInt64(max(0, token.expiresAt)) * 1_000),
            "DEPENDS": program.dependencies.joined(separator: ", "),
            "ADDRESSES": token.addresses.map(\.description).joined(separator: " or "),
        ]
        return values.reduce(String(decoding: PackageResources.node_readme_txt, as: UTF8.self)) { text, value in
            text.replacing("@\(value.key)@", with: value.value)
        }
    }

    /// The script before the archive: it knows where the archive begins, which is after itself.
    private static var unpacker: [UInt8] {
        let text = String(decoding: PackageResources.unpack_sh, as: UTF8.self)
        // The number is as long as its place, so that putting it in moves nothing.
        let place = "@OFFSET@"
        let number = String(text.utf8.count + 1)
        let padded = String(repeating: "0", count: place.utf8.count - number.utf8.count) + number
        return Array(text.replacing(place, with: padded).utf8)
    }

    // MARK: Debian

    private func deb() throws(StoreError) -> PackageStream {
        let data = installed(under: "./")
        let control = try TarStream.whole(
            [
                TarEntry("./", mode: 0o755, .directory),
                TarEntry("./control", mode: 0o644, .bytes(Array(self.control(data).utf8))),
                TarEntry("./conffiles", mode: 0o644, .bytes(Array("/etc/meshd/meshd.toml\n".utf8))),
                TarEntry("./postinst", mode: 0o755, .bytes(PackageResources.postinst)),
                TarEntry("./prerm", mode: 0o755, .bytes(PackageResources.prerm)),
            ],
            millis: millis
        )
        let dataBytes = try TarStream.byteCount(data, millis: millis)
        let head =
            Array("!<arch>\n".utf8) + member("debian-binary", 4) + Array("2.0\n".utf8)
            + member("control.tar.gz", UInt64(control.count)) + control + Self.evening(UInt64(control.count))
            + member("data.tar.gz", dataBytes)
        let tail = Self.evening(dataBytes)
        return PackageStream(
            [.bytes(head), .archive(data)] + (tail.isEmpty ? [] : [.bytes(tail)]),
            fileName: "meshd-\(name)_\(Meshd.version)_\(ProgramFiles.architecture).deb",
            byteCount: UInt64(head.count) + dataBytes + UInt64(tail.count),
            millis: millis
        )
    }

    private func control(_ data: [TarEntry]) -> String {
        let kibibytes = (data.reduce(0) { $0 + $1.byteCount } + 1_023) / 1_024
        return """
            Package: meshd
            Version: \(Meshd.version)
            Architecture: \(ProgramFiles.architecture)
            Maintainer: the operator of this mesh <root@localhost>
            Installed-Size: \(kibibytes)
            Depends: \(program.dependencies.joined(separator: ", "))
            Section: net
            Priority: optional
            Description: S3 object store, as the node \(name) of a mesh
             Starts a node that joins the mesh which made this package. It holds a join token:
             until \(JSON.date(millis: UInt64(max(0, token.expiresAt)) * 1_000)) it is a secret.

            """
    }

    /// The head of a member of an ar archive.
    private func member(_ name: String, _ bytes: UInt64) -> [UInt8] {
        func field(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: width - text.utf8.count)
        }
        return Array(
            (field(name, 16) + field(String(millis / 1_000), 12) + field("0", 6) + field("0", 6) + field("100644", 8)
                + field(String(bytes), 10) + "`\n").utf8
        )
    }

    /// Members of an ar archive begin at even places.
    private static func evening(_ bytes: UInt64) -> [UInt8] { bytes % 2 == 0 ? [] : [0x0A] }
}
