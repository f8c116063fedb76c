import FoundationEssentials
import Glibc

/// The time of day of one node, which can be wrong: libfaketime is put before the daemon's C library, and reads how wrong
/// from a file. The monotonic clock stays right.
struct FalseClock: Sendable {
    /// Debian's package `libfaketime` has it here.
    private static let libraries = ["x86_64", "aarch64"].map {
        "/usr/lib/\($0)-linux-gnu/faketime/libfaketimeMT.so.1"
    }

    static var library: String? { libraries.first { access($0, R_OK) == 0 } }

    private let file: String
    private let library: String

    /// Right until it is set.
    init(folder: String) throws {
        guard let library = Self.library else {
            throw Errno(what: "wrong clocks need the package libfaketime", code: ENOENT)
        }
        self.library = library
        file = "\(folder)/clock"
        try set(seconds: 0)
    }

    var environment: [String: String] {
        [
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
        ]
    }

    /// So many seconds off from now on, or within a second; `rate` is how fast it goes.
    func set(seconds: Int, rate: Double = 1) throws {
        let sign = seconds < 0 ? "" : "+"
        let text = rate == 1 ? "\(sign)\(seconds)\n" : "\(sign)\(seconds) x\(rate)\n"
        try Data(text.utf8).write(to: URL(filePath: file), options: .atomic)
    }

    /// Up to a quarter of an hour to and fro: beyond that clients are refused, as S3 has it, or up to a tenth too fast or too slow.
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
