extension Engine {
    func statistics() -> StoreStatistics {
        var numbers = StoreStatistics()
        let (counters, rows) = published.read { ($0.counters, $0.segments) }
        numbers.versions = UInt64(max(0, counters.versions))
        numbers.logicalBytes = UInt64(max(0, counters.logicalBytes))
        numbers.segments = UInt64(rows.count)
        for row in rows.values {
            numbers.segmentBytes += row.size
            numbers.deadBytes += row.size - min(row.size, row.live + SegmentFile.headerBytes)
        }
        numbers.indexBytes = (DataDirectory.fileBytes(directory.index) ?? 0)
        let health = condition.current()
        numbers.freeBytes = health.freeBytes
        numbers.isReadOnly = health.isReadOnly
        numbers.failure = health.failure
        numbers.commits = metrics.commits.value
        numbers.batches = metrics.batches.value
        numbers.syncs = metrics.syncs.value
        numbers.queuedWrites = UInt64(committer.queued)
        numbers.scrubbedBytes = metrics.scrubbedBytes.value
        numbers.corruptions = metrics.corruptions.value
        numbers.compactedBytes = metrics.compactedBytes.value
        return numbers
    }
}

extension Metrics {
    /// Counts a row that does not match its checksum, then lets the error go on.
    func noting<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as StoreError {
            if case .corrupt = error { corruptions.add(1) }
            throw error
        } catch let failure as SQLiteFailure where failure.isCorruption {
            corruptions.add(1)
            throw failure
        }
    }
}
