import Testing

@testable import Store

@Suite("The store says what its model says")
struct WholeModelTests {
    @Test(
        "any sequence of changes leaves what the plain model holds, before and after the store is opened anew",
        arguments: Depth.seeds(6)
    )
    func model(seed: UInt64) async throws {
        let run = try ModelRun(seed: seed)
        for step in 1...600 {
            try await run.step()
            if step % 100 == 0 { try await run.compareAll() }
            if step % 150 == 0 {
                try await run.reopen()
                try await run.compareAll()
            }
        }
        await run.store.close()
    }
}

@Suite("Stamps")
struct StampTests {
    @Test("a stamp is never given out twice, even after its version was removed for good")
    func neverTwice() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .on)
        let key = Key("k")
        try await store.put(bucket, key, [1])
        var stamps: [Stamp] = []
        for round in 0..<3 {
            guard case .done(let record?, _) = try await store.put(bucket, key, [2, UInt8(round)], .present) else {
                return #expect(Bool(false), "the conditional write was refused")
            }
            stamps.append(record.stamp)
            _ = try await store.commit(.deleteVersion(bucket, key, .stamp(record.stamp), .none))
        }
        #expect(Set(stamps).count == 3 && stamps == stamps.sorted(), "\(stamps)")
        await store.close()
    }
}
