import Glibc

@testable import Store

/// How deep randomised tests go, and the choices that they make.
enum Depth {
    /// Seeds for a randomised test: a few by default, as many as `MESHD_STORE_SEEDS` says at night.
    static func seeds(_ few: Int) -> Range<UInt64> { 0..<UInt64(number("MESHD_STORE_SEEDS") ?? few) }

    static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
}

extension Seeded {
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func chance(_ share: Double) -> Bool { Double(next() >> 11) / Double(1 << 53) < share }

    mutating func pick<Choices: RandomAccessCollection>(_ choices: Choices) -> Choices.Element {
        choices[choices.index(choices.startIndex, offsetBy: below(choices.count))]
    }

    /// Bytes that begin like no others, so that one body is never taken for another; quickly made, however many.
    mutating func body(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: next()), count: count)
        for at in 0..<min(count, 32) { bytes[at] = UInt8(truncatingIfNeeded: next()) }
        return bytes
    }

    mutating func etag() -> ETag { ETag(high: next(), low: next()) }
}

extension StoreSettings {
    /// Small files and no watermark, so that little data meets many edges.
    static var tight: StoreSettings {
        var settings = StoreSettings()
        settings.diskFreeBytesMin = 0
        settings.diskFreeBytesResume = 0
        settings.segmentBytesMax = 1 << 20
        settings.readerThreads = 2
        return settings
    }
}
