import Glibc

/// Begins the program anew in the same process: the same id for a supervisor or a terminal, the same arguments.
enum Rebirth {
    private static let descriptorsMax = 1 << 20

    /// Returns only when it could not be done; then with the reason.
    static func begin() -> String {
        fflush(nil)
        // What other libraries left open is not inherited.
        let limit = min(Int(sysconf(Int32(_SC_OPEN_MAX))), descriptorsMax)
        for descriptor in 3..<Int32(max(4, limit)) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        // Signals that this thread does not take would stay untaken for ever.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        for signal in [SIGTERM, SIGINT, SIGHUP] { Glibc.signal(signal, SIG_DFL) }
        execv(ownPath, CommandLine.unsafeArgv)
        return String(cString: strerror(errno))
    }

    /// By its name where that still leads to it, so that lists of processes show it.
    private static var ownPath: String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
        return access(path, X_OK) == 0 ? path : "/proc/self/exe"
    }
}
