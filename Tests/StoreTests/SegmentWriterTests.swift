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

        init(_ calls: DiskCalls = .system) throws {
            directory = try DataDirectory(path)
            file = try SegmentFile.create(1, store: 7, in: directory, calls)
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

    /// Descriptors that bypass the page cache answer as on a file system that cannot; what they refused is counted.
    private func withoutDirect(_ refused: Counter) -> DiskCalls {
        var calls = DiskCalls.system
        calls.write = { file, pieces, offset in
            guard fcntl(file, F_GETFL) & SegmentWriter.openDirect == 0 else {
                refused.value += 1
                return -Int(EINVAL)
            }
            return DiskCalls.system.write(file, pieces, offset)
        }
        return calls
    }

    @Test("what was flushed is in the file, whatever the lengths, also behind a writer of before", arguments: 0..<20)
    func flushed(seed: UInt64) throws {
        var random = Seeded(seed &+ 800)
        let refused = Counter()
        let calls = seed % 4 == 0 ? withoutDirect(refused) : .system
        let segment = try Segment()
        var writer = SegmentWriter(segment.file, end: SegmentFile.headerBytes, calls)
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
            guard random.below(5) == 0 else { continue }
            if random.below(2) == 0 {
                writer.trim()
                #expect(DataDirectory.fileBytes(segment.file.path) == writer.end)
            }
            writer = SegmentWriter(segment.file, end: writer.end, calls)
        }
        try writer.flush()
        #expect(try segment.bytes(from: 0, to: writer.end) == expected, "seed \(seed)")
        if seed % 4 == 0 { #expect(refused.value > 0) }
    }

    @Test("who reads through the page cache sees what was written past it, in blocks that are written again and again")
    func coherent() throws {
        let segment = try Segment()
        let writer = SegmentWriter(segment.file, end: SegmentFile.headerBytes, .system)
        let end = Counter()
        let wrong = Counter()
        let isDone = Flag()
        end.value = Int(SegmentFile.headerBytes)
        @Sendable func byte(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 131 &+ (place >> 8)) }
        let file = segment.file.file
        let readers = (0..<2).map { number in
            let thread = Thread {
                var random = Seeded(UInt64(number))
                var bytes = [UInt8](repeating: 0, count: 9000)
                while !isDone.value {
                    // Most often what was written last: its block is going to be written again.
                    let known = end.value
                    let count = min(1 + random.below(9000), known - 64)
                    let start = random.below(4) == 0 ? 64 + random.below(known - 64 - count + 1) : known - count
                    guard count > 0 else { continue }
                    let read = pread(file, &bytes, count, start)
                    if read != count || (0..<count).contains(where: { bytes[$0] != byte(start + $0) }) {
                        wrong.value += 1
                    }
                }
                wrong.done.signal()
            }
            thread.start()
            return thread
        }
        var random = Seeded(5)
        for _ in 0..<1500 {
            let count = 1 + random.below(random.below(8) == 0 ? 70_000 : 3000)
            let start = end.value
            try append((0..<count).map { byte(start + $0) }, to: writer, cut: count / 2)
            try writer.flush()
            end.value = start + count
        }
        isDone.value = true
        for _ in readers { wrong.done.wait() }
        #expect(wrong.value == 0)
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
        let writer = SegmentWriter(segment.file, end: SegmentFile.headerBytes, calls)
        let first = [UInt8](repeating: 1, count: 5000)
        try append(first, to: writer, cut: 40)
        try writer.flush()
        let end = writer.end
        isFull.value = true
        try append([UInt8](repeating: 2, count: 20_000), to: writer, cut: 40)
        #expect(writer.isHolding)
        #expect(throws: StoreError.self) { try writer.flush() }
        #expect(writer.end == end && !writer.isHolding)
        isFull.value = false
        let third = [UInt8](repeating: 3, count: 300)
        try append(third, to: writer, cut: 40)
        try writer.flush()
        #expect(try segment.bytes(from: SegmentFile.headerBytes, to: writer.end) == first + third)
    }

    @Test("a batch of which anything got lost on its way is not synced, however much came behind it")
    func losses() throws {
        let failures = Counter()
        var calls = DiskCalls.system
        calls.freeBytes = { _ in 1 << 40 }
        calls.write = { file, pieces, offset in
            // The header of a new segment, then one batch, then the first flush of the next.
            failures.value += 1
            return failures.value == 3 ? -Int(ENOSPC) : DiskCalls.system.write(file, pieces, offset)
        }
        let path = NSTemporaryDirectory() + "segment-test-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let directory = try DataDirectory(path)
        let staging = Staging()
        let segments = SegmentTable(directory, nextID: 1)
        let metrics = Metrics()
        let shared = Lane.Shared(
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
        var pen = Pen(shared, resume: nil)
        func body(_ number: Int64) -> ByteBuffer {
            ByteBuffer(repeating: UInt8(truncatingIfNeeded: number), count: 200_000)
        }
        var places: [Int64: Location] = [:]
        func append(_ number: Int64) throws {
            staging.begin(BlobID(rawValue: number))
            places[number] = try pen.append(body(number), of: BlobID(rawValue: number), chunk: 0)
        }
        try append(1)
        try pen.sync()
        // The third does not fit into the buffer any more: the first two are written, and lost.
        try append(2)
        try append(3)
        #expect(throws: StoreError.self) { try append(4) }
        #expect(throws: StoreError.self) { try pen.sync() }
        // Half a second later the store looks at the disk again.
        Thread.sleep(forTimeInterval: 0.6)
        for number in 5...8 { try append(Int64(number)) }
        try pen.sync()
        let source = ChunkSource(
            segments: segments,
            calls: .system,
            metrics: metrics,
            damage: DamageBook(),
            quarantine: { _, _, _ in }
        )
        for number in [1, 5, 6, 7, 8] as [Int64] {
            let place = try #require(places[number])
            #expect(try source.read(place, BlobID(rawValue: number), 0) == body(number))
        }
        #expect(throws: StoreError.self) { try source.read(try #require(places[2]), BlobID(rawValue: 2), 0) }
        pen.leave()
        #expect(DataDirectory.fileBytes(directory.segment(1)) == places[8]?.end)
    }
}

/// A number that closures count up.
private final class Counter: Sendable {
    private let number = Atomic(0)
    let done = DispatchSemaphore(value: 0)

    var value: Int {
        get { number.load(ordering: .acquiring) }
        set { number.store(newValue, ordering: .releasing) }
    }
}
