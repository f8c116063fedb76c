/// The place of a version in the one total order of its key: `(t, w, q)`, compared in that order.
///
/// - `t`: milliseconds since 1970 shifted left by 16, plus a counter: a per-key Lamport clock with the wall clock as
///   its floor. Correctness never depends on the clock.
/// - `w`: the writer, unique for each write that is not conditional (random per start, plus a counter).
/// - `q`: the depth of conditional successors. A conditional write keeps `t` and `w` of the version it replaces and adds
///   one to `q`, so that nothing sorts between a version and its conditional successor.
///
/// Comparing `w` before `q` is a safety rule, not a taste (Gryff's carstamps, NSDI 2020).
package struct Stamp: Hashable, Comparable, Sendable {
    package let t: UInt64
    package let w: UInt64
    package let q: UInt32

    package static let zero = Stamp(t: 0, w: 0, q: 0)

    package init(t: UInt64, w: UInt64, q: UInt32) {
        self.t = t
        self.w = w
        self.q = q
    }

    package var successor: Stamp { Stamp(t: t, w: w, q: q + 1) }

    /// Milliseconds since 1970 of the last write to the key that was not conditional, or a little later.
    package var millis: UInt64 { t >> 16 }

    package static func < (a: Stamp, b: Stamp) -> Bool {
        if a.t != b.t { return a.t < b.t }
        if a.w != b.w { return a.w < b.w }
        return a.q < b.q
    }
}
