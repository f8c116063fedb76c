import Foundation
import Testing

@testable import Store

/// A disk that lies under the index.
@Suite struct IndexDamageTests {
    @Test(
        "a bit flipped in the index gives right bytes, an error, or a refusal to open, never other bytes",
        arguments: Depth.seeds(2)
    )
    func flips(seed: UInt64) async throws {
        var random = Seeded(seed &+ 500)
        let scratch = Scratch()
        var store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .on)
        var written: [Key: [UInt8]] = [:]
        for number in 0..<60 {
            let key = Key("key/\(number)")
            written[key] = random.body(number % 10 == 0 ? 300_000 : random.below(3000))
            try await store.put(bucket, key, written[key]!)
        }
        await store.close()
        let path = scratch.directory + "/index.sqlite"
        let whole = try SmallFile.read(path, bytesMax: 1 << 28) ?? []
        var (refused, failed, missing, right) = (0, 0, 0, 0)
        for _ in 0..<60 {
            var damaged = whole
            let bit = random.below(whole.count * 8)
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            do { store = try scratch.open(.tight) } catch {
                refused += 1
                try Self.restore(whole, path)
                continue
            }
            for (key, bytes) in written {
                do {
                    let served = try await store.get(bucket, key)
                    if served == bytes {
                        right += 1
                    } else if served == nil {
                        missing += 1
                    } else {
                        Issue.record("seed \(seed), bit \(bit): other bytes for \(key.text)")
                    }
                } catch { failed += 1 }
            }
            await store.close()
            try Self.restore(whole, path)
        }
        print("seed \(seed): \(refused) refused to open; reads: \(right) right, \(failed) failed, \(missing) not found")
        // A page that was hit can hide at most the keys on it.
        #expect(missing * 50 <= right + failed)
        store = try scratch.open(.tight)
        for (key, bytes) in written { #expect(try await store.get(bucket, key) == bytes) }
        await store.close()
    }

    @Test("a key whose own bytes were damaged is reported, not missed, and so is every key that it hides")
    func damagedKeys() async throws {
        var random = Seeded(3)
        let scratch = Scratch()
        var store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        let keys = (0..<150).map { Key("needle/\($0)/end") }
        for key in keys { try await store.put(bucket, key, []) }
        await store.close()
        let path = scratch.directory + "/index.sqlite"
        let whole = try SmallFile.read(path, bytesMax: 1 << 28) ?? []
        for _ in 0..<25 {
            let key = random.pick(keys)
            let places = whole.indices.filter { whole[$0] == key.bytes[0] && whole[$0...].starts(with: key.bytes) }
            var damaged = whole
            let bit = random.below(key.bytes.count * 8)
            for place in places { damaged[place + bit / 8] ^= 1 << UInt8(bit % 8) }
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            store = try scratch.open(.tight)
            await #expect(throws: StoreError.self, "\(key.text), bit \(bit)") {
                try await store.find(bucket, key, .current, body: true)
            }
            for other in keys where other != key {
                do {
                    let found = try await store.find(bucket, other, .current, body: true)
                    #expect(found != nil, "\(other.text) is hidden by \(key.text), bit \(bit)")
                } catch StoreError.corrupt {}
            }
            await store.close()
            try Self.restore(whole, path)
        }
    }

    private static func restore(_ whole: [UInt8], _ path: String) throws {
        for tail in ["-wal", "-shm"] { try SmallFile.remove(path + tail) }
        try Data(whole).write(to: URL(fileURLWithPath: path))
    }
}
