import Foundation
import NIOCore
import Synchronization
import Testing

@testable import Store

/// Measures and prints; judges nothing. Run it on a quiet machine, in release mode, on the disk in question:
///
///     MESHD_STORE_BENCH=1 MESHD_STORE_BENCH_RECORDS=10000000 MESHD_STORE_BENCH_DIR=/var/tmp \
///         swift test -c release -Xswiftc -enable-testing --filter StoreBench
@Suite(.serialized, .enabled(if: Depth.number("MESHD_STORE_BENCH") == 1))
struct StoreBench {
    private let directory: String

    init() throws {
        let parent = ProcessInfo.processInfo.environment["MESHD_STORE_BENCH_DIR"] ?? "/var/tmp"
        directory = parent + "/store-bench-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func key(_ number: Int) -> Key {
        var digits = Array(String(number).utf8)
        digits.insert(contentsOf: repeatElement(48, count: max(0, 10 - digits.count)), at: 0)
        return Key(Array("load/".utf8) + digits)
    }

    private final class Turns: Sendable {
        private let taken = Atomic<Int>(0)

        func next() -> Int { taken.wrappingAdd(1, ordering: .relaxed).oldValue }
    }

    /// Runs `count` calls from `workers` tasks and prints their rate.
    @discardableResult
    private func measure(
        _ what: String,
        _ count: Int,
        workers: Int,
        _ run: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Double {
        let turns = Turns()
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<workers {
                group.addTask {
                    while true {
                        let number = turns.next()
                        guard number < count else { return }
                        try await run(number)
                    }
                }
            }
            try await group.waitForAll()
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print("bench: \(what): \(count) in \(round(seconds * 1000) / 1000) s, \(Int(Double(count) / seconds))/s")
        return seconds
    }

    @Test("rates and start-up")
    func rates() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let records = Depth.number("MESHD_STORE_BENCH_RECORDS") ?? 200_000
        var settings = StoreSettings()
        settings.diskFreeBytesMin = 0
        let store = try ObjectStore.open(directory + "/data", settings: settings)
        let bucket = try await store.bucket("bench", .off)
        let small = [UInt8](repeating: 7, count: 100)
        let kibibyte = [UInt8](repeating: 9, count: 1024)

        try await measure("load of 100 B records, 1,024 committers", records, workers: 1024) {
            try await store.put(bucket, key($0), small)
        }
        try await measure("commits of 1 KiB, 24 committers", 30_000, workers: 24) {
            try await store.put(bucket, Key("kib/\($0 % 5000)"), kibibyte)
        }
        try await measure("commits of 1 KiB, 1 committer", 2000, workers: 1) {
            try await store.put(bucket, Key("kib/\($0)"), kibibyte)
        }
        try await measure("commits of 256 KiB, 24 committers", 1500, workers: 24) {
            try await store.put(bucket, Key("large/\($0 % 200)"), [UInt8](repeating: UInt8($0 % 251), count: 256 << 10))
        }
        // A copy of a running store is what a kill leaves; the copying is not measured.
        let image = directory + "/image"
        try FileManager.default.createDirectory(atPath: image, withIntermediateDirectories: true)
        for name in ["store-id", "index.sqlite-wal", "index.sqlite", "segments"] {
            try FileManager.default.copyItem(atPath: "\(directory)/data/\(name)", toPath: "\(image)/\(name)")
        }
        await store.close()
        try FileManager.default.removeItem(atPath: directory + "/data")
        try await reads(image, records, settings, bucket)
    }

    private func reads(_ image: String, _ records: Int, _ settings: StoreSettings, _ bucket: BucketID) async throws {
        let log = DataDirectory.fileBytes(image + "/index.sqlite-wal") ?? 0
        let index = DataDirectory.fileBytes(image + "/index.sqlite") ?? 0
        print("bench: index of \(index >> 20) MiB, log of \(log >> 20) MiB")
        let clock = ContinuousClock()
        let start = clock.now
        let store = try ObjectStore.open(image, settings: settings)
        print("bench: start after an unclean stop with \(records) records: \(clock.now - start)")
        let first = clock.now
        _ = try await store.find(bucket, key(records / 2), .current, body: true)
        print("bench: the first read after it: \(clock.now - first)")
        try await measure("point reads, each key once, 24 readers", min(records, 300_000), workers: 24) {
            let number = $0 &* 7919 % records
            guard try await store.find(bucket, key(number), .current, body: true) != nil else { throw StoreError.gone }
        }
        try await measure("point reads, 1,000 hot keys, 24 readers", 500_000, workers: 24) {
            _ = try await store.find(bucket, key($0 % 1000), .current, body: true)
        }
        try await measure("pages of 1,000 keys, 4 readers", 200, workers: 4) {
            var query = ListQuery(bucket: bucket, limit: 1000)
            query.after = key($0 &* 104_729 % records).bytes
            _ = try await store.list(query)
        }
        let stop = clock.now
        await store.close()
        print("bench: close: \(clock.now - stop)")
    }
}
