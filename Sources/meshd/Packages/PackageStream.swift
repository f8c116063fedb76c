import Store
import Synchronization

/// A node package on its way to who asked for it: made as it is read, never whole in memory.
final class PackageStream: Sendable {
    enum Part: Sendable {
        case bytes([UInt8])
        case archive([TarEntry])
    }

    private struct State: ~Copyable {
        var parts: [Part]
        var archive: TarStream?
        var made: UInt64 = 0
    }

    let fileName: String
    let byteCount: UInt64
    private let millis: UInt64
    private let state: Mutex<State>

    /// - Parameter byteCount: of all parts together.
    init(_ parts: [Part], fileName: String, byteCount: UInt64, millis: UInt64) {
        self.fileName = fileName
        self.byteCount = byteCount
        self.millis = millis
        state = Mutex(State(parts: parts))
    }

    /// The next bytes; nil at the end. Blocks for the time that a megabyte takes.
    func next() throws -> [UInt8]? {
        try state.withLock { state in
            let bytes = try next(&state)
            state.made += UInt64(bytes?.count ?? 0)
            if bytes == nil, state.made != byteCount {
                throw StoreError.io(what: "a file changed while the package was made of it")
            }
            return bytes
        }
    }

    private func next(_ state: inout State) throws -> [UInt8]? {
        while true {
            if var archive = state.archive.take() {
                let bytes = try archive.next()
                if let bytes {
                    state.archive = consume archive
                    if bytes.isEmpty { continue }
                    return bytes
                }
            }
            guard !state.parts.isEmpty else { return nil }
            switch state.parts.removeFirst() {
            case .bytes(let bytes): return bytes
            case .archive(let entries): state.archive = TarStream(entries, millis: millis)
            }
        }
    }
}
