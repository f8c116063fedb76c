package import NIOCore

/// Times as S3 and HTTP spell them, read and written without locale, calendar or Foundation. Always UTC.
package enum S3Date {
    struct Civil {
        var year: Int
        var month: Int
        var day: Int
        var hour: Int
        var minute: Int
        var second: Int
        /// 0 is Sunday.
        var weekday: Int
    }

    private static let weekdays = Array("SunMonTueWedThuFriSat".utf8)
    private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)

    /// 9999-12-31T23:59:59Z, the last second that four digits can name.
    static let secondsMax: UInt64 = 253_402_300_799

    /// Days since 1970 to a date (Howard Hinnant's `civil_from_days`).
    static func civil(seconds: UInt64) -> Civil {
        let seconds = min(seconds, secondsMax)
        let days = Int(seconds / 86_400)
        let rest = Int(seconds % 86_400)
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthShifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthShifted + 2) / 5 + 1
        let month = monthShifted < 10 ? monthShifted + 3 : monthShifted - 9
        return Civil(
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
            month: month,
            day: day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (days + 4) % 7
        )
    }

    /// A date to seconds since 1970; nil if it is not in the calendar or lies before 1970.
    static func seconds(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int) -> UInt64? {
        guard (1970...9999).contains(year), (1...12).contains(month), day >= 1, hour <= 23, minute <= 59, second <= 60
        else { return nil }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        // Months alternate, and begin anew with August.
        let length = month == 2 ? (leap ? 29 : 28) : 30 + ((month + month / 8) & 1)
        guard day <= length else { return nil }
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return UInt64(days * 86_400 + hour * 3600 + minute * 60 + min(second, 59))
    }

    // MARK: Writing

    /// `2026-01-02T03:04:05.678Z`
    package static func writeISO(millis: UInt64, into buffer: inout ByteBuffer) {
        let date = civil(seconds: millis / 1000)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 24) { out in
            put(date.year, 4, out, 0)
            out[4] = UInt8(ascii: "-")
            put(date.month, 2, out, 5)
            out[7] = UInt8(ascii: "-")
            put(date.day, 2, out, 8)
            out[10] = UInt8(ascii: "T")
            put(date.hour, 2, out, 11)
            out[13] = UInt8(ascii: ":")
            put(date.minute, 2, out, 14)
            out[16] = UInt8(ascii: ":")
            put(date.second, 2, out, 17)
            out[19] = UInt8(ascii: ".")
            put(Int(millis % 1000), 3, out, 20)
            out[23] = UInt8(ascii: "Z")
            return 24
        }
    }

    package static func iso(millis: UInt64) -> String {
        var buffer = ByteBuffer()
        writeISO(millis: millis, into: &buffer)
        return String(buffer: buffer)
    }

    /// `20260102T030405Z`, as signatures carry it.
    package static func basic(seconds: UInt64) -> String {
        let date = civil(seconds: seconds)
        return String(unsafeUninitializedCapacity: 16) { text in
            let out = UnsafeMutableRawBufferPointer(text)
            put(date.year, 4, out, 0)
            put(date.month, 2, out, 4)
            put(date.day, 2, out, 6)
            out[8] = UInt8(ascii: "T")
            put(date.hour, 2, out, 9)
            put(date.minute, 2, out, 11)
            put(date.second, 2, out, 13)
            out[15] = UInt8(ascii: "Z")
            return 16
        }
    }

    /// `Fri, 02 Jan 2026 03:04:05 GMT`, as HTTP headers carry it.
    package static func http(seconds: UInt64) -> String {
        let date = civil(seconds: seconds)
        return String(unsafeUninitializedCapacity: 29) { text in
            let out = UnsafeMutableRawBufferPointer(text)
            for index in 0..<3 {
                out[index] = weekdays[date.weekday * 3 + index]
                out[8 + index] = months[date.month * 3 - 3 + index]
            }
            out[3] = UInt8(ascii: ",")
            for blank in [4, 7, 11, 16, 25] { out[blank] = UInt8(ascii: " ") }
            put(date.day, 2, out, 5)
            put(date.year, 4, out, 12)
            put(date.hour, 2, out, 17)
            out[19] = UInt8(ascii: ":")
            put(date.minute, 2, out, 20)
            out[22] = UInt8(ascii: ":")
            put(date.second, 2, out, 23)
            for (index, byte) in "GMT".utf8.enumerated() { out[26 + index] = byte }
            return 29
        }
    }

    private static func put(_ value: Int, _ digits: Int, _ out: UnsafeMutableRawBufferPointer, _ at: Int) {
        var value = value
        for index in stride(from: at + digits - 1, through: at, by: -1) {
            out[index] = UInt8(ascii: "0") + UInt8(value % 10)
            value /= 10
        }
    }

    // MARK: Reading

    /// `20260102T030405Z` to seconds since 1970.
    package static func parseBasic(_ text: some Collection<UInt8>) -> UInt64? {
        let fast = text.withContiguousStorageIfAvailable { parseBasic($0) }
        if let fast { return fast }
        var scan = Scan(text)
        guard let year = scan.number(4), let month = scan.number(2), let day = scan.number(2), scan.skip("T"),
            let hour = scan.number(2), let minute = scan.number(2), let second = scan.number(2), scan.skip("Z"),
            scan.isAtEnd
        else { return nil }
        return seconds(year, month, day, hour, minute, second)
    }

    /// The same without a copy: every signed request brings one.
    private static func parseBasic(_ text: UnsafeBufferPointer<UInt8>) -> UInt64? {
        guard text.count == 16, text[8] == UInt8(ascii: "T"), text[15] == UInt8(ascii: "Z") else { return nil }
        var valid = true
        let pair = { (at: Int) -> Int in
            valid = valid && ASCII.isDigit(text[at]) && ASCII.isDigit(text[at + 1])
            return Int(text[at] &- 48) * 10 + Int(text[at + 1] &- 48)
        }
        let found = seconds(pair(0) * 100 + pair(2), pair(4), pair(6), pair(9), pair(11), pair(13))
        return valid ? found : nil
    }

    /// The three forms of RFC 9110: IMF-fixdate, RFC 850 and asctime. Seconds since 1970.
    package static func parseHTTP(_ text: some Collection<UInt8>) -> UInt64? {
        guard let comma = text.firstIndex(of: UInt8(ascii: ",")) else { return parseAsctime(text) }
        guard (3...9).contains(text.distance(from: text.startIndex, to: comma)) else { return nil }
        var scan = Scan(text[text.index(after: comma)...])
        guard scan.skip(" "), let day = scan.number(2) else { return nil }
        let old = scan.skip("-")
        guard old || scan.skip(" "), let month = scan.month(months), scan.skip(old ? "-" : " "),
            var year = scan.number(old ? 2 : 4)
        else { return nil }
        if old { year += year < 70 ? 2000 : 1900 }
        guard scan.skip(" "), let (hour, minute, second) = scan.clock(), scan.skip(" "),
            scan.skip("G"), scan.skip("M"), scan.skip("T"), scan.isAtEnd
        else { return nil }
        return seconds(year, month, day, hour, minute, second)
    }

    /// `Fri Jan  2 03:04:05 2026`
    private static func parseAsctime(_ text: some Collection<UInt8>) -> UInt64? {
        guard text.count == 24 else { return nil }
        var scan = Scan(text.dropFirst(3))
        guard scan.skip(" "), let month = scan.month(months), scan.skip(" ") else { return nil }
        guard let day = scan.skip(" ") ? scan.number(1) : scan.number(2) else { return nil }
        guard scan.skip(" "), let (hour, minute, second) = scan.clock(), scan.skip(" "), let year = scan.number(4)
        else { return nil }
        return seconds(year, month, day, hour, minute, second)
    }

    /// `2026-01-02T03:04:05[.678]Z` to milliseconds since 1970.
    package static func parseISO(_ text: some Collection<UInt8>) -> UInt64? {
        var scan = Scan(text)
        guard let year = scan.number(4), scan.skip("-"), let month = scan.number(2), scan.skip("-"),
            let day = scan.number(2), scan.skip("T"), let (hour, minute, second) = scan.clock()
        else { return nil }
        var millis = 0
        if scan.skip(".") {
            guard let part = scan.number(3) else { return nil }
            millis = part
            while scan.number(1) != nil {}
        }
        guard scan.skip("Z"), scan.isAtEnd else { return nil }
        return seconds(year, month, day, hour, minute, second).map { $0 * 1000 + UInt64(millis) }
    }

    private struct Scan {
        private let bytes: [UInt8]
        private var index = 0

        init(_ text: some Collection<UInt8>) { bytes = Array(text.prefix(64)) }

        var isAtEnd: Bool { index == bytes.count }

        mutating func number(_ digits: Int) -> Int? {
            guard index + digits <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[index..<index + digits] {
                guard ASCII.isDigit(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            index += digits
            return value
        }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        mutating func month(_ names: [UInt8]) -> Int? {
            guard index + 3 <= bytes.count else { return nil }
            for month in 0..<12 where names[(month * 3)..<(month * 3 + 3)] == bytes[index..<index + 3] {
                index += 3
                return month + 1
            }
            return nil
        }

        mutating func clock() -> (Int, Int, Int)? {
            guard let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2) else {
                return nil
            }
            return (hour, minute, second)
        }
    }
}
