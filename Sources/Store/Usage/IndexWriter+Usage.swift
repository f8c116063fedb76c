extension IndexWriter {
    /// Notes that a bucket has one row more, or one less.
    func countUsage(_ record: Record, _ change: Int64) {
        guard let usage = Usage(record, change) else { return }
        pending.usage[record.bucket.within(.object), default: Usage()] += usage
    }

    /// Writes what the open transaction changed.
    func writeUsage() throws {
        for (bucket, change) in pending.usage where !change.isEmpty {
            var total = usage[bucket] ?? Usage()
            total += change
            if total.isEmpty {
                try rows.deleteUsage.bind(1, bucket.column).run()
            } else {
                try rows.putUsage.bind(1, bucket.column).bind(2, SmallRows.encode(total, bucket)).run()
            }
        }
    }
}
