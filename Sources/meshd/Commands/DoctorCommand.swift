import ArgumentParser
import Mesh
import NIOHTTP1
import Store

/// `meshd doctor`: reads and verifies all that a data directory holds. While a node runs on it, the node does it.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check every row and every byte of a data directory, and the mesh when its node runs.",
        discussion: "Exits with 1 when something is damaged or wrong; warnings and notes alone are neither."
    )
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let answer = try await examine()
        try options.show(answer, Self.text)
        let isIll = answer.mesh?.contains { $0.status == .error } ?? false
        if !answer.sound || isIll { throw ExitCode(1) }
    }

    private func examine() async throws -> DoctorAnswer {
        if options.admin == nil {
            let directory = options.directory()
            do {
                return DoctorAnswer(try Doctor.examine(directory.path))
            } catch StoreError.unusable(let reason) {
                // A node that runs there has left word where it listens.
                guard SmallFile.exists(directory.endpointsFile) else { throw CommandFailure(reason) }
            } catch StoreError.io(let what) {
                throw CommandFailure("the data directory cannot be examined: \(what)")
            }
        }
        let client = try options.client()
        var answer = try await client.call(.POST, "doctor", as: DoctorAnswer.self)
        answer.mesh = try await client.call(.GET, "mesh/doctor", as: DiagnosesAnswer.self).diagnoses
        return answer
    }

    private static func text(_ answer: DoctorAnswer) -> String {
        var lines = answer.findings.map { "\($0.severity): \($0.what)" }
        let unlisted = answer.errors + answer.warnings + answer.notes - answer.findings.count
        if unlisted > 0 { lines.append("\(unlisted) more findings are not listed.") }
        lines.append(
            "Examined \(answer.versions) versions of \(answer.logicalBytes) bytes, \(answer.bodies) bodies, "
                + "\(answer.chunks) chunks of \(answer.chunkBytes) bytes in \(answer.segments) segments."
        )
        lines.append(
            answer.sound
                ? "Everything that should be here is here and whole (\(answer.warnings) warnings)."
                : "There is damage: \(answer.errors) errors, \(answer.warnings) warnings."
        )
        if let mesh = answer.mesh {
            let rows = mesh.map { [$0.check, $0.status.rawValue, $0.message] }
            lines.append("\n" + Table.text(header: ["MESH", "STATUS", "MESSAGE"], rows: rows))
        }
        return lines.joined(separator: "\n")
    }
}
