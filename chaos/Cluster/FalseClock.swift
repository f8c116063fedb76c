import FoundationEssentials
import Glibc
import NIOCore

/// The time of day of one node, which can be wrong: a small library is put before the daemon's C library and reads from a
/// mapped file how wrong it is to be.
///
/// It changes the answers to "what time is it" of the clocks that tell the time of day, and nothing else. The monotonic
/// clocks and all that waits by them stay right; a wait until a time of day would end at the wrong moment, and the daemon
/// has none. (A library that also bends `timerfd_settime` puts the timers of Dispatch off by years.)
struct FalseClock: Sendable {
    /// The library's source; the C compiler of the machine makes it for each clock.
    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        struct lie { volatile int64_t turn, offset, since, millionths; };

        static struct lie truth;
        static struct lie *lie = &truth;
        static int (*real_gettime)(clockid_t, struct timespec *);

        __attribute__((constructor)) static void begin(void) {
            real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
            const char *path = getenv("CHAOS_CLOCK");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) return;
            void *mapped = mmap(0, sizeof truth, PROT_READ, MAP_SHARED, file, 0);
            close(file);
            if (mapped != MAP_FAILED) lie = mapped;
        }

        int clock_gettime(clockid_t clock, struct timespec *out) {
            if (!real_gettime) begin();
            int result = real_gettime(clock, out);
            if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
            int64_t turn, offset, since, millionths;
            do {
                turn = lie->turn;
                __sync_synchronize();
                offset = lie->offset, since = lie->since, millionths = lie->millionths;
                __sync_synchronize();
            } while ((turn & 1) || turn != lie->turn);
            int64_t now = out->tv_sec * 1000000000LL + out->tv_nsec;
            now += offset + (now - since) / 1000000 * millionths;
            out->tv_sec = now / 1000000000LL;
            out->tv_nsec = now % 1000000000LL;
            return 0;
        }

        int gettimeofday(struct timeval *restrict out, void *restrict zone) {
            struct timespec now;
            (void)zone;
            clock_gettime(CLOCK_REALTIME, &now);
            out->tv_sec = now.tv_sec;
            out->tv_usec = now.tv_nsec / 1000;
            return 0;
        }

        time_t time(time_t *out) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME_COARSE, &now);
            if (out) *out = now.tv_sec;
            return now.tv_sec;
        }

        int timespec_get(struct timespec *out, int base) {
            return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
        }

        """

    /// Whether this machine can have false clocks.
    static var isPossible: Bool { compiler != nil }

    static let compiler = ["cc", "clang", "gcc"].lazy.compactMap(Self.program).first

    private static func program(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    private let file: String
    private let library: String

    /// Right until it is set. The library is made in `folder`, beside the file that says how wrong the clock is.
    init(folder: String, on group: any EventLoopGroup) async throws {
        guard let compiler = Self.compiler else {
            throw Errno(what: "wrong clocks need a C compiler: cc, clang or gcc", code: ENOENT)
        }
        file = "\(folder)/clock"
        library = "\(folder)/clock.so"
        let text = "\(folder)/clock.c"
        try Data(Self.source.utf8).write(to: URL(filePath: text))
        let build = [compiler, "-shared", "-fPIC", "-O2", "-o", library, text, "-ldl"]
        _ = try await Tool.must(build, output: "\(folder)/clock.log", on: group)
        try Data(count: Self.wordBytes * 4).write(to: URL(filePath: file))
    }

    var environment: [String: String] { ["LD_PRELOAD": library, "CHAOS_CLOCK": file] }

    private static let wordBytes = MemoryLayout<Int64>.size

    /// So many seconds off from this moment on; `rate` is how fast it goes.
    func set(seconds: Int, rate: Double = 1) throws {
        let descriptor = open(file, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw Errno(what: file, code: errno) }
        defer { close(descriptor) }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var turn: Int64 = 0
        guard pread(descriptor, &turn, Self.wordBytes, 0) == Self.wordBytes else {
            throw Errno(what: file, code: errno)
        }
        let since = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        let words = [Int64(seconds) * 1_000_000_000, since, Int64((rate - 1) * 1_000_000)]
        // An odd turn says that the words behind it are being written, also if that failed the last time.
        let odd = turn | 1
        try write([odd], at: 0, descriptor)
        try write(words, at: 1, descriptor)
        try write([odd + 1], at: 0, descriptor)
    }

    private func write(_ words: [Int64], at index: Int, _ descriptor: Int32) throws {
        let written = words.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, index * Self.wordBytes) }
        guard written == words.count * Self.wordBytes else { throw Errno(what: file, code: errno) }
    }

    /// Up to a quarter of an hour to and fro: beyond that clients are refused, as S3 has it, or up to a tenth too fast or
    /// too slow.
    func jump(_ variant: UInt64) throws {
        let amount = Int((variant >> 2) % 840) + 1
        switch variant & 3 {
        case 0: try set(seconds: amount)
        case 1: try set(seconds: -amount)
        case 2: try set(seconds: 0, rate: 1.1)
        default: try set(seconds: 0, rate: 0.9)
        }
    }
}
