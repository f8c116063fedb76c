import Foundation

/// The repository's own sources, read as text.
struct SourceTree {
    struct File {
        /// Relative to the repository: `Sources/Store/Key.swift`.
        let path: String
        let lines: [Substring]

        /// Lines of code that begin an import, as the module's name.
        var imports: [String] {
            lines.compactMap { line in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index + 1 < words.count, index <= 2,
                    words[..<index].allSatisfy({ $0.hasPrefix("@") || ["package", "internal", "private"].contains($0) })
                else { return nil }
                let isKind = ["struct", "class", "enum", "func", "protocol", "var", "typealias"]
                    .contains(String(words[index + 1]))
                let name = isKind && index + 2 < words.count ? words[index + 2] : words[index + 1]
                return String(name.split(separator: ".")[0])
            }
        }

        /// Lines with comments and string literals taken out, as far as a line tells.
        var code: [String] {
            lines.map { line in
                var rest = String(line)
                if let comment = rest.range(of: "//") { rest = String(rest[..<comment.lowerBound]) }
                return rest.replacing(/"[^"]*"/, with: "\"\"")
            }
        }
    }

    let files: [File]
    /// The pages of the documentation, the README among them, by name.
    let pages: [String: String]

    static let shared = SourceTree()

    init() {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let book = root.appendingPathComponent("Sources/Mesh/Mesh.docc")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: book.path)) ?? []
        var pages: [String: String] = [:]
        for name in names.filter({ $0.hasSuffix(".md") }) {
            pages[name] = try? String(contentsOf: book.appendingPathComponent(name), encoding: .utf8)
        }
        pages["README.md"] = try? String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        self.pages = pages
        var files: [File] = []
        for folder in ["Sources", "Tests", "chaos"] {
            let base = root.appendingPathComponent(folder)
            let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            for name in names.sorted() where name.hasSuffix(".swift") {
                guard let text = try? String(contentsOf: base.appendingPathComponent(name), encoding: .utf8) else {
                    continue
                }
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                files.append(File(path: folder + "/" + name, lines: lines))
            }
        }
        self.files = files
    }

    func under(_ prefixes: String...) -> [File] {
        files.filter { file in prefixes.contains { file.path.hasPrefix($0) } }
    }

    func notUnder(_ prefixes: String...) -> [File] {
        files.filter { file in !prefixes.contains { file.path.hasPrefix($0) } }
    }
}
