// swift-tools-version: 6.2
import PackageDescription

/// One set of compiler rules for every Swift target: the strictest mode, and a warning is an error.
let rules: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "meshd",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "meshd", targets: ["meshd"]),
        .executable(name: "chaos", targets: ["chaos"]),
    ],
    dependencies: [
        // HTTP server and router of the S3 face and the admin API, with TLS.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.20.0"),
        // Event loops, ByteBuffer: bytes on the move.
        .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
        // TLS for the HTTP faces.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        // The command line.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.6.0"),
        // Log lines.
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        // Start, graceful stop and signals.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
        // Requests to the S3 stores that rules send to. Hummingbird's tests bring it along.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
        // HTTP field names and request values shared with Hummingbird.
        .package(url: "https://github.com/apple/swift-http-types", from: "1.4.0"),
        // TOML configuration files, with source lines for errors.
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        // The documentation catalogue, built by `make docs`.
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"),
    ],
    targets: [
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        // glibc's knobs for its allocator; Swift's own module leaves this header out.
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),

        .target(name: "Swim", swiftSettings: rules),
        .target(
            name: "Store",
            dependencies: ["CSQLite", "CXXHash", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: rules
        ),
        .target(
            name: "Mesh",
            dependencies: [
                "Swim", "Store", "CSodium", "CCrypto", "CISAL",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: rules
        ),
        .executableTarget(
            name: "meshd",
            dependencies: [
                "Mesh", "Swim", "Store", "CMalloc",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            // The console's pages and the small files of node packages are bytes of the program: one file to copy,
            // nothing to find at run time.
            resources: [.embedInCode("Console/Web"), .embedInCode("Packages/Parts")],
            swiftSettings: rules
        ),
        .executableTarget(
            name: "chaos",
            dependencies: [
                "Mesh",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "chaos",
            swiftSettings: rules
        ),

        .testTarget(name: "SwimTests", dependencies: ["Swim"], swiftSettings: rules),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Swim", "Store", "Mesh", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: rules
        ),
        .testTarget(name: "StoreTests", dependencies: ["Store"], swiftSettings: rules),
        .testTarget(
            name: "MeshTests",
            dependencies: [
                "Mesh", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: rules
        ),
        .testTarget(
            name: "meshdTests",
            dependencies: [
                "meshd", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: rules
        ),
        .testTarget(
            name: "chaosTests",
            dependencies: [
                "chaos", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: rules
        ),
        .testTarget(name: "TidyTests", swiftSettings: rules),
    ]
)
