import CISAL

/// The three CRCs of S3, each over what was hashed before: start with 0, pass the last value on.
package enum CRC {
    /// CRC-32 as gzip has it. ISA-L's function inverts at both ends by itself.
    package static func crc32(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = bytes.baseAddress else { return crc }
        return crc32_gzip_refl(crc, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }

    /// CRC-32C (Castagnoli). ISA-L's function leaves the inversions to its caller, and counts in `Int32`.
    package static func crc32c(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = bytes.baseAddress else { return crc }
        var crc = ~crc
        var start = 0
        while start < bytes.count {
            let count = min(bytes.count - start, 1 << 30)
            // The function reads only; its C declaration lacks the const.
            let pointer = UnsafeMutableRawPointer(mutating: base + start).assumingMemoryBound(to: UInt8.self)
            crc = crc32_iscsi(pointer, Int32(count), crc)
            start += count
        }
        return ~crc
    }

    /// CRC-64/NVME, sixteen bytes a step from sixteen tables (Kounavis and Berry, "slicing-by-8", widened).
    package static func crc64nvme(_ crc: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let tables = nvmeTables
        var crc = ~crc
        var index = 0
        let whole = bytes.count & ~15
        while index < whole {
            let a = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ crc
            let b = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index + 8, as: UInt64.self))
            let low = slice(tables + 8 * 256, a)
            crc = low ^ slice(tables, b)
            index += 16
        }
        while index < bytes.count {
            crc = tables[Int(truncatingIfNeeded: (crc ^ UInt64(bytes[index])) & 0xFF)] ^ (crc >> 8)
            index += 1
        }
        return ~crc
    }

    /// Eight bytes through eight tables; the first byte is the farthest from the end.
    @inline(__always)
    private static func slice(_ tables: UnsafePointer<UInt64>, _ word: UInt64) -> UInt64 {
        let t0 = tables[7 * 256 + Int(truncatingIfNeeded: word & 0xFF)]
        let t1 = tables[6 * 256 + Int(truncatingIfNeeded: word >> 8 & 0xFF)]
        let t2 = tables[5 * 256 + Int(truncatingIfNeeded: word >> 16 & 0xFF)]
        let t3 = tables[4 * 256 + Int(truncatingIfNeeded: word >> 24 & 0xFF)]
        let t4 = tables[3 * 256 + Int(truncatingIfNeeded: word >> 32 & 0xFF)]
        let t5 = tables[2 * 256 + Int(truncatingIfNeeded: word >> 40 & 0xFF)]
        let t6 = tables[256 + Int(truncatingIfNeeded: word >> 48 & 0xFF)]
        let t7 = tables[Int(truncatingIfNeeded: word >> 56)]
        return (t0 ^ t1) ^ (t2 ^ t3) ^ (t4 ^ t5) ^ (t6 ^ t7)
    }

    private static let nvmePolynomial: UInt64 = 0x9A6C_9329_AC4B_C9B5

    // Written once, before anyone can see it, and only read afterwards; it lives as long as the program.
    private nonisolated(unsafe) static let nvmeTables: UnsafePointer<UInt64> = {
        let tables = UnsafeMutablePointer<UInt64>.allocate(capacity: 16 * 256)
        for byte in 0..<256 {
            var crc = UInt64(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ nvmePolynomial : crc >> 1 }
            tables[byte] = crc
        }
        for index in 256..<(16 * 256) {
            let before = tables[index - 256]
            tables[index] = tables[Int(truncatingIfNeeded: before & 0xFF)] ^ (before >> 8)
        }
        return UnsafePointer(tables)
    }()

    // MARK: Joining

    /// The CRC of two runs of bytes, of which the second is `count` bytes long, from the CRCs of both.
    package static func combine32(_ first: UInt32, _ second: UInt32, count: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: ieee.shift(UInt64(first), bytes: count)) ^ second
    }

    package static func combine32c(_ first: UInt32, _ second: UInt32, count: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: castagnoli.shift(UInt64(first), bytes: count)) ^ second
    }

    package static func combine64nvme(_ first: UInt64, _ second: UInt64, count: UInt64) -> UInt64 {
        nvme.shift(first, bytes: count) ^ second
    }

    private static let ieee = Field(polynomial: 0xEDB8_8320, width: 32)
    private static let castagnoli = Field(polynomial: 0x82F6_3B78, width: 32)
    private static let nvme = Field(polynomial: nvmePolynomial, width: 64)

    /// Polynomials over GF(2) modulo a CRC's own, in reflected bits: appending a zero byte multiplies by x^8.
    private struct Field: Sendable {
        let polynomial: UInt64
        let top: UInt64
        /// x^(8·2^k)
        private var powers: [UInt64] = []

        init(polynomial: UInt64, width: UInt64) {
            self.polynomial = polynomial
            top = 1 << (width - 1)
            var power = top >> 8
            for _ in 0..<64 {
                powers.append(power)
                power = multiply(power, power)
            }
        }

        func shift(_ crc: UInt64, bytes: UInt64) -> UInt64 {
            var crc = crc
            var rest = bytes
            while rest != 0 {
                crc = multiply(powers[rest.trailingZeroBitCount], crc)
                rest &= rest - 1
            }
            return crc
        }

        private func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
            var product: UInt64 = 0
            var b = b
            var mask = top
            while mask != 0 {
                if a & mask != 0 { product ^= b }
                b = b & 1 == 1 ? (b >> 1) ^ polynomial : b >> 1
                mask >>= 1
            }
            return product
        }
    }
}
