/// A set of row ids in about one bit each: ids are given out in rising order, so that they lie close together.
struct IDSet {
    private static let idsPerPage: Int64 = 512
    private typealias Page = SIMD8<UInt64>

    private var pages: [Int64: Page] = [:]

    /// False: it was there already.
    mutating func insert(_ id: Int64) -> Bool {
        let (page, word, bit) = Self.place(id)
        let known = pages[page, default: .zero]
        guard known[word] & bit == 0 else { return false }
        pages[page, default: .zero][word] |= bit
        return true
    }

    func contains(_ id: Int64) -> Bool {
        let (page, word, bit) = Self.place(id)
        return pages[page].map { $0[word] & bit != 0 } ?? false
    }

    private static func place(_ id: Int64) -> (page: Int64, word: Int, bit: UInt64) {
        let inside = Int(id & (idsPerPage - 1))
        return (id >> 9, inside >> 6, 1 << UInt64(inside & 63))
    }
}
