import Foundation
import Testing

@testable import Store

@Suite struct DoctorTests {
    private func filled() async throws -> UpkeepSample {
        let sample = try UpkeepSample()
        let store = try sample.open()
        try await UpkeepSample.fill(store)
        await store.close()
        return sample
    }

    @Test("a sound directory has no findings but its unfinished upload, at rest and while it is open")
    func sound() async throws {
        let sample = try await filled()
        let report = try Doctor.examine(sample.path)
        #expect(report.findings.map(\.what) == ["1 unfinished multipart uploads hold 600000 bytes."])
        #expect(report.isSound && report.warnings == 0)
        #expect(report.versions == 6)
        #expect(report.chunks == 3 + 2 + 4 + 4)
        #expect(report.chunkBytes == 700_000 + 300_000 + 600_000 + 600_000)
        let store = try sample.open()
        let online = try await store.examine()
        #expect(online.errors == 0 && online.warnings == 0, "\(online.findings)")
        #expect(online.chunks == report.chunks)
        await store.close()
    }

    @Test("a directory that is open, or holds no store, is refused with a sentence")
    func refused() async throws {
        let sample = try await filled()
        let store = try sample.open()
        let inUse = #expect(throws: StoreError.self) { try Doctor.examine(sample.path) }
        #expect("\(inUse.map { "\($0)" } ?? "")".contains("is in use by the process with pid"))
        await store.close()
        let missing = #expect(throws: StoreError.self) { try Doctor.examine("/nowhere") }
        #expect("\(missing.map { "\($0)" } ?? "")".contains("There is no store in /nowhere"))
    }

