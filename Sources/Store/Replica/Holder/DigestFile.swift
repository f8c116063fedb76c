/// The digest beside the index, as a clean stop left it: good only for the transaction that was the last then.
enum DigestFile {
    private static let seed: UInt64 = 0x6469_6765_7374
    private static let bytesMax = 16 << 20

    static func path(in directory: String) -> String { directory + "/digest" }

    /// The leaves, when they were kept after this very transaction.
    static func read(in directory: String, sequence: UInt64) -> [DigestSum]? {
        guard let bytes = try? SmallFile.read(path(in: directory), bytesMax: bytesMax) else { return nil }
        return bytes.withUnsafeBytes { try? decode($0, sequence: sequence) }
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer, sequence: UInt64) throws(Malformed) -> [DigestSum] {
        var file = try ByteScanner(sealed: bytes, seed: seed)
        guard try file.number(UInt64.self) == sequence else { throw Malformed() }
        var leaves = [DigestSum](repeating: .zero, count: Partition.all * Digest.leavesPerPartition)
        while file.remaining > 0 {
            let index = Int(try file.number(UInt32.self))
            let sum = DigestSum(high: try file.number(), low: try file.number())
            guard index < leaves.count else { throw Malformed() }
            leaves[index] = sum
        }
        return leaves
    }

    /// Keeps the leaves that are not zero. What cannot be written is counted anew by the next start.
    static func write(_ leaves: [DigestSum], sequence: UInt64, in directory: String) {
        var file = ByteWriter(capacity: 64 << 10)
        file.number(sequence)
        for (index, sum) in leaves.enumerated() where sum != .zero {
            file.number(UInt32(index))
            file.number(sum.high)
            file.number(sum.low)
        }
        file.seal(seed: seed)
        try? SmallFile.write(file.bytes, to: path(in: directory))
    }
}
