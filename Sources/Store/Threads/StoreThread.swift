import Glibc

/// A thread of the store's own. Disk work must block neither an event loop nor the cooperative pool.
final class StoreThread: Sendable {
    private let id: pthread_t

    /// Starts a thread; `name` is what `top -H` shows (15 bytes at most).
    init(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var id = pthread_t()
        let code = pthread_create(
            &id,
            nil,
            { raw in
                guard let raw else { return nil }
                let start = Unmanaged<Start>.fromOpaque(raw).takeRetainedValue()
                StoreThread.name(start.name)
                start.body()
                return nil
            },
            start.toOpaque()
        )
        guard code == 0 else {
            start.release()
            throw StoreError.io(what: "cannot start the thread \(name): \(errnoText(code))")
        }
        self.id = id
    }

    /// Tells the system the thread's name. The call is missing from the module map of Glibc, so it is looked up.
    private static func name(_ name: String) {
        typealias SetName = @convention(c) (pthread_t, UnsafePointer<CChar>) -> Int32
        guard let symbol = dlsym(nil, "pthread_setname_np") else { return }
        // The symbol has had this type since glibc 2.12.
        _ = unsafeBitCast(symbol, to: SetName.self)(pthread_self(), name)
    }

    /// Waits for its end. Once only.
    func join() { pthread_join(id, nil) }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}

func errnoText(_ code: Int32) -> String { String(cString: strerror(code)) }
