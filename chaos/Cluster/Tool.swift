import FoundationEssentials
import NIOCore

/// Runs a program to its end and keeps what it said.
enum Tool {
    struct Answer: Sendable {
        let exit: ChildProcess.Exit
        /// Both kinds of output, in the order they came.
        let text: String

        var isYes: Bool { exit == .code(0) }
    }

    struct Failure: Error, CustomStringConvertible {
        let arguments: [String]
        let answer: Answer

        var description: String { "\(arguments.joined(separator: " ")): \(answer.exit)\n\(answer.text)" }
    }

    /// `output` is a file of the caller's, written anew.
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        output: String,
        on group: any EventLoopGroup
    ) async throws -> Answer {
        try? FileManager.default.removeItem(atPath: output)
        let process = try await ChildProcess.start(
            arguments,
            environment: environment,
            output: output,
            on: group.next()
        )
        let exit = try await process.wait()
        let text = FileManager.default.contents(atPath: output).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return Answer(exit: exit, text: text)
    }

    /// The same for a program that must say yes.
    static func must(
        _ arguments: [String],
        environment: [String: String] = [:],
        output: String,
        on group: any EventLoopGroup
    ) async throws -> String {
        let answer = try await run(arguments, environment: environment, output: output, on: group)
        guard answer.isYes else { throw Failure(arguments: arguments, answer: answer) }
        return answer.text
    }
}
