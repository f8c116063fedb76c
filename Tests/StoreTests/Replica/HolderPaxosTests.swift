import Foundation
import NIOCore
import Testing

@testable import Store

/// Promises, acceptances, fences and bytes of a holder.
@Suite struct HolderPaxosTests {
    private func ballot(_ round: UInt64) -> Ballot { Ballot(round: round, proposer: 9) }

    @Test("a promise and an accepted row with its bytes survive a power cut, whatever was not synced", arguments: 0..<4)
    func survive(seed: UInt64) async throws {
        var random = Seeded(seed &+ 40)
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let create = Stamp(t: HolderSample.settled + 1, w: 0, q: 1)
        var accepted: [RowAddress: [UInt8]] = [:]
        var committed: [RowAddress: [UInt8]] = [:]
        for number in 0..<12 {
            let address = RowAddress(bucket, Key("k\(number)"))
            let op = OpID(high: 5, low: UInt64(number))
            let bytes = random.body(number % 2 == 0 ? 500 : 300_000)
            let isStaged = bytes.count > 1000
            if isStaged { try await store.stage(op, bytes) }
            let row = HolderSample.row(
                bucket,
                address.key,
                create,
                op: op,
                bytes: bytes,
                body: isStaged ? .staged : nil
            )
            #expect(await store.call(.prepare(address, predecessor: nil, ballot(2))).name == "promised")
            #expect(await store.call(.accept(row, predecessor: nil, ballot(2))).name == "accepted")
            accepted[address] = bytes
            if number % 3 == 0 {
                #expect(await store.commit(row) == .complete)
                accepted[address] = nil
                committed[address] = bytes
            }
        }
        let image = scratch.path + "/image"
        try Image.take(of: scratch.directory, at: image, &random)
        await store.close()
        let copy = try ObjectStore.open(image, settings: .tight)
        try await HolderSample.adopt(copy)
        for (address, bytes) in committed {
            #expect(try await copy.bytes(address, create) == bytes)
            #expect(await copy.call(.prepare(address, predecessor: nil, ballot(3))).name == "elsewhere")
        }
        for (address, bytes) in accepted {
            #expect(await copy.call(.prepare(address, predecessor: nil, ballot(1))).name == "outbid")
            guard
                case .promised(let proposal?) = await copy.call(.prepare(address, predecessor: nil, ballot(3)))
            else {
                Issue.record("nothing was accepted, seed \(seed)")
                continue
            }
            #expect(proposal.ballot == ballot(2) && proposal.row.stamp == create)
            // Older rows wait until the create is resolved.
            let old = HolderSample.row(bucket, address.key, Stamp(t: 2, w: 2, q: 0), op: OpID(high: 1, low: 1))
            #expect(await copy.call(.commit(old)).name == "outbid")
            #expect(await copy.commit(proposal.row) == .complete)
            #expect(try await copy.bytes(address, create) == bytes)
            #expect(await copy.commit(old) == .superseded)
        }
        #expect(copy.statistics().corruptions == 0)
        await copy.close()
        let report = try Doctor.examine(image)
        #expect(report.errors == 0 && report.warnings == 0, "seed \(seed): \(report.findings)")
    }

