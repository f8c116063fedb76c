internal import Store
package import Swim

/// Times and limits of repair. Tests set them short.
package struct RepairSettings: Sendable {
    /// Between two comparisons with the same peer, and by how much of it they are spread.
    package var compareMicros: Micros = 600_000_000
    package var compareJitter = 0.2
    /// What differs is looked at again after this long: writes that were under way have arrived by then.
    package var recheckMicros: Micros = 30_000_000
    /// Between two looks at a voter's small state.
    package var smallStateMicros: Micros = 2_000_000
    /// How often a node that has just come asks, until it knows it.
    package var eagerMicros: Micros = 50_000
    /// Between two looks for hints, wanted bodies and layouts to act upon.
    package var idleMicros: Micros = 1_000_000
    /// Between two rounds over rows whose bytes nobody had.
    package var wantedMicros: Micros = 5_000_000
    /// Between two looks for rows that this node has no place for.
    package var surplusMicros: Micros = 600_000_000
    /// Between two looks for buckets that are gone.
    package var burialMicros: Micros = 15_000_000
    /// Between two rounds in which tombstones are collected; 0: none are.
    package var collectMicros: Micros = 3_600_000_000
    /// How old a tombstone has to be, and the row of an upload that ended: what was begun before the one is over by then,
    /// and bodies of parts are given up after a day.
    package var collectAgeMillis: UInt64 = 600_000
    package var collectUploadAgeMillis: UInt64 = 25 * 3_600_000
    /// Tombstones that one round collects: what waits for its end is in memory.
    package var collectRowsMax = 200_000
    /// Bodies that are fetched at once: enough for small ones to hide their round trips.
    package var bodiesAtOnce = 8
    /// Read repairs that wait; more are dropped, anti-entropy finds what they would have mended.
    package var readRepairsMax = 10_000
    package var readRepairsAtOnce = 4
    /// Bytes per second for all of repair; nil: what clients leave over.
    package var bytesPerSecond: Int64?

    package init() {}

    /// What is old enough now, or half as old: between clocks that differ.
    func cut(share: UInt64 = 1) -> CollectionCut {
        let now = WallClock.unixMillis
        func before(_ age: UInt64) -> UInt64 { (now > age / share ? now - age / share : 0) << 16 | 0xffff }
        return CollectionCut(rows: before(collectAgeMillis), uploads: before(collectUploadAgeMillis))
    }
}
