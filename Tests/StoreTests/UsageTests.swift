import Testing

@testable import Store

/// What each bucket has, counted by the transactions that change it. `ModelRun` compares it with a model, too.
@Suite struct UsageTests {
    private static let one = BucketID(rawValue: 1)
    private static let two = BucketID(rawValue: 2)

    /// Two buckets, the second one with versions.
    private func fill(_ store: ObjectStore) async throws -> [BucketID: Usage] {
        _ = try await store.bucket("plain", .off)
        _ = try await store.bucket("kept", .on, id: 2)
        for index in 0..<5 { try await store.put(Self.one, Key("k\(index % 4)"), [UInt8](repeating: 1, count: 100)) }
        for size in [10, 20, 30] { try await store.put(Self.two, Key("k"), [UInt8](repeating: 1, count: size)) }
        _ = try await store.commit(.delete(Self.two, Key("k"), .none))
        _ = try await store.commit(.delete(Self.one, Key("k3"), .none))
        return [Self.one: Usage(versions: 3, bytes: 300), Self.two: Usage(versions: 4, bytes: 60)]
    }

    private func warnings(_ scratch: Scratch) throws -> [String] {
        try Doctor.examine(scratch.directory).findings.filter { $0.severity != .note }.map(\.what)
    }

    @Test("versions, delete markers and bytes are counted by bucket, and still after a restart")
    func counted() async throws {
        let scratch = Scratch()
        var store = try scratch.open()
        let wanted = try await fill(store)
        #expect(store.usage() == wanted)
        await store.close()
        #expect(try warnings(scratch) == [])
        store = try scratch.open()
        #expect(store.usage() == wanted)
        for index in 0..<3 { _ = try await store.commit(.delete(Self.one, Key("k\(index)"), .none)) }
        #expect(store.usage() == [Self.two: wanted[Self.two]!])
        await store.close()
    }

    @Test("a damaged row is not counted, and the next start does not count again for it")
    func damagedRow() async throws {
        let scratch = Scratch()
        var store = try scratch.open()
        var wanted = try await fill(store)
        await store.close()
        let database = try Database(scratch.directory + "/index.sqlite", .create)
        try database.execute("UPDATE versions SET data = zeroblob(99) WHERE bucket = 1 AND key = CAST('k1' AS BLOB)")
        try database.execute("DELETE FROM usage WHERE bucket = 1")
        wanted[Self.one] = Usage(versions: 2, bytes: 200)
        for _ in 0..<2 {
            store = try scratch.open()
            #expect(store.usage().filter { $0.key.rawValue > 0 } == wanted)
            await store.close()
        }
        #expect(try database.number("SELECT count(*) FROM usage WHERE bucket = 0") == 1)
    }

    @Test(
        "a table that is missing, behind or damaged is named by the doctor, and counted anew by the next start",
        arguments: [
            "DROP TABLE usage", "DELETE FROM usage WHERE bucket = 2", "UPDATE usage SET data = zeroblob(24)",
            "UPDATE usage SET data = (SELECT data FROM usage WHERE bucket = 2)",
        ]
    )
    func countedAnew(damage: String) async throws {
        let scratch = Scratch()
        var store = try scratch.open()
        let wanted = try await fill(store)
        await store.close()
        try Database(scratch.directory + "/index.sqlite", .create).execute(damage)
        #expect(try warnings(scratch).isEmpty == damage.hasPrefix("DROP"))
        store = try scratch.open()
        #expect(store.usage() == wanted)
        try await store.put(Self.one, Key("more"), [1])
        #expect(store.usage()[Self.one] == Usage(versions: 4, bytes: 301))
        await store.close()
        #expect(try warnings(scratch) == [])
    }
}
