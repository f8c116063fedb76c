package import Store

extension StoreStatistics {
    /// Adds the store's numbers to a page of Prometheus text.
    package func write(to page: inout PrometheusText) {
        page.single("meshd_store_versions", "Object versions on this disk.", .gauge, Double(versions))
        page.single("meshd_store_logical_bytes", "Bytes of all object versions.", .gauge, Double(logicalBytes))
        page.single("meshd_store_segments", "Segment files.", .gauge, Double(segments))
        page.single("meshd_store_segment_bytes", "Bytes in segment files.", .gauge, Double(segmentBytes))
        page.single("meshd_store_dead_bytes", "Bytes in segments that no version names.", .gauge, Double(deadBytes))
        page.single("meshd_store_index_bytes", "Bytes of the index.", .gauge, Double(indexBytes))
        page.single("meshd_store_free_bytes", "Free bytes on the disk.", .gauge, Double(freeBytes))
        page.single(
            "meshd_store_failed",
            "1 after a failed write or sync, until a restart.",
            .gauge,
            failure == nil ? 0 : 1
        )
        page.single("meshd_store_read_only", "1 while the disk is too full for writes.", .gauge, isReadOnly ? 1 : 0)
        page.single("meshd_store_queued_writes", "Writes waiting for the disk.", .gauge, Double(queuedWrites))
        page.single("meshd_store_commits_total", "Mutations made durable.", .counter, Double(commits))
        page.single("meshd_store_batches_total", "Groups of mutations made durable at once.", .counter, Double(batches))
        page.single("meshd_store_syncs_total", "Calls that flushed a file to the disk.", .counter, Double(syncs))
        page.single("meshd_store_scrubbed_bytes_total", "Bytes checked by the scrub.", .counter, Double(scrubbedBytes))
        page.single("meshd_store_corruptions_total", "Checksums that were wrong.", .counter, Double(corruptions))
        page.single("meshd_store_compacted_bytes_total", "Bytes moved by compaction.", .counter, Double(compactedBytes))
    }
}
