import NIOCore

/// Does to a mesh what the plan says, undoes it, and waits until it is whole, again and again.
struct FaultDriver {
    let cluster: Cluster
    let course: Course
    let verdict: Verdict

    func work(_ plan: FaultPlan) async throws {
        var plan = plan
        while course.goesOn, let step = plan.next() {
            guard await pause(step.quietMillis) else { return }
            let nodes = cluster.nodes
            let victim = step.kind == .rot ? rotting(nodes) : nodes[step.victim % nodes.count]
            let victims = step.kind.isTotal ? nodes : [victim]
            // A node that is about to come or go is left alone.
            guard cluster.claim(victims) else { continue }
            for node in victims { checkAlive(node) }
            verdict.count("faults: \(step.kind)")
            try await strike(step, victim)
            cluster.release(victims)
        }
    }

    /// False when the run is over. Small steps, so that its end is seen.
    func pause(_ millis: Int) async -> Bool {
        let deadline = Clock.nanoseconds() + UInt64(millis) * 1_000_000
        while course.goesOn, Clock.nanoseconds() < deadline {
            guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return false }
        }
        return course.goesOn
    }

    /// A node that ended though nobody made it.
    private func checkAlive(_ node: ClusterNode) {
        guard let exit = node.ending else { return }
        verdict.fail(promise: .tidy, "\(node.name) ended by itself with \(exit)", around: node.logTail(lines: 40))
    }

    private func strike(_ step: FaultPlan.Step, _ victim: ClusterNode) async throws {
        let number = cluster.troubles.begin(
            step.kind.isWide ? nil : victim.number,
            "\(step.kind)",
            graceNanos: step.kind.startsNode ? 0 : Troubles.graceNanos
        )
        let begin = Clock.nanoseconds()
        switch step.kind {
        case .kill:
            try await victim.kill()
            _ = await pause(step.millis)
            try await victim.start()
        case .restart, .upgrade:
            let exit = try await victim.stop()
            verdict.peak("slowest graceful stop in ms", Int((Clock.nanoseconds() - begin) / 1_000_000))
            verdict.check(
                promise: .tidy,
                exit == .code(0),
                "a graceful stop of \(victim.name) ended with \(exit.map { "\($0)" } ?? "an earlier end")",
                around: victim.logTail()
            )
            _ = await pause(step.millis / 4)
            if step.kind == .upgrade { victim.changeBuild() }
            try await victim.start()
        case .stop:
            victim.pause()
            _ = await pause(step.millis)
            victim.resume()
        case .blackout, .powercut:
            let nodes = cluster.nodes
            for node in nodes { node.signalKill() }
            for node in nodes { try await node.kill() }
            if step.kind == .powercut { try await cutPower(nodes) }
            try await startAll(nodes)
        case .clock:
            try victim.clock?.jump(step.variant)
            _ = await pause(step.millis)
            try victim.clock?.set(seconds: 0)
        case .late: try await comeLate()
        case .doubt: try await leaveInDoubt(victim, step)
        case .wipe: try await wipe(victim, step)
        case .rot:
            try damage(victim, step)
            _ = await pause(step.millis)
        case .full, .slow: try await hamper(victim, step)
        case .isolate, .oneway, .lossy, .partition, .narrow, .bridge, .ring:
            guard let namespaces = cluster.network.namespaces else { return }
            try await cut(step, victim, namespaces)
            _ = await pause(step.millis)
            try await namespaces.heal()
        }
        cluster.troubles.end(number)
        verdict.peak("slowest fault and recovery in ms", Int((Clock.nanoseconds() - begin) / 1_000_000))
    }

    /// All at once: none may wait for another that is not there yet.
    private func startAll(_ nodes: [ClusterNode]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for node in nodes { tasks.addTask { try await node.start() } }
            try await tasks.waitForAll()
        }
    }

    private func cutPower(_ nodes: [ClusterNode]) async throws {
        guard let disks = cluster.disks else { return }
        for node in nodes { try await disks.cutPower(node.number) }
    }

    private func cut(_ step: FaultPlan.Step, _ victim: ClusterNode, _ namespaces: Namespaces) async throws {
        let all = cluster.nodes.map(\.number)
        let others = all.filter { $0 != victim.number }
        switch step.kind {
        case .oneway where step.variant & 1 == 0: try await namespaces.cut(from: others, to: [victim.number])
        case .oneway: try await namespaces.cut(from: [victim.number], to: others)
        case .lossy: try await namespaces.muffle(victim.number, lossPercent: 20)
        case .narrow: try await namespaces.narrow(victim.number, kilobits: 256)
        case .bridge:
            let (one, two) = (others[..<(others.count / 2)], others[(others.count / 2)...])
            try await namespaces.cut(from: one, to: two)
            try await namespaces.cut(from: two, to: one)
        case .ring:
            for (index, node) in all.enumerated() {
                let near = [1, all.count - 1].map { all[(index + $0) % all.count] }
                try await namespaces.cut(from: Set(all).subtracting(near), to: [node])
            }
        case .partition:
            var random = SeededRandom(seed: step.variant)
            let mixed = all.shuffled(using: &random)
            let (one, two) = (mixed[..<(mixed.count / 2)], mixed[(mixed.count / 2)...])
            try await namespaces.cut(from: one, to: two)
            try await namespaces.cut(from: two, to: one)
        default:
            try await namespaces.cut(from: others, to: [victim.number])
            try await namespaces.cut(from: [victim.number], to: others)
        }
    }
}
