import Glibc

/// What is done to the disk of one node.
extension FaultDriver {
    private static let secondsToFillMax: UInt64 = 120
    private static let bitsAtOnce = 64
    /// A file of segments begins with these; without them it is none.
    private static let headerBytes = 64
    /// Of a third of a second the disk stands still for so long.
    private static let frozenMillis = 250

    /// Until it is filled again no other node may lose anything: others have all that there is.
    func wipe(_ victim: ClusterNode, _ step: FaultPlan.Step) async throws {
        let other = cluster.nodes.first { $0.number != victim.number } ?? victim
        guard let before = try? await Standing.ask(cluster, other).memberSince(victim.name) else {
            return verdict.count("nodes not wiped, since nobody said how it stands")
        }
        try await victim.kill()
        try victim.wipe()
        _ = await pause(step.millis / 4)
        try await victim.start()
        let deadline = Clock.nanoseconds() + Self.secondsToFillMax * 1_000_000_000
        var missing = ["nobody was asked"]
        repeat {
            try await Task.sleep(for: .milliseconds(300))
            guard let standing = try? await Standing.ask(cluster, other) else { continue }
            // Until the empty store is let in, the layout tells of the one that is gone.
            let isIn = standing.memberSince(victim.name) > before
            missing = isIn ? standing.withoutPlace([victim.name]) : ["its new store is not let in"]
        } while !missing.isEmpty && Clock.nanoseconds() < deadline
        verdict.check(
            promise: .tidy,
            missing.isEmpty,
            "\(victim.name) came back empty and was not filled in \(Self.secondsToFillMax) s: \(missing.joined(separator: "; "))",
            around: victim.logTail()
        )
    }

    /// Always the same: two that lost the same would be one too many.
    func rotting(_ nodes: [ClusterNode]) -> ClusterNode { nodes[nodes.count - 1] }

    /// Flips bits while the node runs, or cuts the end of a file off.
    func damage(_ victim: ClusterNode, _ step: FaultPlan.Step) throws {
        var random = SeededRandom(seed: step.variant)
        guard let path = try victim.segments().randomElement(using: &random) else { return }
        let file = open(path, O_RDWR | O_CLOEXEC)
        // It may have been compacted away just now.
        guard file >= 0 else { return }
        defer { close(file) }
        let size = lseek(file, 0, SEEK_END)
        guard size > Self.headerBytes else { return }
        verdict.count("files damaged")
        if random.oneIn(4) {
            guard ftruncate(file, .random(in: Self.headerBytes..<size, using: &random)) == 0 else {
                throw Errno(what: "cutting \(path) short", code: errno)
            }
            return
        }
        for _ in 0..<Self.bitsAtOnce {
            let offset = Int.random(in: Self.headerBytes..<size, using: &random)
            var byte: UInt8 = 0
            guard pread(file, &byte, 1, offset) == 1 else { continue }
            byte ^= 1 << UInt8.random(in: 0..<8, using: &random)
            guard pwrite(file, &byte, 1, offset) == 1 else { throw Errno(what: "writing \(path)", code: errno) }
        }
    }

    /// Full, or slow.
    func hamper(_ victim: ClusterNode, _ step: FaultPlan.Step) async throws {
        guard let disks = cluster.disks else { return }
        if step.kind == .full {
            try await disks.fill(victim.number, mebibytesLeft: Int(step.variant % 64))
            _ = await pause(step.millis)
            return try await disks.empty(victim.number)
        }
        let deadline = Clock.nanoseconds() + UInt64(step.millis) * 1_000_000
        while course.goesOn, Clock.nanoseconds() < deadline {
            try await disks.freeze(victim.number)
            // Also when the run is cancelled: what is frozen cannot be stopped.
            try? await Task.sleep(for: .milliseconds(Self.frozenMillis))
            try await disks.thaw(victim.number)
            try await Task.sleep(for: .milliseconds(80))
        }
    }
}
