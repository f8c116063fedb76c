import Synchronization

/// Bodies that a reader has open: the sweeper passes them by.
final class Pins: Sendable {
    enum Name: Hashable {
        case blob(BlobID)
        case manifest(Int64)
    }

    private let counts = Mutex<[Name: Int]>([:])

    func pin(_ name: Name) -> Pin {
        counts.withLock { $0[name, default: 0] += 1 }
        return Pin(name, self)
    }

    fileprivate func unpin(_ name: Name) {
        counts.withLock {
            let left = ($0[name] ?? 0) - 1
            $0[name] = left > 0 ? left : nil
        }
    }

    func isPinned(_ name: Name) -> Bool { counts.withLock { $0[name] != nil } }
}

/// Holds one body in place as long as it lives.
final class Pin: Sendable {
    private let name: Pins.Name
    private let pins: Pins

    fileprivate init(_ name: Pins.Name, _ pins: Pins) {
        self.name = name
        self.pins = pins
    }

    deinit { pins.unpin(name) }
}
