/// How many copies, and on which nodes.
package struct Spread: Sendable, Hashable {
    package let copies: Int
    package let pool: PoolID

    package init(copies: Int, pool: PoolID = .whole) {
        self.copies = copies
        self.pool = pool
    }
}

extension Spread: ExpressibleByIntegerLiteral {
    /// So many copies on nodes of the whole mesh.
    package init(integerLiteral copies: Int) { self.init(copies: copies) }
}

extension Spread: Comparable {
    package static func < (a: Spread, b: Spread) -> Bool {
        (a.pool.rawValue, a.copies) < (b.pool.rawValue, b.copies)
    }
}

/// Where a bucket's copies are, and where they are to be when the change under way is over.
package struct CopySpan: Sendable, Hashable {
    package let now: Spread
    package let next: Spread

    package init(now: Spread, next: Spread) {
        self.now = now
        self.next = next
    }

    package init(_ spread: Spread) { self.init(now: spread, next: spread) }

    /// So many on nodes of the whole mesh.
    package init(_ copies: Int) { self.init(Spread(copies: copies)) }

    package var isChanging: Bool { now != next }

    /// It is on nodes of the whole mesh, and stays there.
    var isWhole: Bool { now.pool == .whole && next.pool == .whole }
}
