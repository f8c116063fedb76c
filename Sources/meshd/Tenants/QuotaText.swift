import ArgumentParser

/// A number of bytes with a unit, as in the configuration.
struct ByteCount: ExpressibleByArgument {
    let value: UInt64

    init?(argument: String) {
        guard let value = SettingKind.bytes(of: argument), value > 0 else { return nil }
        self.value = value
    }
}

/// Limits as they are written on the command line, and shown.
enum QuotaText {
    /// `3.1 MiB of 10 MiB`, or what is used where there is no limit; `about` when some node did not say.
    static func bytes(_ used: UInt64, of limit: UInt64?, isComplete: Bool) -> String {
        text(Spans.bytes(used), of: limit.map(Spans.bytes), isComplete)
    }

    static func count(_ used: UInt64, of limit: UInt64?, isComplete: Bool = true) -> String {
        text("\(used)", of: limit.map { "\($0)" }, isComplete)
    }

    private static func text(_ used: String, of limit: String?, _ isComplete: Bool) -> String {
        (isComplete ? "" : "about ") + used + (limit.map { " of \($0)" } ?? "")
    }
}
