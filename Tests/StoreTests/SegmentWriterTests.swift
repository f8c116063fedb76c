import Foundation
import NIOCore
import Synchronization
import Testing

@testable import Store

/// The end of a segment file: whole blocks past the page cache, and what becomes of bytes that the disk refuses.
@Suite struct SegmentWriterTests {
    /// On a disk: the other tests' directory may be in memory, where there is no page cache to go past.
    private final class Segment {
        let path = NSTemporaryDirectory() + "segment-test-" + UUID().uuidString
        let directory: DataDirectory
        let file: SegmentFile

        init() throws {
            directory = try DataDirectory(path)
            file = try SegmentFile.create(1, store: 7, in: directory, .system)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func bytes(from start: UInt64, to end: UInt64) throws -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: Int(end - start))
            let count = try bytes.withUnsafeMutableBytes {
                try DiskCalls.system.readAll(file.file, $0, at: start, path: file.path)
            }
            return Array(bytes[..<count])
        }
    }

    private func append(_ bytes: [UInt8], to writer: SegmentWriter, cut: Int) throws {
        try bytes.withUnsafeBytes {
            try writer.append([
                UnsafeRawBufferPointer(rebasing: $0[..<cut]), UnsafeRawBufferPointer(rebasing: $0[cut...]),
            ])
        }
    }

    /// Refuses a direct write that is not of whole blocks, or any at all; counts them by how they went.
    private func counting(_ direct: Counter, _ buffered: Counter, refusesDirect: Bool) -> DiskCalls {
        var calls = DiskCalls.system
        calls.write = { file, pieces, offset in
            guard fcntl(file, F_GETFL) & DiskCalls.direct != 0 else {
                buffered.add()
                return DiskCalls.system.write(file, pieces, offset)
            }
            direct.add()
            let block = UInt(SegmentWriter.blockBytes)
            let isAligned = pieces.allSatisfy { UInt(bitPattern: $0.baseAddress) % block == 0 }
            #expect(isAligned && pieces.allSatisfy { UInt($0.count) % block == 0 } && UInt(offset) % block == 0)
            return refusesDirect ? -Int(EINVAL) : DiskCalls.system.write(file, pieces, offset)
        }
        return calls
    }

    @Test("what was flushed is in the file, whatever the lengths, also when a new writer goes on", arguments: 0..<20)
    func flushed(seed: UInt64) throws {
        var random = Seeded(seed &+ 800)
        let direct = Counter()
        let buffered = Counter()
        let refusesDirect = seed % 4 == 0
        let calls = counting(direct, buffered, refusesDirect: refusesDirect)
        let segment = try Segment()
        var writer = try SegmentWriter(segment.file, end: SegmentFile.headerBytes, calls)
        var expected = try segment.bytes(from: 0, to: SegmentFile.headerBytes)
        for _ in 0..<60 {
            let count = 1 + random.below(random.below(4) == 0 ? 270_000 : 9000)
            let bytes = [UInt8]((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ count) })
            try append(bytes, to: writer, cut: random.below(count + 1))
            expected += bytes
            #expect(writer.end == UInt64(expected.count))
            guard random.below(3) == 0 else { continue }
            try writer.flush()
            #expect(writer.sync() == 0)
            #expect(try segment.bytes(from: 0, to: writer.end) == expected, "seed \(seed)")
            // Beside the old one, as behind a crash: its padding is in the way.
            if random.below(5) == 0 { writer = try SegmentWriter(segment.file, end: writer.end, calls) }
        }
        try writer.flush()
        #expect(try segment.bytes(from: 0, to: writer.end) == expected, "seed \(seed)")
        if DiskCalls.isFitForDirect(segment.file.file) {
            #expect(direct.value > 0 && (buffered.value > 0) == refusesDirect, "seed \(seed)")
        } else {
            #expect(direct.value == 0)
        }
    }

    @Test("padding goes with its writer")
    func padding() throws {
        let segment = try Segment()
        var writer: SegmentWriter? = try SegmentWriter(segment.file, end: SegmentFile.headerBytes, .system)
        let bytes = [UInt8](repeating: 9, count: 5000)
        if let writer {
            try append(bytes, to: writer, cut: 1)
            try writer.flush()
            // Held, and never written.
            try append(bytes, to: writer, cut: 1)
        }
        #expect(DataDirectory.fileBytes(segment.file.path) == 8192)
        writer = nil
        #expect(DataDirectory.fileBytes(segment.file.path) == SegmentFile.headerBytes + 5000)
    }

    @Test("who reads through the page cache sees what was written past it, in blocks that are written again and again")
    func coherent() throws {
        let segment = try Segment()
        let writer = try SegmentWriter(segment.file, end: SegmentFile.headerBytes, .system)
        let header = Int(SegmentFile.headerBytes)
        let end = Counter(header)
        let reads = Counter()
        let wrong = Counter()
        let isDone = Flag()
        @Sendable func byte(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 131 &+ (place >> 8)) }
        let file = segment.file.file
        let readers = DispatchGroup()
        defer {
            isDone.value = true
            readers.wait()
            #expect(wrong.value == 0)
            #expect(reads.value > 100)
        }
        for number in 0..<2 {
            readers.enter()
            Thread {
                defer { readers.leave() }
                var random = Seeded(UInt64(number))
                var bytes = [UInt8](repeating: 0, count: 9000)
                while !isDone.value {
                    // Most often what was written last: its block is going to be written again.
                    let known = end.value
                    let count = min(1 + random.below(9000), known - header)
                    guard count > 0 else { continue }
                    let isLast = random.below(4) > 0
                    let start = isLast ? known - count : header + random.below(known - header - count + 1)
                    let read = pread(file, &bytes, count, start)
                    reads.add()
                    if read != count || (0..<count).contains(where: { bytes[$0] != byte(start + $0) }) { wrong.add() }
                }
            }.start()
        }
        var random = Seeded(5)
        for _ in 0..<1000 {
            let count = 1 + random.below(random.below(8) == 0 ? 70_000 : 3000)
            let start = Int(writer.end)
            try append((0..<count).map { byte(start + $0) }, to: writer, cut: count / 2)
            try writer.flush()
            #expect(writer.sync() == 0)
            end.add(count)
        }
    }

    @Test("what a full disk refused is not there, and what comes behind it takes its place")
    func refused() throws {
        let isFull = Flag()
        var calls = DiskCalls.system
        // A part arrives: what it wrote is behind the end.
        calls.write = { file, pieces, offset in
            guard isFull.value else { return DiskCalls.system.write(file, pieces, offset) }
            guard pieces[0].count > 4096 else { return -Int(ENOSPC) }
            return DiskCalls.system.write(file, [UnsafeRawBufferPointer(rebasing: pieces[0][..<4096])], offset)
        }
        let segment = try Segment()
        let writer = try SegmentWriter(segment.file, end: SegmentFile.headerBytes, calls)
        let first = [UInt8](repeating: 1, count: 5000)
        try append(first, to: writer, cut: 40)
        try writer.flush()
        let end = writer.end
        isFull.value = true
        try append([UInt8](repeating: 2, count: 20_000), to: writer, cut: 40)
        #expect(throws: StoreError.self) { try writer.flush() }
        #expect(writer.end == end)
        isFull.value = false
        let third = [UInt8](repeating: 3, count: 300)
        try append(third, to: writer, cut: 40)
        try writer.flush()
        #expect(try segment.bytes(from: SegmentFile.headerBytes, to: writer.end) == first + third)
    }

    @Test("a batch that lost anything is refused, and the file goes on where it was")
    func losses() throws {
        let writes = Counter()
        var calls = DiskCalls.system
        calls.freeBytes = { _ in 1 << 40 }
        calls.write = { file, pieces, offset in
            // The header of a new segment, then one batch, then the first flush of the next.
            writes.add()
            return writes.value == 3 ? -Int(ENOSPC) : DiskCalls.system.write(file, pieces, offset)
        }
        let path = NSTemporaryDirectory() + "segment-test-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let directory = try DataDirectory(path)
        let staging = Staging()
        let segments = SegmentTable(directory, nextID: 1)
        let metrics = Metrics()
        func shared() -> Lane.Shared {
            Lane.Shared(
                directory: directory,
                storeID: 7,
                segments: segments,
                staging: staging,
                condition: Condition(path, StoreSettings(), calls),
                metrics: metrics,
                calls: calls,
                segmentBytesMax: 1 << 28,
                active: ActiveSegments()
            )
        }
        var places: [Int64: Location] = [:]
        func body(_ number: Int64) -> ByteBuffer {
            ByteBuffer(repeating: UInt8(truncatingIfNeeded: number), count: 200_000)
        }
        func append(_ number: Int64, with pen: inout Pen) throws {
            staging.begin(BlobID(rawValue: number))
            places[number] = try pen.append(body(number), of: BlobID(rawValue: number), chunk: 0)
        }
        var pen: Pen? = Pen(shared(), resume: nil)
        try append(1, with: &pen!)
        try pen!.sync()
        // The fourth does not fit into the buffer any more: the two before it are written, and lost.
        try append(2, with: &pen!)
        try append(3, with: &pen!)
        #expect(throws: StoreError.self) { try append(4, with: &pen!) }
        #expect(throws: StoreError.self) { try pen!.sync() }
        pen = nil
        let end = try #require(places[1]).end
        #expect(DataDirectory.fileBytes(directory.segment(1)) == end)
        // One that knows nothing of a full disk.
        var next: Pen? = Pen(shared(), resume: (try #require(segments.opened(1)), end))
        for number in 5...8 { try append(Int64(number), with: &next!) }
        try next!.sync()
        let source = ChunkSource(
            segments: segments,
            calls: .system,
            metrics: metrics,
            damage: DamageBook(),
            quarantine: { _, _, _ in }
        )
        for number in [1, 5, 6, 7, 8] as [Int64] {
            #expect(try source.read(#require(places[number]), BlobID(rawValue: number), 0) == body(number))
        }
        for number in [2, 3] as [Int64] {
            #expect(throws: StoreError.self) {
                try source.read(#require(places[number]), BlobID(rawValue: number), 0)
            }
        }
        next = nil
        #expect(DataDirectory.fileBytes(directory.segment(1)) == places[8]?.end)
    }

    @Test("a stream whose chunk the disk refused is not finished, also when its end was on the way already")
    func lostChunk() async throws {
        let scratch = Scratch()
        let begun = DispatchSemaphore(value: 0)
        let mayGoOn = DispatchSemaphore(value: 0)
        var calls = DiskCalls.system
        calls.freeBytes = { _ in 1 << 40 }
        calls.write = { file, pieces, offset in
            // All but the header of a new segment.
            guard offset > 0 || pieces[0].count > 64 else { return DiskCalls.system.write(file, pieces, offset) }
            begun.signal()
            mayGoOn.wait()
            return -Int(ENOSPC)
        }
        let store = try scratch.open(calls: calls)
        let writer = try store.makeBlob()
        let finished: Result<BlobID, any Error> = await withCheckedContinuation { continuation in
            writer.append(ByteBuffer(repeating: 1, count: 100_000)) { _ in }
            begun.wait()
            // The first is not answered yet, so nobody knows.
            writer.finish(appending: nil) { continuation.resume(returning: $0) }
            mayGoOn.signal()
        }
        #expect(throws: StoreError.self) { try finished.get() }
        await store.close()
    }
}

/// A number that closures count up.
private final class Counter: Sendable {
    private let number: Atomic<Int>

    init(_ number: Int = 0) { self.number = Atomic(number) }

    var value: Int { number.load(ordering: .acquiring) }

    func add(_ count: Int = 1) { number.add(count, ordering: .acquiringAndReleasing) }
}
