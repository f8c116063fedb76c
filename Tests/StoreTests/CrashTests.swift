import Foundation
import Testing

@testable import Store

/// A power cut at any moment: what was synced is there, what was not may be cut anywhere.
@Suite struct CrashTests {
    /// What the tested writer was promised, key by key; nil: deleted.
    private typealias Promises = [Key: [UInt8]?]

    @Test(
        "logs and segments cut anywhere behind what was synced lose nothing acknowledged and show nothing half",
        arguments: Depth.seeds(4)
    )
    func cuts(seed: UInt64) async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        let isDone = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<3 {
                group.addTask {
                    var random = Seeded(seed &* 100 &+ UInt64(writer))
                    var number = 0
                    while !isDone.value, number < 3000 {
                        number += 1
                        try await store.put(
                            bucket,
                            Key("noise/\(writer)/\(number % 50)"),
                            random.body(Self.size(&random))
                        )
                    }
                }
            }
            var random = Seeded(seed &+ 77)
            var promised: Promises = [:]
            var images = 0
            // While the log is short no checkpoint runs: it only grows, and the index file stands still.
            for number in 1...60 where try Image.logBytes(scratch.directory) < 12 << 20 {
                let key = Key("mine/\(random.below(12))")
                if random.chance(0.15) {
                    _ = try await store.commit(.delete(bucket, key, .none))
                    promised[key] = .some(nil)
                } else {
                    let bytes = random.body(Self.size(&random))
                    try await store.put(bucket, key, bytes)
                    promised[key] = bytes
                }
                if number % 6 == 0 {
                    let image = "\(scratch.path)/image\(number)"
                    try Image.take(of: scratch.directory, at: image, &random)
                    guard try Image.logBytes(scratch.directory) < 16 << 20 else { break }
                    images += 1
                    try await Self.check(image, bucket, promised, "seed \(seed), write \(number)", &random)
                    try FileManager.default.removeItem(atPath: image)
                }
            }
            isDone.value = true
            #expect(images > 0)
            try await group.waitForAll()
        }
        await store.close()
    }

    private static func size(_ random: inout Seeded) -> Int {
        random.pick([0, 40, 900, 900, 7000, 20_000, 90_000, 300_000])
    }

    private static func check(
        _ image: String,
        _ bucket: BucketID,
        _ promised: Promises,
        _ label: String,
        _ random: inout Seeded
    ) async throws {
        for round in 0..<2 {
            let store = try ObjectStore.open(image, settings: .tight)
            for (key, bytes) in promised {
                #expect(try await store.get(bucket, key) == bytes, "\(label), round \(round), key \(key.text)")
            }
            let page = try await store.list(ListQuery(bucket: bucket, limit: 1000))
            #expect(!page.isTruncated)
            for case .object(let record) in page.entries {
                let bytes = try #require(try await store.get(bucket, record.key), "\(label)")
                let isWhole = UInt64(bytes.count) == record.size && Checksum.of(bytes) == record.etag.high
                #expect(isWhole, "\(label), round \(round), key \(record.key.text)")
            }
            #expect(store.statistics().corruptions == 0, "\(label)")
            // The repaired tails take new bytes, which the second round's opening leaves alone.
            let bytes = random.body(200_000)
            try await store.put(bucket, Key("after"), bytes)
            #expect(try await store.get(bucket, Key("after")) == bytes, "\(label)")
            await store.close()
        }
    }
}

/// A copy of a running store's files, as a power cut could have left them.
enum Image {
    static func take(of live: String, at image: String, _ random: inout Seeded) throws {
        let files = FileManager.default
        let links = image + "/links"
        try files.createDirectory(atPath: links, withIntermediateDirectories: true)
        try files.createDirectory(atPath: image + "/segments", withIntermediateDirectories: true)
        let logSynced = DataDirectory.fileBytes(live + "/index.sqlite-wal") ?? 0
        // Second names keep what the store itself removes meanwhile; what is named in the log is linked before it or is
        // new and linked after it.
        link(live + "/segments", links)
        var synced: [String: UInt64] = [:]
        for name in try files.contentsOfDirectory(atPath: links) {
            synced[name] = DataDirectory.fileBytes("\(links)/\(name)")
        }
        for name in ["store-id", "index.sqlite-wal", "index.sqlite"] {
            try files.copyItem(atPath: "\(live)/\(name)", toPath: "\(image)/\(name)")
        }
        if random.chance(0.3) {
            try files.copyItem(atPath: live + "/index.sqlite-shm", toPath: image + "/index.sqlite-shm")
        }
        link(live + "/segments", links)

        let log = image + "/index.sqlite-wal"
        let logCopied = try #require(DataDirectory.fileBytes(log))
        let isCutEverywhere = random.chance(0.5)
        let logEnd = isCutEverywhere ? logSynced : logSynced + UInt64(random.below(Int(logCopied - logSynced) + 1))
        try cut(log, to: logEnd, adding: random.chance(0.5) ? random.body(random.below(9000)) : [])
        for name in try files.contentsOfDirectory(atPath: links) {
            let copy = "\(image)/segments/\(name)"
            try files.copyItem(atPath: "\(links)/\(name)", toPath: copy)
            let bytes = try #require(DataDirectory.fileBytes(copy))
            guard isCutEverywhere else {
                try cut(copy, to: bytes, adding: random.body(random.below(5000)))
                continue
            }
            let least = synced[name] ?? 0
            try cut(
                copy,
                to: least + UInt64(random.below(Int(bytes - least) + 1)),
                adding: random.body(random.below(99))
            )
        }
        try files.removeItem(atPath: links)
    }

    static func logBytes(_ directory: String) throws -> UInt64 {
        try #require(DataDirectory.fileBytes(directory + "/index.sqlite-wal"))
    }

    private static func link(_ from: String, _ to: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: from)) ?? [] {
            // A name that is there or gone is fine.
            try? FileManager.default.linkItem(atPath: "\(from)/\(name)", toPath: "\(to)/\(name)")
        }
    }

    private static func cut(_ path: String, to length: UInt64, adding garbage: [UInt8]) throws {
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: length)
        try file.seekToEnd()
        try file.write(contentsOf: Data(garbage))
        try file.close()
    }
}
