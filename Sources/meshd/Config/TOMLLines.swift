/// Finds the line of a top-level key in a TOML file, for error messages: the parser keeps positions of its own errors only.
struct TOMLLines {
    private let lines: [Substring]

    init(_ text: String) {
        self.lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    }

    /// The line (from 1) where `key` is set or its table begins; 1 when it is written in a way that is not recognised.
    func line(of key: String) -> Int {
        for (index, line) in lines.enumerated() {
            let rest = line.drop { $0 == " " || $0 == "\t" || $0 == "[" }
            for spelling in [key, "\"\(key)\"", "'\(key)'"] where rest.hasPrefix(spelling) {
                let next = rest.dropFirst(spelling.count).first { $0 != " " && $0 != "\t" }
                if next == "=" || next == "." || next == "]" { return index + 1 }
            }
        }
        return 1
    }
}
