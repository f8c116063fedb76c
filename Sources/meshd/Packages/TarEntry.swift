import Store

/// One member of a tar archive, owned by root.
struct TarEntry: Sendable {
    enum Content: Sendable {
        case directory
        case link(to: String)
        case bytes([UInt8])
        case file(SourceFile)
    }

    /// What ustar's header has room for; all paths here are far shorter.
    private static let pathBytesMax = 100
    static let blockBytes = 512

    let path: String
    let mode: UInt32
    let content: Content

    init(_ path: String, mode: UInt32, _ content: Content) {
        precondition(path.utf8.count <= Self.pathBytesMax)
        self.path = path
        self.mode = mode
        self.content = content
    }

    var byteCount: UInt64 {
        switch content {
        case .directory, .link: 0
        case .bytes(let bytes): UInt64(bytes.count)
        case .file(let file): file.byteCount
        }
    }

    /// The block before the bytes, as POSIX's ustar has it.
    func header(millis: UInt64) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockBytes)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        func octal(_ number: UInt64, digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(path, at: 0)
        put(octal(UInt64(mode), digits: 7), at: 100)
        put(octal(0, digits: 7), at: 108)
        put(octal(0, digits: 7), at: 116)
        // Eleven octal digits: 8 GiB, far above any program.
        put(octal(byteCount, digits: 11), at: 124)
        put(octal(millis / 1_000, digits: 11), at: 136)
        switch content {
        case .bytes, .file: put("0", at: 156)
        case .directory: put("5", at: 156)
        case .link(let target):
            put("2", at: 156)
            precondition(target.utf8.count <= Self.pathBytesMax)
            put(target, at: 157)
        }
        put("ustar\u{0}00", at: 257)
        put("root", at: 265)
        put("root", at: 297)
        // The sum is taken with its own field full of spaces.
        put("        ", at: 148)
        let sum = block.reduce(UInt64(0)) { $0 + UInt64($1) }
        put(octal(sum, digits: 6) + "\u{0} ", at: 148)
        return block
    }
}
