/// What the small-state row of a bucket (`bucket/NAME`) has in its attributes. A bucket that is gone is a tombstone.
package struct BucketRow: Sendable, Hashable {
    package enum State: UInt8, Sendable {
        case active = 0
        /// Its deletion was begun and is not decided: nothing is written to it, and it may yet stay.
        case deleting = 1
    }

    /// The names of buckets' rows begin with this; all other rows of small state are registers by their own name.
    package static let prefix = "bucket/"

    package var bucket: Bucket
    package var state: State

    package init(_ bucket: Bucket, state: State = .active) {
        self.bucket = bucket
        self.state = state
    }

    package static func key(of name: String) -> Key { Key(prefix + name) }

    package var encoded: [UInt8] {
        var bytes = ByteWriter(capacity: 40 + bucket.settings.count)
        bytes.number(bucket.id.rawValue)
        bytes.counted(Array(bucket.name.utf8))
        bytes.number(bucket.createdMillis)
        bytes.number(bucket.versioning.rawValue)
        bytes.counted(bucket.settings)
        bytes.number(state.rawValue)
        return bytes.bytes
    }

    /// Nil: not such bytes, or of a later form.
    package init?(encoded: [UInt8]) {
        let row: BucketRow? = encoded.withUnsafeBytes { bytes in
            var bytes = ByteScanner(bytes)
            do {
                let id = BucketID(rawValue: try bytes.number())
                let name = String(decoding: try bytes.counted(), as: UTF8.self)
                let created = try bytes.number(UInt64.self)
                guard let versioning = Versioning(rawValue: try bytes.number()) else { return nil }
                let settings = try bytes.counted()
                guard let state = State(rawValue: try bytes.number()) else { return nil }
                try bytes.end()
                let bucket = Bucket(
                    id: id,
                    name: name,
                    createdMillis: created,
                    versioning: versioning,
                    settings: settings
                )
                return BucketRow(bucket, state: state)
            } catch { return nil }
        }
        guard let row else { return nil }
        self = row
    }
}
