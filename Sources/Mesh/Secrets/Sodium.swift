internal import CSodium

/// The door to libsodium: initialises it once, before its first use by anyone.
enum Sodium {
    private static let isReady: Bool = sodium_init() >= 0

    /// Called first by everything in this room. Without a working libsodium there is no random number, so no node.
    static func require() {
        precondition(isReady, "libsodium could not be initialised")
    }
}
