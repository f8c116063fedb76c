import Testing

@testable import meshd

/// Who may try a secret, and when.
@Suite struct SignInGuardTests {
    private let here = SignInGuard.Name.address("192.0.2.1")
    private let key = SignInGuard.Name.key("MKADMIN")

    /// Fails again and again, each time as soon as it is allowed; the waits between.
    private func waits(_ names: [SignInGuard.Name], count: Int) -> [UInt64] {
        var watch = SignInGuard()
        var now: UInt64 = 1_000
        return (0..<count).map { _ in
            watch.failed(names, at: now)
            let wait = watch.wait(names, at: now)
            now += wait
            #expect(watch.wait(names, at: now) == 0)
            return wait
        }
    }

    @Test("a few mistakes are free, then each costs twice the wait of the one before, up to a quarter of an hour")
    func doubling() {
        let waits = waits([here], count: 20)
        #expect(waits.prefix(4).allSatisfy { $0 == 0 })
        #expect(waits[4...8] == [1_000, 2_000, 4_000, 8_000, 16_000])
        #expect(waits.last == SignInGuard.addressWaitMillisMax)
    }

    @Test("an access key is locked for a minute at most: its owner is not locked out by others")
    func keys() {
        let waits = waits([key], count: 40)
        #expect(waits.prefix(19).allSatisfy { $0 == 0 } && waits[19] == 1_000)
        #expect(waits.max() == SignInGuard.keyWaitMillisMax)
    }

    @Test("many addresses that try one key wait for the key; another key from another address does not")
    func distributed() {
        var watch = SignInGuard()
        for number in 0..<25 { watch.failed([.address("198.51.100.\(number)"), key], at: 5) }
        #expect(watch.wait([.address("203.0.113.1"), key], at: 5) > 0)
        #expect(watch.wait([.address("203.0.113.1"), .key("MKOTHER")], at: 5) == 0)
        #expect(watch.wait([.address("198.51.100.3"), .key("MKOTHER")], at: 5) == 0)
    }

    @Test("the right secret forgives, and so does an hour")
    func forgiveness() {
        var watch = SignInGuard()
        for _ in 0..<10 { watch.failed([here, key], at: 0) }
        #expect(watch.wait([here], at: 0) > 0)
        #expect(watch.wait([here], at: SignInGuard.memoryMillis) == 0)
        watch.succeeded([here, key])
        #expect(watch.wait([here, key], at: 0) == 0 && watch.count == 0)
    }

    @Test("a flood of addresses costs bounded memory, and those who wait longest stay remembered")
    func flood() {
        var watch = SignInGuard()
        for _ in 0..<12 { watch.failed([here], at: 10) }
        for number in 0..<(3 * SignInGuard.namesMax) { watch.failed([.address("a\(number)")], at: 10) }
        #expect(watch.count <= SignInGuard.namesMax)
        #expect(watch.wait([here], at: 10) > 0)
    }
}
