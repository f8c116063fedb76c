import Foundation

/// One environment variable: the depth of the randomised tests, and whether the bars are measured.
func environment(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name]
}
