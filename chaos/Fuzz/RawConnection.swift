import Glibc

/// A socket that sends any bytes whatever, as no HTTP library would, and reads what comes back.
///
/// Blocking, so it belongs to a thread of its own. It gives the other side half a minute for anything.
struct RawConnection: ~Copyable {
    enum End: Sendable, Equatable {
        /// All the answers that were waited for came.
        case answered
        case closed
        case silent
    }

    static let secondsMax = 30
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Errno(what: "socket", code: errno) }
        var limit = timeval(tv_sec: Self.secondsMax, tv_usec: 0)
        let limitSize = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, limitSize)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, limitSize)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        // A sockaddr_in byte by byte: family in the machine's order, port and 127.0.0.1 in the network's.
        var address = [UInt8](repeating: 0, count: 16)
        withUnsafeBytes(of: sa_family_t(AF_INET)) { address.replaceSubrange(0..<2, with: $0) }
        withUnsafeBytes(of: UInt16(port).bigEndian) { address.replaceSubrange(2..<4, with: $0) }
        address.replaceSubrange(4..<8, with: [127, 0, 0, 1])
        let code = address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { connect(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
        }
        guard code == 0 else {
            let reason = errno
            close(descriptor)
            throw Errno(what: "connect to port \(port)", code: reason)
        }
    }

    deinit { close(descriptor) }

    /// False when the other side takes no more: what it said before may still be read.
    func send(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBytes { all in
            var sent = 0
            while sent < all.count {
                let count = Glibc.send(
                    descriptor,
                    all.baseAddress.map { $0 + sent },
                    all.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
                if count <= 0 { return false }
                sent += count
            }
            return true
        }
    }

    /// Says that no more comes, and still listens.
    func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes with a reset: what the other side sends finds nobody.
    func reset() {
        var how = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &how, socklen_t(MemoryLayout<linger>.size))
    }

    /// Reads until that many final answers came, or the other side closes, or falls silent. nil: until it closes.
    func receive(answers: Int?) -> (RawAnswers, End) {
        let deadline = Clock.nanoseconds() + UInt64(Self.secondsMax) * 1_000_000_000
        var found = RawAnswers()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                found.take(buffer[..<count])
                if let answers, found.statuses.count >= answers { return (found, .answered) }
                if Clock.nanoseconds() > deadline { return (found, .silent) }
                continue
            }
            if count < 0, errno == EINTR { continue }
            return (found, count < 0 && errno == EAGAIN ? .silent : .closed)
        }
    }
}
