import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd where BUCKET/KEY`: who should hold an object, and what each of them has.
struct WhereCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "where",
        abstract: "Show who holds an object, and what each holder has of it.",
        discussion: "Each holder is asked now. Exits with 1 when holders differ or one does not answer."
    )
    @Argument(help: ArgumentHelp("The object.", valueName: "bucket/key")) var object: String
    @OptionGroup var options: ClientOptions

    func validate() throws { _ = try parts() }

    /// The bucket and the key: all behind the first slash, slashes included.
    func parts() throws -> (bucket: String, key: String) {
        guard let slash = object.firstIndex(of: "/"), slash != object.startIndex else {
            throw ValidationError("name the object as BUCKET/KEY")
        }
        let key = String(object[object.index(after: slash)...])
        guard !key.isEmpty else { throw ValidationError("name the object as BUCKET/KEY") }
        return (String(object[..<slash]), key)
    }

    func run() async throws {
        let (bucket, key) = try parts()
        let path = "cluster/where?bucket=\(ClientOptions.segment(bucket))&key=\(ClientOptions.segment(key))"
        let report = try await options.client().call(.GET, path, as: WhereReport.self)
        try options.show(report, ClusterText.holders)
        if report.whole != report.holders.count { throw ExitCode(1) }
    }
}
