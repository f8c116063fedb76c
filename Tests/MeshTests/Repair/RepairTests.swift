import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

@Suite struct RepairTests {
    /// Three nodes that hold everything, with these rows on all of them.
    private func mesh(_ writer: inout Writer, count: Int, size: Int, isSmall: Bool = true) async throws -> (
        RepairBed, [RowAddress: Row]
    ) {
        let bed = RepairBed()
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 3))
        var newest: [RowAddress: Row] = [:]
        for index in 0..<count {
            let written = writer.row("key-\(index)", size: size, isSmall: isSmall)
            newest[written.row.address] = written.row
            bed.write(written)
        }
        return (bed, newest)
    }

    @Test("two equal nodes compare in less than 64 KiB, whatever they hold")
    func equalNodesAreCheap() async throws {
        var writer = Writer(seed: 1)
        let (bed, _) = try await mesh(&writer, count: 0, size: 0)
        for station in bed.up {
            station.disk.state.withLock { state in
                var hash: UInt64 = 7
                // Sums say nothing of how many rows they are of.
                for partition in 0..<Partition.count {
                    for leaf in 0..<256 {
                        hash = Rendezvous.mix(hash)
                        let sum = DigestSum(high: hash, low: hash &* 31)
                        state.leaves[partition][leaf] += sum
                        state.roots[partition] += sum
                    }
                }
            }
        }
        let before = bed.bytes
        let result = await bed.station(1).repair.antiEntropy.compare(with: RepairBed.id(2))
        #expect(result?.leavesDifferent == 0)
        #expect(bed.bytes - before < 64 << 10)
    }

    @Test("one percent of differences heals both ways with less than three times the ideal bytes")
    func differencesHeal() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let size = 4096
        var (bed, newest) = try await mesh(&writer, count: 5000, size: size)
        // Half of them are unknown to one node, half of them to another.
        for index in 0..<50 {
            let written = writer.row("key-\(writer.below(5000))", size: size)
            newest[written.row.address] = written.row
            bed.write(written, missing: [RepairBed.id(index % 2 == 0 ? 2 : 3)], hinted: false)
        }
        let before = bed.bytes
        for (a, b) in [(1, 2), (1, 3), (2, 3)] as [(UInt64, UInt64)] {
            await bed.station(a).repair.antiEntropy.compare(with: RepairBed.id(b))
        }
        #expect(bed.check(newest, exactly: true) == [], "seed \(seed)")
        #expect(bed.bytes - before < 3 * 50 * UInt64(size), "\(bed.bytes - before) bytes; seed \(seed)")
    }

    @Test("hints drain to zero when a node is back, with the bytes of large bodies")
    func hintsDrain() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        var (bed, newest) = try await mesh(&writer, count: 20, size: 100_000, isSmall: false)
        bed.setDown(3, true)
        for index in 0..<40 {
            let written = writer.row("key-\(index)", size: index % 4 == 0 ? 600_000 : 3000, isSmall: index % 4 != 0)
            newest[written.row.address] = written.row
            bed.write(written, missing: [RepairBed.id(3)])
        }
        #expect(bed.station(1).repair.report.hints.first?.sentence == "40 objects wait for node3")
        try await bed.round()
        #expect(bed.station(1).disk.hintCounts()[RepairBed.id(3)] == 40)
        bed.setDown(3, false)
        for _ in 0..<4 { try await bed.round() }
        #expect(bed.station(1).disk.hintCounts().isEmpty && bed.station(2).disk.hintCounts().isEmpty)
        #expect(bed.check(newest, exactly: true) == [], "seed \(seed)")
        #expect(bed.station(1).repair.report.sentences == [])
    }

    @Test("losing all hints loses nothing: comparisons bring the same rows")
    func hintsMayBeLost() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        var (bed, newest) = try await mesh(&writer, count: 200, size: 500)
        bed.setDown(3, true)
        for index in 0..<100 {
            let written = writer.row("key-\(2 * index)", size: index % 5 == 0 ? 70_000 : 500, isSmall: index % 5 != 0)
            newest[written.row.address] = written.row
            bed.write(written, missing: [RepairBed.id(3)])
        }
        for number in 1...2 as ClosedRange<UInt64> { bed.station(number).disk.state.withLock { $0.hints = [:] } }
        bed.setDown(3, false)
        await bed.station(1).repair.antiEntropy.compare(with: RepairBed.id(3))
        for _ in 0..<2 { try await bed.round() }
        #expect(bed.check(newest, exactly: true) == [], "seed \(seed)")
    }

    @Test("bytes that do not fit their ETag are refused, and another holder is asked")
    func liesAreRefused() async throws {
        var writer = Writer(seed: 5)
        let (bed, newest) = try await mesh(&writer, count: 1, size: 700_000, isSmall: false)
        let row = try #require(newest.values.first)
        let name = RowName(row.address, row.stamp)
        bed.station(3).disk.state.withLock { state in
            state.bodies[name] = nil
            state.wanted.insert(name)
        }
        bed.net.withLock { $0.liars = [RepairBed.id(1)] }
        bed.station(3).repair.around.sources.note(name, RepairBed.id(1))
        await bed.station(3).repair.fetchWanted()
        #expect(bed.station(3).repair.counters.bodiesRefused.value == 1)
        #expect(bed.check(newest, exactly: true) == [])
        #expect(bed.station(3).disk.body(name) == bed.station(2).disk.body(name))
        #expect(bed.station(3).disk.wantedCount == 0)
    }

    @Test("a row that a read found missing is mended once, however often it is offered")
    func readRepairIsSingle() async throws {
        var writer = Writer(seed: 6)
        let (bed, _) = try await mesh(&writer, count: 0, size: 0)
        let written = writer.row("late", size: 100)
        bed.write(written, missing: [RepairBed.id(2)], hinted: false)
        let repair = bed.station(1).repair
        let epoch = bed.station(1).layout.epoch
        for _ in 0..<50 { repair.readRepair.offer(written.row, lagging: [RepairBed.id(2)], epoch: epoch) }
        #expect(repair.readRepair.backlog == 1 && repair.counters.readRepairsDropped.value == 49)
        try await repair.readRepair.drain()
        #expect(repair.readRepair.backlog == 0 && repair.counters.readRepairs.value == 1)
        #expect(bed.check([written.row.address: written.row], exactly: true) == [])
    }

    @Test("small state that one voter missed is there after one look at another")
    func smallStateSpreads() async throws {
        var writer = Writer(seed: 7)
        let (bed, _) = try await mesh(&writer, count: 0, size: 0)
        var written = writer.row("bucket/photos", size: 0)
        written.row.record.bucket = .system
        written.row.body = .empty
        _ = bed.station(1).disk.put([written.row])
        for number in 2...3 as ClosedRange<UInt64> {
            for _ in 0..<3 { await bed.station(number).repair.pollSmallState() }
        }
        #expect(bed.check([written.row.address: written.row], exactly: true) == [])
    }

    @Test("a node has met its mesh when most members answer at the same time, and knows it for good")
    func majoritiesAreMet() async throws {
        var writer = Writer(seed: 10)
        let (bed, _) = try await mesh(&writer, count: 0, size: 0)
        let newcomer = try await bed.start(4)
        #expect(!newcomer.conduct.hasMetMajority)
        // It comes through the first, and nobody else lets it in yet.
        for number in 2...3 as ClosedRange<UInt64> { bed.setDown(number, true) }
        for _ in 0..<3 { await newcomer.conduct.step() }
        #expect(newcomer.layout.isReady && !newcomer.conduct.hasMetMajority)
        bed.setDown(2, false)
        await newcomer.conduct.step()
        #expect(newcomer.conduct.hasMetMajority)
        bed.setDown(2, true)
        await newcomer.conduct.step()
        #expect(newcomer.conduct.hasMetMajority)
    }

    @Test("a majority of an old layout is none: who slept while its mesh grew has to meet the new one")
    func oldMajoritiesDoNotCount() async throws {
        let bed = RepairBed()
        try await bed.start(1)
        let sleeper = try await bed.start(2)
        await sleeper.conduct.step()
        #expect(sleeper.layout.book.current.members.map(\.node) == [RepairBed.id(1)])
        bed.setDown(2, true)
        for number in 3...4 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 3))
        for number in 3...4 as ClosedRange<UInt64> { bed.setDown(number, true) }
        bed.setDown(2, false)
        for _ in 0..<3 { await sleeper.conduct.step() }
        #expect(sleeper.layout.book.current.members.count == 3 && !sleeper.conduct.hasMetMajority)
        bed.setDown(3, false)
        await sleeper.conduct.step()
        #expect(sleeper.conduct.hasMetMajority)
    }

    @Test("bytes that a write waits for are fetched at once, also in a pause, and beside a holder that is away")
    func bareRowsAreUrgent() async throws {
        var writer = Writer(seed: 9)
        let (bed, _) = try await mesh(&writer, count: 0, size: 0)
        let written = writer.row("large", size: 700_000, isSmall: false)
        let name = RowName(written.row.address, written.row.stamp)
        let late = bed.station(3)
        late.repair.pace.pause()
        let works = Task { await late.repair.run() }
        bed.write(written, missing: [late.id, RepairBed.id(1)], hinted: false)
        bed.setDown(1, true)
        #expect(await late.disk.merge([written.row], epoch: .max) == [.withoutBytes])
        // The first time nobody is known to wait, the second time somebody asked again.
        late.repair.urgent.offer(name)
        #expect(late.disk.wantedCount == 1)
        late.repair.urgent.offer(name)
        let end = ContinuousClock.now + .seconds(60)
        while late.disk.wantedCount > 0, .now < end { try await Task.sleep(for: .milliseconds(5)) }
        #expect(late.disk.wantedCount == 0)
        works.cancel()
        await works.value
        // What nobody gives, and what takes too long, is left to the rounds.
        let lost = writer.row("lost", size: 700_000, isSmall: false)
        #expect(await late.disk.merge([lost.row], epoch: .max) == [.withoutBytes])
        #expect(await !late.repair.urgent.fetch(RowName(lost.row.address, lost.row.stamp)))
        #expect(late.disk.wantedCount == 1)
    }

    @Test("a pause of repair keeps neither keys and grants waiting nor what operators order")
    func pausesHoldDataOnly() async throws {
        var writer = Writer(seed: 8)
        let (bed, _) = try await mesh(&writer, count: 0, size: 0)
        var written = writer.row("key/revoked", size: 0)
        written.row.record.bucket = .system
        written.row.body = .empty
        for station in bed.up { station.repair.pace.pause() }
        _ = bed.station(1).disk.put([written.row])
        let works = Task {
            for number in 2...3 as ClosedRange<UInt64> {
                for _ in 0..<3 { await bed.station(number).repair.pollSmallState() }
            }
            for station in bed.up { await station.conduct.step() }
        }
        let end = ContinuousClock.now + .seconds(30)
        let done = Mutex(false)
        let watch = Task {
            await works.value
            done.withLock { $0 = true }
        }
        while !done.withLock({ $0 }), .now < end { try await Task.sleep(for: .milliseconds(20)) }
        let isThrough = done.withLock { $0 }
        for station in bed.up { station.repair.pace.resume() }
        await watch.value
        #expect(isThrough, "it waited for the pause to end")
        #expect(bed.check([written.row.address: written.row], exactly: true) == [])
    }
}
