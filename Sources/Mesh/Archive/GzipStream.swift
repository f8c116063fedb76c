internal import CISAL

/// Bytes into gzip's format as they come, by ISA-L: quick enough that a package is a download
/// and no job. The same bytes in the same pieces give the same bytes.
// Sendable: the pointer is this value's alone, and a value that cannot be copied is in one place at a time.
package struct GzipStream: ~Copyable, @unchecked Sendable {
    private let state: UnsafeMutableRawPointer
    /// What one step may make.
    private static let stepBytes = 256 << 10

    package init() {
        guard let state = meshd_gzip_open() else { fatalError("out of memory") }
        self.state = state
    }

    deinit { meshd_gzip_close(state) }

    /// Compresses `bytes` and appends what is ready; with `isLast` all that is left. Nothing may come after that.
    package mutating func append(_ bytes: [UInt8], isLast: Bool, into out: inout [UInt8]) {
        var from = 0
        var made: UInt32 = 0
        repeat {
            let piece = [UInt8](unsafeUninitializedCapacity: Self.stepBytes) { output, count in
                var taken: UInt32 = 0
                let result = bytes.withUnsafeBufferPointer { input in
                    meshd_gzip_step(
                        state,
                        input.baseAddress.map { $0 + from },
                        UInt32(input.count - from),
                        isLast ? 1 : 0,
                        output.baseAddress,
                        UInt32(Self.stepBytes),
                        &taken,
                        &made
                    )
                }
                precondition(result == 0, "ISA-L refused the stream that this code set up: \(result)")
                from += Int(taken)
                count = Int(made)
            }
            out += piece
            // Room that is left over says that nothing more is ready.
        } while from < bytes.count || made == Self.stepBytes
    }
}
