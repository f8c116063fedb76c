import ArgumentParser

/// A number of bytes as people write it: `65536`, `64KiB`, `16MiB`, `1GiB`.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible, Sendable {
    private static let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)]

    let bytes: Int

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let unit = Self.units.first { argument.hasSuffix($0.0) }
        guard let number = Int(argument.dropLast(unit?.0.count ?? 0)), (1...1 << 20).contains(number) || unit == nil,
            number > 0
        else { return nil }
        bytes = number << (unit?.1 ?? 0)
    }

    var description: String {
        let unit = Self.units.first { bytes % (1 << $0.1) == 0 }
        return unit.map { "\(bytes >> $0.1)\($0.0)" } ?? "\(bytes)"
    }
}
