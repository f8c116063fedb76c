import Foundation
import NIOCore
import Testing

@testable import Store

@Suite(.serialized) struct CompactionTests {
    private static let size = 300_000
    /// Every segment that `halfDead` leaves is over it.
    private static let share = 0.1

    /// Waits until the store's own thread has come as far; it works in steps of a tenth of a second.
    static func until(_ what: String, _ holds: () async throws -> Bool) async throws {
        // Far beyond what it takes: the machine may be busy with all the other tests.
        let end = Clock.monotonicMillis() + 300_000
        while try await !holds() {
            try #require(Clock.monotonicMillis() < end, "\(what) did not come about")
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Every second of `count` objects is deleted: all closed segments are half dead, and none is compacted yet however
    /// slow the machine is.
    private func halfDead(_ count: Int) async throws -> UpkeepSample {
        let sample = try UpkeepSample()
        let store = try sample.open()
        try await UpkeepSample.makeBucket(store)
        for number in 0..<count {
            try await UpkeepSample.put(store, "k\(number)", UpkeepSample.bytes(UInt64(number), Self.size))
        }
        for number in stride(from: 0, to: count, by: 2) where number % 6 != 0 {
            try await UpkeepSample.delete(store, "k\(number)")
        }
        for number in stride(from: 1, to: count, by: 6) { try await UpkeepSample.delete(store, "k\(number)") }
        await store.close()
        return sample
    }

    private func isLeft(_ number: Int) -> Bool { number % 2 == 0 ? number % 6 == 0 : number % 6 != 1 }

    private func expectWhole(_ sample: UpkeepSample, _ count: Int, _ note: String = "") async throws {
        let report = try Doctor.examine(sample.path)
        #expect(report.isSound, "\(note) \(report.findings)")
        let store = try sample.open()
        for number in 0..<count {
            let bytes = try await UpkeepSample.get(store, "k\(number)")
            #expect(
                bytes == (isLeft(number) ? UpkeepSample.bytes(UInt64(number), Self.size) : nil),
                "\(note) k\(number)"
            )
        }
        await store.close()
    }

    @Test("compaction gives space back while every byte stays readable, and a reader of an old place finds the new one")
    func compaction() async throws {
        let sample = try await halfDead(24)
        let before = sample.segmentNames()
        let store = try sample.open { $0.compactionDeadShare = Self.share }
        let (_, body) = try #require(try await store.open(UpkeepSample.bucket, Key("k3"), .current))
        _ = try await body.read(at: 0, limit: 10)
        try await Self.until("compaction") {
            for number in 0..<24 where isLeft(number) {
                let bytes = try await UpkeepSample.get(store, "k\(number)")
                #expect(bytes == UpkeepSample.bytes(UInt64(number), Self.size))
            }
            let numbers = store.statistics()
            return numbers.compactedBytes > 2 << 20 && numbers.deadBytes < 1 << 20
        }
        let late = try await body.read(at: 0, limit: UInt64(BlobWriter.chunkBytes))
        #expect(Array(late.readableBytesView) == Array(UpkeepSample.bytes(3, Self.size).prefix(late.readableBytes)))
        let online = try await store.examine()
        #expect(online.errors == 0, "\(online.findings)")
        await store.close()
        #expect(Set(sample.segmentNames()) != Set(before))
        try await expectWhole(sample, 24)
    }

    @Test("a crash at any moment of a compaction loses nothing")
    func crashes() async throws {
        let sample = try await halfDead(24)
        let store = try sample.open { $0.compactionDeadShare = Self.share }
        var copies: [UpkeepSample] = []
        try await Self.until("compaction") {
            if copies.count < 8 { copies.append(try sample.copy()) }
            let numbers = store.statistics()
            return numbers.compactedBytes > 2 << 20 && numbers.deadBytes < 1 << 20
        }
        await store.close()
        #expect(!copies.isEmpty)
        for (number, copy) in copies.enumerated() {
            let store = try copy.open()
            await store.close()
            try await expectWhole(copy, 24, "copy \(number)")
        }
    }

    @Test("a segment with a damaged chunk is kept, and the chunk goes into quarantine")
    func damaged() async throws {
        let sample = try await halfDead(24)
        var place: Location?
        do {
            let database = try Database(sample.path + "/index.sqlite", .readWrite)
            let row = try database.prepare("SELECT id, data FROM extents ORDER BY id LIMIT 1")
            #expect(try row.step())
            place = try SmallRows.extent(row.int(0), row.blob(1)).first
        }
        let location = try #require(place)
        let path = sample.path + "/segments/" + DataDirectory.name(ofSegment: location.segment)
        try UpkeepSample.flip(path, at: Int(location.offset) + Frame.headerBytes + 5)
        let store = try sample.open { $0.compactionDeadShare = Self.share }
        try await Self.until("compaction") {
            let numbers = store.statistics()
            return numbers.corruptions > 0 && numbers.compactedBytes > 1 << 20
        }
        await store.close()
        #expect(FileManager.default.fileExists(atPath: path))
        let report = try Doctor.examine(sample.path)
        #expect(report.errors == 1, "\(report.findings)")
        #expect(report.findings.contains { $0.what.contains("is in quarantine") })
    }
}
