import ArgumentParser
import Mesh
import NIOHTTP1
import Store

/// `meshd doctor`: reads and verifies all that a data directory holds. While a node runs on it, the node does it.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check every row and every byte of a data directory.",
        discussion: "Exits with 1 when something is damaged; warnings and notes alone are no damage."
    )
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let answer = try await examine()
        try options.show(answer, Self.text)
        if !answer.sound { throw ExitCode(1) }
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
        return try await options.client().call(.POST, "doctor", as: DoctorAnswer.self)
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
        return lines.joined(separator: "\n")
    }
}
