import Glibc
import Mesh
import Store

/// What a program needs in order to run on another machine: itself, the libraries that Debian does not have, and the
/// names of the packages with those that it has.
struct ProgramFiles: Sendable {
    struct Library: Sendable {
        let name: String
        let file: SourceFile
    }

    let program: SourceFile
    /// They lie beside the program, where it looks for them.
    let libraries: [Library]
    /// As in a Debian package's `Depends`.
    let dependencies: [String]
    let glibc: String

    /// Libraries of Debian that this program is linked with. What is not here is carried along.
    private static let packages: [(library: String, package: String)] = [
        ("libsodium.so.23", "libsodium23"), ("libcrypto.so.3", "libssl3"), ("libssl.so.3", "libssl3"),
        ("libisal.so.2", "libisal2"), ("libsqlite3.so.0", "libsqlite3-0"), ("libxxhash.so.0", "libxxhash0"),
        ("libstdc++.so.6", "libstdc++6"), ("libgcc_s.so.1", "libgcc-s1"), ("libz.so.1", "zlib1g"),
    ]
    /// Parts of the C library, and what it loads by itself.
    private static let system = [
        "ld-linux", "libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so", "libresolv.so", "libnss_",
    ]

    #if arch(x86_64)
        static let architecture = "amd64"
    #elseif arch(arm64)
        static let architecture = "arm64"
    #else
        #error("Debian's name of this architecture is not known here")
    #endif

    /// The files of the program that runs. Blocks.
    static func own() throws(StoreError) -> ProgramFiles {
        let maps = try SmallFile.read("/proc/self/maps", bytesMax: 16 << 20) ?? []
        let glibc = glibcVersion()
        // Newer than needed is a clear refusal of dpkg; older would be a riddle at the first start.
        var needed: Set<String> = ["libc6 (>= \(glibc))", "passwd"]
        var libraries: [Library] = []
        for (name, path) in loaded(in: String(decoding: maps, as: UTF8.self)) {
            guard !system.contains(where: name.hasPrefix) else { continue }
            if let known = packages.first(where: { $0.library == name }) {
                needed.insert(known.package)
            } else {
                libraries.append(Library(name: name, file: try SourceFile(path)))
            }
        }
        return ProgramFiles(
            program: try SourceFile("/proc/self/exe"),
            libraries: libraries,
            dependencies: needed.sorted(),
            glibc: glibc
        )
    }

    /// `2.36`: what the C library here says of itself.
    private static func glibcVersion() -> String {
        var text = [CChar](repeating: 0, count: 64)
        _ = confstr(Int32(_CS_GNU_LIBC_VERSION), &text, text.count)
        let words = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return words.split(separator: " ").last.map(String.init) ?? ""
    }

    /// Libraries in a list of mappings, by the names that programs ask for them with.
    static func loaded(in maps: String) -> [(name: String, path: String)] {
        var seen: [String: String] = [:]
        for line in maps.split(separator: "\n") {
            // Address, rights, offset, device, inode; then the path, which may hold spaces.
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard fields.count == 6, let path = fields.last?.drop(while: { $0 == " " }), path.hasPrefix("/"),
                let file = path.split(separator: "/").last, let end = file.firstRange(of: ".so")?.upperBound
            else { continue }
            let rest = file[end...]
            guard rest.isEmpty || rest.hasPrefix(".") else { continue }
            // libsodium.so.23.3.0 is asked for as libsodium.so.23.
            let major = rest.dropFirst().prefix { $0 != "." }
            seen[file[..<end] + (major.isEmpty ? "" : "." + major)] = String(path)
        }
        return seen.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    }
}
