import Foundation

/// One environment variable: the depth of the randomised tests, and whether the bars are measured.
func environment(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name]
}

/// Prints at once, so that a long table is not lost when its run is cut short.
func say(_ line: String) {
    print(line)
    fflush(nil)
}

/// Lets tests go on that wait for a clock: a simulation computes for minutes, and would keep its thread to itself.
func breathe() async { await Task.yield() }