    @Test("an instance is over when the key moves on, and its bytes go")
    func over() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let address = RowAddress(bucket, Key("k"))
        let first = HolderSample.row(bucket, address.key, Stamp(t: 50, w: 1, q: 0), op: OpID(high: 1, low: 1))
        #expect(await store.commit(first) == .complete)
        let next = HolderSample.row(
            bucket,
            address.key,
            first.stamp.successor,
            op: OpID(high: 1, low: 2),
            bytes: [UInt8](repeating: 3, count: 700)
        )
        #expect(await store.call(.accept(next, predecessor: first.stamp, ballot(1))).name == "accepted")
        #expect(await store.call(.accept(next, predecessor: first.stamp, ballot(2))).name == "accepted")
        #expect(await store.call(.accept(next, predecessor: first.stamp, ballot(1))).name == "outbid")
        let blind = HolderSample.row(bucket, address.key, Stamp(t: 60, w: 1, q: 0), op: OpID(high: 1, low: 3))
        #expect(await store.commit(blind) == .complete)
        #expect(await store.call(.accept(next, predecessor: first.stamp, ballot(3))).name == "elsewhere")
        #expect(await store.commit(next) == .superseded)
        await store.close()
        let report = try Doctor.examine(scratch.directory)
        #expect(report.errors == 0 && report.warnings == 0, "\(report.findings)")
        #expect(report.bodies == 0)
    }

    @Test("an accepted create outlasts a settled tombstone that comes back, with its bytes, and is placed above it")
    func comesBack() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let address = RowAddress(bucket, Key("k"))
        let bytes = [UInt8](repeating: 3, count: 700)
        let create = HolderSample.row(
            bucket,
            address.key,
            Stamp(t: HolderSample.settled + 1, w: 0, q: 1),
            op: OpID(high: 1, low: 2),
            bytes: bytes
        )
        func row(_ t: UInt64, _ kind: Record.Kind = .object) -> Row {
            HolderSample.row(bucket, address.key, Stamp(t: t, w: 1, q: 0), kind, op: OpID(high: t, low: 1))
        }
        #expect(await store.call(.accept(create, predecessor: nil, ballot(2))).name == "accepted")
        #expect(await store.commit(row(4, .tombstone)) == .complete)
        #expect(await store.call(.commit(row(5))).name == "outbid")
        #expect(await store.call(.prepare(address, predecessor: nil, ballot(1))).name == "outbid")
        guard case .promised(let proposal?) = await store.call(.prepare(address, predecessor: nil, ballot(3))) else {
            Issue.record("the tombstone ended the instance")
            return
        }
        #expect(proposal.row.stamp == create.stamp && proposal.row.body == create.body)
        #expect(await store.commit(proposal.row) == .complete)
        #expect(try await store.bytes(address, create.stamp) == bytes)
        #expect(await store.allRows(address).map(\.stamp) == [create.stamp])
        await store.close()
        let report = try Doctor.examine(scratch.directory)
        #expect(report.errors == 0 && report.warnings == 0, "\(report.findings)")
    }

    @Test("what was promised about an absent key is kept under settled rows, without the bytes of what they void")
    func outlasts() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let address = RowAddress(bucket, Key("k"))
        let stale = HolderSample.row(
            bucket,
            address.key,
            Stamp(t: 2, w: 0, q: 1),
            op: OpID(high: 1, low: 2),
            bytes: [UInt8](repeating: 3, count: 700)
        )
        let late = HolderSample.row(bucket, address.key, Stamp(t: 4, w: 1, q: 0), op: OpID(high: 1, low: 3))
        let next = HolderSample.row(
            bucket,
            address.key,
            late.stamp.successor,
            op: OpID(high: 1, low: 4),
            bytes: [UInt8](repeating: 4, count: 700)
        )
        #expect(await store.call(.accept(stale, predecessor: nil, ballot(5))).name == "accepted")
        #expect(await store.commit(late) == .complete)
        #expect(await store.call(.prepare(address, predecessor: late.stamp, ballot(4))).name == "outbid")
        #expect(await store.call(.accept(next, predecessor: late.stamp, ballot(6))).name == "accepted")
        #expect(await store.commit(next) == .complete)
        #expect(await store.call(.prepare(address, predecessor: next.stamp, ballot(5))).name == "outbid")
        let blind = HolderSample.row(bucket, address.key, Stamp(t: 60, w: 1, q: 0), op: OpID(high: 1, low: 5))
        #expect(await store.commit(blind) == .complete)
        #expect(await store.call(.prepare(address, predecessor: blind.stamp, ballot(1))).name == "promised")
        let last = HolderSample.row(bucket, address.key, Stamp(t: 61, w: 1, q: 0), op: OpID(high: 1, low: 6))
        #expect(await store.commit(last) == .complete)
        await store.close()
        let report = try Doctor.examine(scratch.directory)
        #expect(report.errors == 0 && report.warnings == 0, "\(report.findings)")
        #expect(report.bodies == 0)
    }

    @Test("calls of an epoch that is over or not known are refused, partition by partition")
    func fences() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        let address = RowAddress(bucket, Key("k"))
        let row = HolderSample.row(bucket, address.key, Stamp(t: 50, w: 1, q: 0), op: OpID(high: 1, low: 1))
        #expect(await store.call(.commit(row)).name == "notHolder")
        try await store.put(bucket, Key("alone"), [1])
        try await HolderSample.adopt(store, epoch: 7, fence: 5)
        #expect(await store.call(.commit(row), epoch: 4).name == "staleEpoch(7)")
        await #expect(throws: StoreError.self) { try await store.put(bucket, Key("alone"), [2]) }
        #expect(await store.call(.look(address, .current, .stamps), epoch: 4).name == "staleEpoch(7)")
        #expect(await store.call(.commit(row), epoch: 8).name == "unknownEpoch(7)")
        #expect(await store.call(.scan(ScanQuery(bucket: bucket, limit: 1)), epoch: 8).name == "unknownEpoch(7)")
        #expect(await store.commit(row, epoch: 5) == .complete)
        try await store.setClosed([bucket], true)
        let later = HolderSample.row(bucket, address.key, Stamp(t: 51, w: 1, q: 0), op: OpID(high: 1, low: 2))
        #expect(await store.call(.commit(later), epoch: 5).name == "bucketClosed")
        // Also one that is here: it may have come by repair, after whoever deletes the bucket has looked.
        #expect(await store.call(.commit(row), epoch: 5).name == "bucketClosed")
        await store.close()
        let again = try scratch.open(.tight)
        try await HolderSample.adopt(again, epoch: 7, fence: 5)
        #expect(await again.call(.commit(later), epoch: 5).name == "bucketClosed")
        try await again.setClosed([bucket], false)
        #expect(await again.commit(row, epoch: 5) == .complete)
        #expect(await again.commit(later, epoch: 5) == .complete)
        await again.close()
    }

    @Test("small state is read as it was committed last, by looks and from memory, and its observers are told")
    func smallState() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        try await HolderSample.adopt(store)
        let told = Box<[Key]>()
        store.onSystemChange { told.set($0) }
        let address = RowAddress(.system, Key("setting/x"))
        for round in UInt8(1)...3 {
            let row = HolderSample.row(
                .system,
                address.key,
                Stamp(t: 50 + UInt64(round), w: 1, q: 0),
                op: OpID(high: 1, low: UInt64(round)),
                attributes: [round]
            )
            #expect(await store.commit(row) == .complete)
            #expect(told.get() == [address.key])
            #expect(store.register("setting/x") == [round])
            #expect(await store.view(address)?.found?.record.attributes == [round])
            let found = try await store.find(.system, address.key, .current, body: false)
            #expect(found?.record.attributes == [round])
        }
        let end = HolderSample.row(
            .system,
            address.key,
            Stamp(t: 60, w: 1, q: 0),
            .tombstone,
            op: OpID(high: 1, low: 9)
        )
        #expect(await store.commit(end) == .complete)
        #expect(store.register("setting/x") == nil)
        #expect(await store.view(address)?.found == nil)
        await store.close()
    }

    @Test("bytes that did not come are wanted until they are supplied")
    func wanted() async throws {
        var random = Seeded(8)
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let address = RowAddress(bucket, Key("k"))
        let bytes = random.body(400_000)
        let op = OpID(high: 3, low: 3)
        let row = HolderSample.row(bucket, address.key, Stamp(t: 50, w: 1, q: 0), op: op, bytes: bytes, body: .staged)
        #expect(await store.commit(row) == .withoutBytes)
        #expect(await store.commit(row) == .withoutBytes)
        #expect(store.wantedCount == 1)
        let wanted = try await store.wanted(after: nil, limit: 10)
        #expect(wanted.map(\.0) == [address] && wanted.map(\.1) == [row.stamp])
        #expect(try await store.openBody(address, row.stamp) == nil)
        try await store.stage(op, bytes)
        #expect(store.isStaged(op))
        try await store.supply(address, row.stamp, ops: [op])
        #expect(!store.isStaged(op) && store.wantedCount == 0)
        #expect(try await store.bytes(address, row.stamp) == bytes)
        #expect(await store.commit(row) == .complete)
        await store.close()
        let report = try Doctor.examine(scratch.directory)
        #expect(report.errors == 0 && report.warnings == 0, "\(report.findings)")
    }

    @Test("bytes that were found damaged are wanted, and those that are supplied take their place")
    func damaged() async throws {
        var random = Seeded(9)
        let scratch = Scratch()
        var store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let address = RowAddress(bucket, Key("k"))
        let bytes = random.body(400_000)
        let op = OpID(high: 3, low: 3)
        try await store.stage(op, bytes)
        let row = HolderSample.row(bucket, address.key, Stamp(t: 50, w: 1, q: 0), op: op, bytes: bytes, body: .staged)
        #expect(await store.commit(row) == .complete)
        await store.close()
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.directory + "/segments")
        for name in names { try UpkeepSample.flip(scratch.directory + "/segments/" + name, at: 100_000) }
        store = try scratch.open(.tight)
        try await HolderSample.adopt(store)
        await #expect(throws: StoreError.self) { try await store.bytes(address, row.stamp) }
        // Its owner is looked for between the committer's transactions.
        while store.wantedCount == 0 { try await store.run { _ in } }
        #expect(try await store.openBody(address, row.stamp) == nil)
        #expect(await store.commit(row) == .withoutBytes)
        let late = OpID(high: 4, low: 4)
        try await store.stage(late, bytes)
        try await store.supply(address, row.stamp, ops: [late])
        #expect(store.wantedCount == 0)
        #expect(try await store.bytes(address, row.stamp) == bytes)
        await store.close()
    }

    @Test("a completed upload takes its parts' bytes, wherever they are, and the end of the upload takes the rest")
    func parts() async throws {
        var random = Seeded(21)
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        let upload = Upload(
            id: .fresh(millis: 70),
            bucket: bucket,
            key: Key("big"),
            initiatedMillis: 70,
            attributes: [],
            tags: []
        )
        let begun = HolderSample.row(
            upload.address.bucket,
            upload.address.key,
            Stamp(t: 50, w: 1, q: 0),
            op: OpID(high: 1, low: 1),
            attributes: UploadRow(attributes: []).encoded
        )
        #expect(await store.commit(begun) == .complete)
        #expect(try await store.upload(upload.id)?.key == upload.key)
        var names: [PartName] = []
        var whole: [UInt8] = []
        var rows: [Row] = []
        for number in UInt16(1)...4 {
            let bytes = random.body(300_000 + Int(number))
            let op = OpID(high: 2, low: UInt64(number))
            // The third part's row never came, its bytes did; the fourth is not used.
            try await store.stage(op, bytes)
            let row = HolderSample.row(
                bucket.within(.part),
                UploadKey.part(upload.address.key, number),
                Stamp(t: 60, w: UInt64(number), q: 0),
                op: op,
                bytes: bytes,
                body: .staged
            )
            rows.append(row)
            if number != 3 { #expect(await store.commit(row) == .complete) }
            guard number != 4 else { continue }
            names.append(PartName(number: number, op: op, size: UInt64(bytes.count), attributes: []))
            whole += bytes
        }
        let address = RowAddress(bucket, upload.key)
        let object = HolderSample.row(
            bucket,
            upload.key,
            Stamp(t: 70, w: 1, q: 0),
            op: OpID(high: 1, low: 9),
            body: .parts(names),
            size: UInt64(whole.count)
        )
        #expect(await store.commit(object) == .complete)
        #expect(try await store.bytes(address, object.stamp) == whole)
        #expect(try await store.row(address, object.stamp)?.body == .parts(names))
        let end = HolderSample.row(
            upload.address.bucket,
            upload.address.key,
            Stamp(t: 80, w: 1, q: 0),
            .tombstone,
            op: OpID(high: 1, low: 10)
        )
        #expect(await store.commit(end) == .complete)
        #expect(await store.commit(rows[2]) == .superseded)
        #expect(await store.allRows(rows[0].address).isEmpty)
        #expect(try await store.upload(upload.id) == nil)
        #expect(try await store.bytes(address, object.stamp) == whole)
        await store.close()
        let report = try Doctor.examine(scratch.directory)
        #expect(report.errors == 0 && report.warnings == 0, "\(report.findings)")
    }
}
