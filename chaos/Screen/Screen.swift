import Glibc
import Synchronization

/// Standard output: lines that stay and, on a terminal, one last line that is written over and over.
enum Screen {
    private static let live = Mutex("")

    /// Whether somebody looks at a terminal that can write over a line.
    static let isTerminal = isatty(STDOUT_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"

    /// Prints a line above the one that is written over.
    static func say(_ line: String) {
        live.withLock { live in
            clear(live)
            print(line)
            if !live.isEmpty { print(live, terminator: "") }
            fflush(nil)
        }
    }

    /// Writes the last line anew; without a terminal nothing happens. An empty text takes it away.
    static func show(_ text: String) {
        guard isTerminal else { return }
        live.withLock { live in
            clear(live)
            live = String(text.prefix(columns - 1))
            print(live, terminator: "")
            fflush(nil)
        }
    }

    private static func clear(_ live: String) {
        if !live.isEmpty { print("\r\u{1B}[K", terminator: "") }
    }

    /// How wide the terminal is; a line that wraps could not be written over.
    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
        return Int(size.ws_col)
    }
}

/// Prints a line at once: a run that dies must not take its last words with it, also when they go to a file.
func say(_ line: String) { Screen.say(line) }
