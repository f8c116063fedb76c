package import Store

extension ReplicationOrigin {
    /// How far a key had come when it was sent. Of two of one scope the one with the higher stamp is later.
    package struct Order: Hashable, Sendable {
        /// The number of the bucket, since its name may come again, or of the store of a node that is alone.
        package let scope: UInt64
        /// The newest one known of the key; of a store that is alone the number of its transaction.
        package let stamp: Stamp

        package init(scope: UInt64, stamp: Stamp) {
            self.scope = scope
            self.stamp = stamp
        }

        /// `scope.t.w.q`, each in hexadecimal.
        var text: String {
            [scope, stamp.t, stamp.w, UInt64(stamp.q)].map { String($0, radix: 16) }.joined(separator: ".")
        }

        /// Nil for what no `text` gave.
        init?(text: Substring) {
            let words = text.split(separator: ".", omittingEmptySubsequences: false)
            let numbers = words.compactMap { UInt64($0, radix: 16) }
            guard words.count == 4, numbers.count == 4, let q = UInt32(exactly: numbers[3]) else { return nil }
            self.init(scope: numbers[0], stamp: Stamp(t: numbers[1], w: numbers[2], q: q))
            guard self.text == text else { return nil }
        }
    }
}