    @Test("a bit flipped anywhere in a segment is found and named", arguments: [UInt64.random(in: 0 ..< .max)])
    func flippedSegments(seed: UInt64) async throws {
        let sample = try await filled()
        var dice = Seeded(seed)
        for _ in 0..<40 {
            let names = sample.segmentNames()
            let path = sample.path + "/segments/" + names[Int.random(in: 0..<names.count, using: &dice)]
            let size = Int(DataDirectory.fileBytes(path) ?? 0)
            let offset = Int.random(in: 0..<size, using: &dice)
            let bit = Int.random(in: 0..<8, using: &dice)
            try UpkeepSample.flip(path, at: offset, bit: bit)
            let report = try Doctor.examine(sample.path)
            #expect(!report.isSound, "seed \(seed): bit \(bit) of byte \(offset) of \(path)")
            if offset >= 64 {
                #expect(
                    report.findings.contains { $0.what.contains("bucket photos") || $0.what.contains("no version") },
                    "seed \(seed): \(report.findings)"
                )
            }
            try UpkeepSample.flip(path, at: offset, bit: bit)
        }
        #expect(try Doctor.examine(sample.path).isSound)
    }

    @Test(
        "a bit flipped in a row of any table is found",
        arguments: [
            "meta", "counters", "versions", "nulls", "bodies", "extents", "segments", "uploads",
        ]
    )
    func flippedRows(table: String) async throws {
        let seed = UInt64.random(in: 0 ..< .max)
        var dice = Seeded(seed)
        let sample = try await filled()
        let keys = [
            "meta": "name", "versions": "bucket, key, stamp", "nulls": "bucket, key",
        ]
        for _ in 0..<8 {
            let other = try sample.copy()
            do {
                let database = try Database(other.path + "/index.sqlite", .readWrite)
                let key = keys[table] ?? "id"
                let rows = Int(try database.number("SELECT count(*) FROM \(table)"))
                #expect(rows > 0)
                let at = Int.random(in: 0..<rows, using: &dice)
                let read = try database.prepare("SELECT data FROM \(table) ORDER BY \(key) LIMIT 1 OFFSET \(at)")
                #expect(try read.step())
                var bytes = [UInt8](read.blob(0))
                read.reset()
                let place = Int.random(in: 0..<bytes.count, using: &dice)
                bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
                try database.prepare(
                    "UPDATE \(table) SET data = ?1 WHERE (\(key)) = "
                        + "(SELECT \(key) FROM \(table) ORDER BY \(key) LIMIT 1 OFFSET \(at))"
                ).bind(1, bytes).run()
            }
            let report = try Doctor.examine(other.path)
            #expect(!report.isSound, "seed \(seed), table \(table): \(report.findings)")
        }
    }

    @Test("bytes that nothing names, and names without bytes, are both found")
    func orphans() async throws {
        func after(_ sql: String) async throws -> DoctorReport {
            let sample = try await filled()
            try Database(sample.path + "/index.sqlite", .readWrite).execute(sql)
            return try Doctor.examine(sample.path)
        }
        let lost = try await after("DELETE FROM bodies")
        #expect(lost.findings.contains { $0.what.contains("The body of bucket photos, key small") })
        let gone = try await after("DELETE FROM extents")
        #expect(gone.findings.contains { $0.what.contains("has 0 bytes of blob") })
        let orphaned = try await after("DELETE FROM versions")
        #expect(orphaned.findings.contains { $0.what.contains("in the table extents is named by nothing") })
        #expect(orphaned.findings.contains { $0.what.contains("in the table bodies is named by nothing") })
        let nameless = try await after("DELETE FROM nulls")
        #expect(nameless.findings.contains { $0.what.contains("missing from the table nulls") })
        let bucketless = try await after("DELETE FROM versions WHERE bucket = \(BucketID.system.column)")
        #expect(!bucketless.isSound)
        let unindexed = try await after("DELETE FROM uploads")
        #expect(unindexed.findings.contains { $0.what.contains("missing from the table uploads") })
        let uploads = UpkeepSample.bucket.within(.upload).column
        let lostUpload = try await after("DELETE FROM versions WHERE bucket = \(uploads)")
        #expect(lostUpload.findings.contains { $0.what.contains("belongs to an upload that is not there") })
        let condemned = try await after("INSERT INTO garbage SELECT 0, id >> 16 FROM extents LIMIT 1")
        #expect(condemned.findings.contains { $0.what.contains("which a version or a part still names") })
        let segmentless = try await after("DELETE FROM segments")
        #expect(segmentless.findings.contains { $0.what.contains("which is not known") })
    }

    @Test("files that are missing, cut off, unknown or of another store are found")
    func files() async throws {
        let sample = try await filled()
        let first = try #require(sample.segmentNames().first)
        let path = sample.path + "/segments/" + first
        let stranger = sample.path + "/segments/notes.txt"
        try Data([1]).write(to: URL(fileURLWithPath: stranger))
        try FileManager.default.copyItem(atPath: path, toPath: sample.path + "/segments/00ffffff.seg")
        var report = try Doctor.examine(sample.path)
        #expect(report.isSound && report.warnings == 2)
        #expect(report.findings.contains { $0.what.contains("notes.txt is no segment") })
        #expect(report.findings.contains { $0.what.contains("00ffffff.seg is not known to the index") })

        truncate(path, off_t(DataDirectory.fileBytes(path) ?? 0) - 1)
        report = try Doctor.examine(sample.path)
        #expect(report.findings.contains { $0.what.contains("it was cut off") })
        try FileManager.default.removeItem(atPath: path)
        report = try Doctor.examine(sample.path)
        #expect(report.findings.contains { $0.what.contains("\(first) is missing") })

        try Data("1234\n".utf8).write(to: URL(fileURLWithPath: sample.path + "/store-id"))
        report = try Doctor.examine(sample.path)
        #expect(report.findings.contains { $0.what.contains("its directory to store 1234") })
    }

    @Test("what a kill leaves, its log not yet folded in, is sound before any start")
    func killed() async throws {
        let sample = try UpkeepSample()
        let store = try sample.open()
        try await UpkeepSample.fill(store)
        let copy = try sample.copy()
        await store.close()
        let report = try Doctor.examine(copy.path)
        #expect(report.errors == 0 && report.warnings == 0, "\(report.findings)")
        #expect(report.versions == 6)
    }
}
