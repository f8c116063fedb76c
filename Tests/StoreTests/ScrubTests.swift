import Testing

@testable import Store

@Suite struct ScrubTests {
    @Test("scrub finds a flipped chunk and a flipped body, and reads of them throw, never answer wrong bytes")
    func scrub() async throws {
        let sample = try UpkeepSample { $0.scrubBytesPerSecond = 64 << 20 }
        do {
            let store = try sample.open()
            try await UpkeepSample.makeBucket(store)
            try await UpkeepSample.put(store, "large", UpkeepSample.bytes(1, 600_000))
            try await UpkeepSample.put(store, "small", UpkeepSample.bytes(2, 1000))
            try await UpkeepSample.put(store, "good", UpkeepSample.bytes(3, 600_000))
            await store.close()
        }
        do {
            let database = try Database(sample.path + "/index.sqlite", .readWrite)
            try database.execute("DELETE FROM meta WHERE name = 'scrub'")
            try database.execute("UPDATE bodies SET data = zeroblob(1000)")
            let row = try database.prepare("SELECT id, data FROM extents ORDER BY id LIMIT 1")
            #expect(try row.step())
            let location = try #require(try SmallRows.extent(row.int(0), row.blob(1)).first)
            let path = sample.path + "/segments/" + DataDirectory.name(ofSegment: location.segment)
            try UpkeepSample.flip(path, at: Int(location.offset) + 1000)
        }
        let store = try sample.open()
        try await CompactionTests.until("the scrub") {
            let numbers = store.statistics()
            return numbers.corruptions == 2 && numbers.scrubbedBytes == 1_201_000
        }
        await #expect(throws: StoreError.self) { _ = try await UpkeepSample.get(store, "large") }
        await #expect(throws: StoreError.self) { _ = try await UpkeepSample.get(store, "small") }
        #expect(try await UpkeepSample.get(store, "good") == UpkeepSample.bytes(3, 600_000))
        await store.close()
        let report = try Doctor.examine(sample.path)
        #expect(report.findings.contains { $0.what.contains("is in quarantine") })
    }

    @Test("a pass goes on where the run before stopped, and an ended one does not begin again at once")
    func resumes() async throws {
        let sample = try UpkeepSample { $0.scrubBytesPerSecond = 64 << 20 }
        let store = try sample.open()
        try await UpkeepSample.makeBucket(store)
        await store.close()
        let second = try sample.open()
        try await UpkeepSample.put(second, "late", UpkeepSample.bytes(1, 300_000))
        await second.close()
        var place = Scrubber.Place(startedMillis: Clock.wallMillis())
        place.stage = .chunks
        place.last = Int64.max - 1
        do {
            let database = try Database(sample.path + "/index.sqlite", .readWrite)
            try database.prepare("INSERT OR REPLACE INTO meta VALUES('scrub', ?1)").bind(1, place.encoded).run()
        }
        let third = try sample.open()
        try await CompactionTests.until("the end of the pass") {
            let database = try Database(sample.path + "/index.sqlite", .readWrite)
            let row = try database.prepare("SELECT data FROM meta WHERE name = 'scrub'")
            return try row.step() ? try Scrubber.Place(row.blob(0)).stage == .done : false
        }
        #expect(third.statistics().scrubbedBytes == 0)
        await third.close()
    }
}
