import Foundation
import Glibc
import Mesh
import NIOCore
import Swim
import Synchronization
import Testing

/// What calls over one link cost, both ends in this process: `MESHD_LINK_BENCH=1 swift test -c release`.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["MESHD_LINK_BENCH"] == "1"))
struct LinkBenchmark {
    /// Keeps a number of calls under way, each of which begins the next one when it is answered.
    private final class Loop: Sendable {
        let links: Links
        let peer: NodeID
        let method: UInt8
        let payload: ByteBuffer
        let left: Atomic<Int>
        let running: Atomic<Int>
        let failed = Atomic<Int>(0)
        let end: UnsafeContinuation<Void, Never>

        init(
            _ links: Links,
            _ peer: NodeID,
            _ method: UInt8,
            _ payload: ByteBuffer,
            count: Int,
            width: Int,
            _ end: UnsafeContinuation<Void, Never>
        ) {
            self.links = links
            self.peer = peer
            self.method = method
            self.payload = payload
            left = Atomic(count)
            running = Atomic(width)
            self.end = end
        }

        func next() {
            guard left.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 else {
                if running.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { end.resume() }
                return
            }
            links.call(peer, .data, method, payload, timeoutMicros: 10_000_000) { result in
                if case .failure = result { self.failed.wrappingAdd(1, ordering: .relaxed) }
                self.next()
            }
        }
    }

    private static func cpuMicros() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let (user, system) = (usage.ru_utime, usage.ru_stime)
        return (user.tv_sec + system.tv_sec) * 1_000_000 + Int(user.tv_usec + system.tv_usec)
    }

    @Test("calls a second and CPU per call, both ends together") func figures() async throws {
        try await LinkBed.with(2) { bed in
            let (links, peer) = (bed.links[0], bed.id(1))
            let large = ByteBuffer(repeating: 7, count: 256 << 10)
            let wanted = ByteBuffer(integer: UInt32(256 << 10))
            let cells: [(name: String, method: UInt8, payload: ByteBuffer, count: Int, width: Int)] = [
                ("100 B both ways", 1, ByteBuffer(repeating: 7, count: 100), 20_000, 1),
                ("100 B both ways", 1, ByteBuffer(repeating: 7, count: 100), 200_000, 16),
                ("100 B both ways", 1, ByteBuffer(repeating: 7, count: 100), 400_000, 64),
                ("100 B both ways", 1, ByteBuffer(repeating: 7, count: 100), 400_000, 256),
                ("4 KiB both ways", 1, ByteBuffer(repeating: 7, count: 4 << 10), 100_000, 64),
                ("256 KiB both ways", 1, large, 2_000, 1), ("256 KiB both ways", 1, large, 8_000, 16),
                ("256 KiB answers", 4, wanted, 8_000, 16),
            ]
            for cell in cells {
                for isWarm in [false, true] {
                    let count = isWarm ? cell.count : cell.count / 10
                    let (cpu, start) = (Self.cpuMicros(), ContinuousClock.now)
                    var loop: Loop?
                    await withUnsafeContinuation { end in
                        let runner = Loop(
                            links,
                            peer,
                            cell.method,
                            cell.payload,
                            count: count,
                            width: cell.width,
                            end
                        )
                        loop = runner
                        for _ in 0..<cell.width { runner.next() }
                    }
                    #expect(loop?.failed.load(ordering: .relaxed) == 0)
                    guard isWarm else { continue }
                    let seconds = (ContinuousClock.now - start) / .seconds(1)
                    let rate = Int(Double(count) / seconds)
                    let micros = Double(Self.cpuMicros() - cpu) / Double(count)
                    print("\(cell.name), \(cell.width) at a time: \(rate) calls/s, \(micros) us of CPU per call")
                }
            }
        }
    }
}
