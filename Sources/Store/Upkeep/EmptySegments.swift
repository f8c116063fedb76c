import Glibc

/// Removes segments in which nothing lives any more.
enum EmptySegments {
    /// The index forgets a segment first, durably; only then does its file go. A crash between leaves a file that the
    /// next start deletes.
    static func remove(_ around: Housekeeper.Surroundings) {
        let empty = around.published.read { $0.segments.filter { $0.value.live == 0 }.map { $0.key } }
        for id in empty where !around.active.contains(id) && !around.staging.hasChunks(in: id) {
            let isGone = Flag()
            do {
                try around.committer.upkeep { writer in
                    // Judged again between two batches: a closed segment takes no new chunks, and those that were
                    // staged are either committed by now and live, or given up.
                    guard writer.segment(id)?.live == 0, !around.staging.hasChunks(in: id) else { return }
                    try writer.rows.deleteSegment.bind(1, Int64(id)).run()
                    // Its file goes, and with it what was damaged in there.
                    try writer.rows.release.bind(1, Int64(id)).run()
                    writer.removeSegment(id)
                    isGone.value = true
                }
            } catch {
                return
            }
            if isGone.value {
                around.metrics.compactedBytes.add(DataDirectory.fileBytes(around.directory.segment(id)) ?? 0)
                around.segments.remove(id)
                unlink(around.directory.segment(id))
            }
        }
    }
}
